// Small things kept in the browser. Storage may be full, forbidden or hold what
// another version wrote: then the page goes on without.

const prefix = 'journalist.';

export function load<T>(name: string, isValid: (value: unknown) => value is T, otherwise: T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(prefix + name) ?? 'null');
    return isValid(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

export function save(name: string, value: unknown): void {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // Only comfort is lost.
  }
}

export const isTexts = (v: unknown): v is string[] => Array.isArray(v) && v.every((x) => typeof x === 'string');
export const isFlag = (v: unknown): v is boolean => typeof v === 'boolean';

const longestHistory = 50;

/** remembered puts a query in front of the history, once. */
export function remembered(history: readonly string[], query: string): string[] {
  const text = query.trim();
  if (text === '') return [...history];
  return [text, ...history.filter((h) => h !== text)].slice(0, longestHistory);
}
