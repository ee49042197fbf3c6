#!/usr/bin/env bash
# Run every fuzzer of the module for FUZZTIME, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
time=${FUZZTIME:-5s}
count=0
while IFS=: read -r file line; do
  name=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/' <<<"$line")
  dir=./$(dirname "$file")
  echo "fuzz $dir $name ($time)"
  # The go command now and then takes the end of its own time for a failure: it
  # then says "context deadline exceeded" and names no failing input.
  out=$("$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1x "$dir" 2>&1) ||
    { grep -q 'context deadline exceeded' <<<"$out" && ! grep -q 'Failing input' <<<"$out" && ! grep -q 'panic' <<<"$out"; } ||
    { echo "$out"; exit 1; }
  count=$((count + 1))
done < <(git ls-files '*_test.go' | xargs grep -HE '^func Fuzz[A-Za-z0-9_]*\(' )
[ "$count" -gt 0 ] || { echo "no fuzzer found" >&2; exit 1; }
echo "$count fuzzers ran, none found anything"
