#!/usr/bin/env bash
# Install what the tests need and this machine lacks, on Debian or Ubuntu:
# Node.js (20.19 or newer, for the page), Chromium (for the browser tests), and the
# programs that scribe is tested with: logrotate, rsyslog, journalctl and logger.
# Does nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

sudo=""
if [ "$(id -u)" != 0 ]; then sudo="sudo"; fi

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
command -v logrotate >/dev/null || [ -x /usr/sbin/logrotate ] || missing+=(logrotate)
command -v rsyslogd >/dev/null || [ -x /usr/sbin/rsyslogd ] || missing+=(rsyslog)
command -v journalctl >/dev/null || missing+=(systemd)
command -v logger >/dev/null || missing+=(bsdutils)
command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "the tests need: ${missing[*]}; please install them (only Debian and Ubuntu are done by this script)" >&2
    exit 1
  fi
  echo "installing for the tests: ${missing[*]}" >&2
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# A distribution's Node.js may be too old for the page's build: take one from npm.
new_enough() {
  node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||a===20&&b>=19?0:1)' 2>/dev/null
}
export PATH="$PWD/.tools/bin:$PATH"
if ! new_enough; then
  case "$(uname -m)" in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "Node.js $(node --version) is too old (20.19 is needed) and npm has none for $(uname -m)" >&2; exit 1 ;;
  esac
  echo "Node.js $(node --version) is too old for the page: installing version 22 into .tools" >&2
  npm install --silent --no-audit --no-fund --prefix .tools/node "node-linux-$arch@22"
  mkdir -p .tools/bin
  ln -sf "../node/node_modules/node-linux-$arch/bin/node" .tools/bin/node
  hash -r # bash remembers the old one's place
  new_enough
fi
