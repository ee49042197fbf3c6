// What is being looked at, as a link. It stands in the fragment, which browsers
// send to nobody: a query may hold what should not be in a proxy's log.

import { defaultRange } from './time';

export interface View {
  query: string;
  from: string;
  to: string;
  /** live is whether new lines are followed. */
  live: boolean;
  /** columns are the fields shown beside the message. */
  columns: string[];
  /** at is the time of a row to open, "" for none. */
  at: string;
}

export const emptyView: View = { query: '', ...defaultRange, live: false, columns: [], at: '' };

/** write makes the fragment of a view, with its "#"; defaults are left out. */
export function write(view: View): string {
  const out: string[] = [];
  const put = (name: string, value: string): void => {
    // Links are read by people: only what would break one is escaped.
    out.push(`${name}=${encodeURIComponent(value).replace(/%(3A|2C|20|22|2F|40)/g, (c) => (c === '%20' ? '+' : c === '%22' ? c : decodeURIComponent(c)))}`);
  };
  if (view.query !== '') put('q', view.query);
  if (view.from !== defaultRange.from || view.to !== defaultRange.to) {
    put('from', view.from);
    put('to', view.to);
  }
  if (view.live) put('live', '1');
  if (view.columns.length > 0) put('cols', view.columns.map((c) => c.replace(/[\\,]/g, '\\$&')).join(','));
  if (view.at !== '') put('at', view.at);
  return `#${out.join('&')}`;
}

/** read is the inverse of write; what it does not know it leaves at its default. */
export function read(fragment: string): View {
  const params = new URLSearchParams(fragment.replace(/^#/, ''));
  const columns = params.get('cols') ?? '';
  return {
    query: params.get('q') ?? '',
    from: params.get('from') || defaultRange.from,
    to: params.get('to') || defaultRange.to,
    live: params.get('live') === '1',
    columns: (columns.match(/(?:\\.|[^,\\])+/g) ?? []).map((c) => c.replace(/\\(.)/g, '$1')),
    at: params.get('at') ?? '',
  };
}

/** loginCode returns the code of a one-time login link's fragment, "" if it is none. */
export function loginCode(fragment: string): string {
  return /^#login=([A-Za-z0-9_.~-]+)$/.exec(fragment)?.[1] ?? '';
}
