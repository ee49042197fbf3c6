// Numbers for people. Thin spaces group digits, since commas and dots mean
// different things in different countries.

/** count groups the digits of an integer. */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** short writes a count in at most four characters, for the field list. */
export function short(n: number): string {
  if (n < 1000) return String(n);
  for (const [unit, size] of [['k', 1e3], ['M', 1e6], ['G', 1e9]] as const) {
    if (n < size * 999.5) {
      const v = n / size;
      return (v < 9.95 ? v.toFixed(1) : v.toFixed(0)) + unit;
    }
  }
  return n.toExponential(0);
}

/** bytes writes a size with a decimal unit. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  let v = n;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    v /= 1000;
    if (v < 999.5 || unit === 'TB') return `${v < 9.95 ? v.toFixed(1) : v.toFixed(0)} ${unit}`;
  }
  return '';
}

/** millis writes a duration given in milliseconds. */
export function millis(ms: number): string {
  if (ms < 10) return `${ms < 1 ? ms.toFixed(1) : Math.round(ms * 10) / 10} ms`;
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** plural writes a count with its noun. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
