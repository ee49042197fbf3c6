// Rows as the API sends them, and how pages of rows fit together.

/** Exact is a number that a JavaScript number cannot hold without loss. */
export class Exact {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Value = null | boolean | number | string | Exact | Value[] | { [name: string]: Value };

/** Row is one log record, or one line of a table. */
export interface Row {
  /** id is unique in this page's life; it keys the list. */
  id: number;
  /** time is @timestamp as the server wrote it, "" when the row has none. */
  time: string;
  /** fields holds everything but _source, by dotted name, in order. */
  fields: Record<string, Value>;
  /** source is the record as it came, when the server sent it. */
  source?: Value;
}

let nextID = 1;

/** parseJSON is JSON.parse that keeps long numbers as they came. */
export function parseJSON(text: string): Value {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as Value;
  // The third argument is newer than some browsers; without it long numbers are
  // rounded, as anywhere else in JavaScript.
  const reviver = (_: string, value: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
    return /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? new Exact(source) : value;
  };
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as Value;
}

/** rowFrom makes a row of a parsed line. */
export function rowFrom(line: Record<string, Value>): Row {
  const { _source, ...fields } = line;
  const time = fields['@timestamp'];
  const row: Row = { id: nextID++, time: typeof time === 'string' ? time : '', fields };
  if (_source !== undefined) row.source = _source;
  return row;
}

/** same is a text that two rows share exactly when nobody can tell them apart. */
export function same(row: Row): string {
  return stringify(row.fields);
}

/** stringify is JSON.stringify that writes exact numbers as they came. */
export function stringify(value: Value, indent = 0): string {
  return write(value, indent, '');
}

function write(value: Value, indent: number, margin: string): string {
  if (value instanceof Exact) return value.text;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = margin + ' '.repeat(indent);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const items = Array.isArray(value)
    ? value.map((v) => write(v, indent, inner))
    : Object.entries(value).map(([k, v]) => JSON.stringify(k) + (indent ? ': ' : ':') + write(v, indent, inner));
  if (items.length === 0) return open + close;
  if (indent === 0) return open + items.join(',') + close;
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${margin}${close}`;
}

/**
 * Known drops the rows that a page repeats. Pages are asked for inclusively of
 * the oldest time seen, since more rows may share it than fitted; rows that are
 * alike in every field are counted, so that a true twin is not lost.
 */
export class Known {
  #counts = new Map<string, number>();
  size = 0;

  constructor(rows: Iterable<Row>) {
    for (const row of rows) {
      const key = same(row);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
      this.size++;
    }
  }

  /** take tells whether row is a known one, and forgets that one. */
  take(row: Row): boolean {
    if (this.size === 0) return false;
    const key = same(row);
    const n = this.#counts.get(key) ?? 0;
    if (n === 0) return false;
    this.#counts.set(key, n - 1);
    this.size--;
    return true;
  }
}

/** oldestOf returns the rows at the end of a newest-first list that share the oldest time. */
export function oldestOf(rows: readonly Row[]): Row[] {
  const last = rows.at(-1);
  if (!last) return [];
  let i = rows.length;
  while (i > 0 && rows[i - 1]!.time === last.time) i--;
  return rows.slice(i);
}

/** text shows a value as plain text: strings as they are, the rest as JSON. */
export function text(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : stringify(value);
}

/** first returns the first of the named fields that has a value. */
function first(row: Row, names: readonly string[]): string {
  for (const name of names) {
    const value = row.fields[name];
    if (value !== undefined && value !== null && value !== '') return text(value);
  }
  return '';
}

export const hostOf = (row: Row): string => first(row, ['host', 'host.name', 'hostname', 'agent.hostname']);
export const levelOf = (row: Row): string => first(row, ['level', 'log.level', 'severity']);

const notInMessage = new Set(['@timestamp', 'dataset', 'host', 'level', 'type', 'file', 'offset', 'tags']);

/** messageOf is the row's message, or its other fields when it has none. */
export function messageOf(row: Row): string {
  const message = first(row, ['message', 'msg', 'log']);
  if (message !== '') return message;
  return Object.entries(row.fields)
    .filter(([name]) => !notInMessage.has(name))
    .map(([name, value]) => `${name}=${text(value)}`)
    .join(' ');
}
