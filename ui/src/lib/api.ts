// The server's HTTP API as this page uses it.

import { events, lines } from './ndjson';
import { parseJSON, rowFrom, type Row, type Value } from './rows';

/** Problem is an error with the server's own words, or ours when it is out of reach. */
export class Problem extends Error {
  constructor(
    readonly kind: string,
    message: string,
    readonly hint = '',
    /** position is where in the query, in bytes from 0; -1 when it says nothing. */
    readonly position = -1,
    readonly status = 0,
  ) {
    super(message);
  }
}

export interface Stats {
  rows_matched: number;
  rows_scanned: number;
  bytes_read: number;
  elapsed_ms: number;
  partial: string[];
  /** What is an estimate, and why a name found nothing. */
  notes: string[];
}

export interface User {
  name: string;
  scopes: string[];
  version: string;
}

export interface Bucket {
  time: string;
  count: number;
  by?: Record<string, number>;
}

export interface Histogram {
  from: string;
  to: string;
  span_ms: number;
  buckets: Bucket[];
}

export interface Field {
  name: string;
  kind: string;
  count: number;
  distinct: number;
  top: { value: string; count: number }[];
}

export interface Fields {
  sampled: number;
  fields: Field[];
}

export interface Ask {
  query: string;
  from: string;
  to: string;
}

/** The zone in which dates without one are meant and days begin: the reader's. */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** skew is how far the server's clock is ahead of this one, in milliseconds. */
let skew = 0;

/** serverNow is the server's present: relative ranges are the server's. */
export const serverNow = (): number => Date.now() + skew;

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let res: Response;
  try {
    res = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init });
  } catch (err) {
    if (init.signal?.aborted) throw err;
    throw new Problem('network', 'The server cannot be reached.', 'Is journalist running, and the network up?');
  }
  const date = Date.parse(res.headers.get('Date') ?? '');
  // The header has whole seconds; less than that is no skew.
  if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  if (!res.ok) throw await problemOf(res);
  return res;
}

async function problemOf(res: Response): Promise<Problem> {
  try {
    return problemFrom(await res.json(), res.status);
  } catch {
    return new Problem('internal', `The server answered ${res.status} ${res.statusText}.`.replace(' .', '.'), '', -1, res.status);
  }
}

/** problemFrom reads a problem document (RFC 9457), as an answer or at the end of a stream. */
function problemFrom(error: unknown, status = 0): Problem {
  const e = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const str = (v: unknown): string => (typeof v === 'string' ? v : '');
  const position = typeof e.position === 'number' ? e.position : -1;
  return new Problem(str(e.kind) || 'internal', str(e.detail) || 'The server reported an error.', str(e.hint), position, status);
}

const json = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
  signal: signal ?? null,
});

const search = (params: Record<string, string | number>): string =>
  Object.entries(params)
    .map(([k, v]) => `${k}=${encodeURIComponent(v)}`)
    .join('&');

export async function login(credentials: { token: string } | { code: string }): Promise<void> {
  await ask('/api/v1/login', json(credentials));
}

export async function logout(): Promise<void> {
  await ask('/api/v1/logout', json({}));
}

export async function me(): Promise<User> {
  const user = (await (await ask('/api/v1/me')).json()) as Partial<User>;
  return { name: user.name ?? '', scopes: user.scopes ?? [], version: user.version ?? '' };
}

/**
 * query streams an answer's rows to onRow and returns the statistics of its
 * trailer. A failure after the first rows rejects like one before them.
 */
export async function query(
  q: Ask & { limit: number; source?: boolean },
  onRow: (row: Row) => void,
  signal: AbortSignal,
): Promise<Stats> {
  const res = await ask('/api/v1/query', {
    ...json({ ...q, zone }, signal),
    headers: { 'Content-Type': 'application/json', Accept: 'application/x-ndjson' },
  });
  // Only the last line is the trailer: a row may look like one.
  let held: string | undefined;
  for await (const line of lines(res.body!)) {
    if (line === '') continue;
    if (held !== undefined) onRow(rowFrom(parseJSON(held) as Record<string, Value>));
    held = line;
  }
  const trailer = held === undefined ? {} : (parseJSON(held) as { stats?: Partial<Stats>; error?: unknown });
  if (trailer.error !== undefined) throw problemFrom(trailer.error);
  if (trailer.stats === undefined) {
    throw new Problem('network', 'The answer broke off.', 'The rows shown are not all of them; run the query again.');
  }
  const { rows_matched = 0, rows_scanned = 0, bytes_read = 0, elapsed_ms = 0, partial, notes } = trailer.stats;
  return { rows_matched, rows_scanned, bytes_read, elapsed_ms, partial: partial ?? [], notes: notes ?? [] };
}

export async function histogram(q: Ask & { buckets: number; by: string }, signal: AbortSignal): Promise<Histogram> {
  const h = (await (await ask(`/api/v1/histogram?${search({ ...q, zone })}`, { signal })).json()) as Histogram;
  return { ...h, buckets: h.buckets ?? [] };
}

export async function fields(q: Ask & { top: number }, signal: AbortSignal): Promise<Fields> {
  const f = (await (await ask(`/api/v1/fields?${search({ ...q, zone })}`, { signal })).json()) as Fields;
  return { sampled: f.sampled ?? 0, fields: (f.fields ?? []).map((x) => ({ ...x, top: x.top ?? [] })) };
}

/** Trouble is something that is wrong with the server, in its own words. */
export interface Trouble {
  kind: string;
  severity: string;
  what: string;
  remedy: string;
  where?: string[];
  since?: string;
}

export async function health(signal: AbortSignal): Promise<Trouble[]> {
  const h = (await (await ask('/api/v1/health', { signal })).json()) as { problems?: Trouble[] };
  return h.problems ?? [];
}

export interface TailSink {
  ready(): void;
  row(row: Row): void;
  missed(n: number): void;
}

/** tail follows new rows until the signal aborts or the connection ends. */
export async function tail(queryText: string, sink: TailSink, signal: AbortSignal): Promise<void> {
  const res = await ask(`/api/v1/tail?${search({ query: queryText, zone, source: 1 })}`, {
    signal,
    headers: { Accept: 'text/event-stream' },
  });
  for await (const { event, data } of events(res.body!)) {
    if (event === 'ready') sink.ready();
    else if (event === 'row') sink.row(rowFrom(parseJSON(data) as Record<string, Value>));
    else if (event === 'missed') sink.missed(Number((JSON.parse(data) as { missed?: number }).missed ?? 0));
    else if (event === 'error') {
      const body = JSON.parse(data) as { error?: unknown };
      throw problemFrom(body.error ?? body);
    }
  }
}
