// Times and ranges. A range is kept as it was chosen, relative or absolute; a
// time with nanoseconds stays text or becomes a bigint, never a number.

/** A range's end: "now", "now-1h", or an RFC 3339 time. */
export interface Range {
  from: string;
  to: string;
}

export const defaultRange: Range = { from: 'now-1h', to: 'now' };

export const presets: readonly { label: string; short: string; from: string }[] = [
  { label: 'Last 5 minutes', short: '5m', from: 'now-5m' },
  { label: 'Last 15 minutes', short: '15m', from: 'now-15m' },
  { label: 'Last hour', short: '1h', from: 'now-1h' },
  { label: 'Last 6 hours', short: '6h', from: 'now-6h' },
  { label: 'Last 24 hours', short: '24h', from: 'now-24h' },
  { label: 'Last 7 days', short: '7d', from: 'now-7d' },
];

const units: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3, w: 604800e3 };
const relative = /^now(?:-(\d+(?:\.\d+)?)(ms|s|m|h|d|w))?$/;

export const isRelative = (time: string): boolean => relative.test(time);

/** resolve returns the milliseconds since the epoch that time means at now, or NaN. */
export function resolve(time: string, now: number): number {
  const m = relative.exec(time);
  if (!m) return /^\d{4}-\d\d-\d\d/.test(time) ? Date.parse(time) : NaN;
  return now - (m[1] ? Number(m[1]) * units[m[2]!]! : 0);
}

/** valid tells whether both ends of a range can be resolved and are in order. */
export function valid(range: Range, now: number): boolean {
  return resolve(range.from, now) < resolve(range.to, now);
}

/** absolute pins a range to the instants it means at now. */
export function absolute(range: Range, now: number): Range {
  const pin = (t: string): string => (isRelative(t) ? new Date(resolve(t, now)).toISOString() : t);
  return { from: pin(range.from), to: pin(range.to) };
}

/** nanos parses an RFC 3339 time in UTC or with an offset, to nanoseconds since the epoch. */
export function nanos(time: string): bigint {
  const m = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (!m) throw new RangeError(`not an RFC 3339 time: ${time}`);
  const seconds = BigInt(Date.parse(m[1]! + m[3]!) / 1000);
  return seconds * 1_000_000_000n + BigInt((m[2] ?? '').padEnd(9, '0'));
}

/** rfc3339 writes nanoseconds since the epoch as an RFC 3339 time in UTC. */
export function rfc3339(ns: bigint): string {
  let seconds = ns / 1_000_000_000n;
  let rest = ns % 1_000_000_000n;
  if (rest < 0n) {
    rest += 1_000_000_000n;
    seconds -= 1n;
  }
  const fraction = String(rest).padStart(9, '0').replace(/0+$/, '');
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}${fraction && `.${fraction}`}Z`;
}

/** after returns the next nanosecond: an exclusive end that includes time. */
export const after = (time: string): string => rfc3339(nanos(time) + 1n);

const two = (n: number): string => String(n).padStart(2, '0');

/** localInput writes an instant as an <input type="datetime-local"> wants it. */
export function localInput(ms: number): string {
  const d = new Date(ms);
  return `${localDate(d)}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

function localDate(d: Date): string {
  return `${String(d.getFullYear()).padStart(4, '0')}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

/** clock shows a time of day in the local zone with milliseconds, the date first on request. */
export function clock(time: string | number, withDate = false): string {
  const d = new Date(time);
  if (Number.isNaN(d.getTime())) return String(time);
  const ms = String(d.getMilliseconds()).padStart(3, '0');
  const day = withDate ? `${localDate(d)} ` : '';
  return `${day}${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${ms}`;
}

/** stamp shows an instant in the local zone to the second. */
export function stamp(time: string | number): string {
  const d = new Date(time);
  if (Number.isNaN(d.getTime())) return String(time);
  return `${localDate(d)} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** label names a range as the time button shows it. */
export function label(range: Range): string {
  if (range.to === 'now') {
    const preset = presets.find((p) => p.from === range.from);
    if (preset) return preset.label;
    if (isRelative(range.from)) return `Last ${range.from.slice(4)}`;
  }
  const show = (t: string): string => (isRelative(t) ? t : stamp(t));
  const [from, to] = [show(range.from), show(range.to)];
  const sameDay = from.slice(0, 11) === to.slice(0, 11) && from.length > 11;
  return `${from} – ${sameDay ? to.slice(11) : to}`;
}

/** zone names the local time zone with its offset at the given instant. */
export function zone(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset();
  const sign = minutes < 0 ? '−' : '+';
  const abs = Math.abs(minutes);
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${name} (UTC${sign}${two(Math.floor(abs / 60))}:${two(abs % 60)})`;
}

/** ago says how long before now an instant was, roughly. */
export function ago(time: string, now: number): string {
  const s = Math.round((now - Date.parse(time)) / 1000);
  if (Number.isNaN(s)) return '';
  if (s < 0) return 'in the future';
  if (s < 90) return `${s} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  if (s < 129600) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} days ago`;
}
