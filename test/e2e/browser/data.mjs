// The lines the browser tests load: known, varied, spread over the last hour.

const hosts = ['web-01', 'web-02', 'web-03', 'db-01'];
const paths = ['/', '/login', '/cart', '/api/orders', '/api/users/42'];

/** A small generator of numbers, so that every run has the same lines. */
function dice(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** The marks by which tests find their lines. */
export const marks = {
  rare: 'zebrafish',
  hostile: 'hostileline',
  stack: 'stacktraceline',
};

/**
 * run is in every record of this run, so that tests count only their own.
 */
export const run = `r${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;

/**
 * records makes count records whose times end shortly before now, oldest first.
 * One in twenty is an error, one in ten a warning; three more are special.
 */
export function records(count, now) {
  const roll = dice(20240229);
  const step = Math.floor((55 * 60_000) / count);
  const out = [];
  for (let i = 0; i < count; i++) {
    const time = new Date(now - (count - i) * step - roll(Math.min(step, 500))).toISOString();
    const host = hosts[roll(hosts.length)];
    const path = paths[roll(paths.length)];
    const ms = 3 + roll(400);
    const base = { '@timestamp': time, run, host, service: host.startsWith('db') ? 'postgres' : 'shop', n: i };
    const kind = roll(20);
    if (kind === 0) {
      out.push({ ...base, level: 'error', message: `upstream timed out (110: Connection timed out) while reading ${path}`, http: { status: 504, path } });
    } else if (kind <= 2) {
      out.push({ ...base, level: 'warn', message: `slow request ${path} took ${ms + 1000} ms`, http: { status: 200, path }, duration_ms: ms + 1000 });
    } else if (kind <= 5) {
      out.push({ ...base, level: 'debug', message: `cache miss for key user:${roll(9000)}` });
    } else {
      out.push({ ...base, level: 'info', message: `GET ${path} 200 in ${ms} ms`, http: { status: 200, path }, duration_ms: ms, trace_id: `${roll(2 ** 31).toString(16)}${roll(2 ** 31).toString(16)}` });
    }
  }
  const late = (n) => new Date(now - n * 1000).toISOString();
  out.push({ '@timestamp': late(40), run, host: 'web-01', level: 'error', service: 'shop', n: count, message: `${marks.rare} order 4711 failed`, order: { id: 4711, items: ['shoe', 'hat'] }, big: 12345678901 });
  out.push({
    '@timestamp': late(35),
    run,
    host: 'web-02',
    level: 'info',
    service: 'shop',
    n: count + 1,
    message: `${marks.hostile} <img src=x onerror="document.title='pwned'"> <script>document.title='pwned'</script> \u202egnp.exe \u001b[31mred\u001b[0m \u0007bell \u001b]0;title\u0007`,
  });
  out.push({
    '@timestamp': late(30),
    run,
    host: 'web-03',
    level: 'error',
    service: 'shop',
    n: count + 2,
    message: `${marks.stack} java.lang.IllegalStateException: no stock\n\tat shop.Cart.pay(Cart.java:42)\n\tat shop.Main.main(Main.java:7)`,
  });
  return out;
}

/** load sends records to the server and fails unless all were accepted. */
export async function load(url, token, list) {
  const res = await fetch(`${url}/api/v1/ingest/jsonl`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/x-ndjson' },
    body: list.map((r) => JSON.stringify(r)).join('\n') + '\n',
  });
  const text = await res.text();
  if (!res.ok) throw new Error(`ingest answered ${res.status}: ${text}`);
  const { accepted, rejected } = JSON.parse(text);
  if (accepted !== list.length || rejected !== 0) throw new Error(`ingest accepted ${accepted} of ${list.length}: ${text}`);
}
