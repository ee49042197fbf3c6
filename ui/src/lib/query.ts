// Just enough of the query language to edit a query without breaking it: where
// its pipes begin, which words it looks for, and how a value becomes a filter.
// The server alone decides what a query means.

import { Exact, type Value } from './rows';

export interface Token {
  kind: 'term' | 'open' | 'close' | 'or' | 'and' | 'not' | 'pipe';
  start: number;
  end: number;
}

/** tokens cuts a query; it accepts anything and loses nothing but spaces. */
export function tokens(text: string): Token[] {
  const out: Token[] = [];
  let i = 0;
  const add = (kind: Token['kind'], length: number): void => {
    out.push({ kind, start: i, end: i + length });
    i += length;
  };
  while (i < text.length) {
    const c = text[i]!;
    if (/\s/.test(c)) i++;
    else if (c === '|') text[i + 1] === '|' ? add('or', 2) : add('pipe', 1);
    else if (c === '&' && text[i + 1] === '&') add('and', 2);
    else if (c === '(') add('open', 1);
    else if (c === ')') add('close', 1);
    else if ((c === '-' || c === '!' || c === '+') && /\S/.test(text[i + 1] ?? '')) {
      c === '+' ? i++ : add('not', 1);
    } else {
      const end = termEnd(text, i);
      const word = text.slice(i, end).toUpperCase();
      add(word === 'OR' ? 'or' : word === 'AND' ? 'and' : word === 'NOT' ? 'not' : 'term', end - i);
    }
  }
  return out;
}

function termEnd(text: string, from: number): number {
  let i = from;
  let atValue = true; // at the start of a value, where quotes and regexes begin
  while (i < text.length) {
    const c = text[i]!;
    if (/[\s()|]/.test(c) || (c === '"' && !atValue)) break;
    const stop = atValue ? valueEnd(text, i) : i;
    if (stop > i) {
      i = stop;
      if (text[i] === '*') i++;
      atValue = false;
      continue;
    }
    atValue = c === ':' || c === '=' || c === '<' || c === '>';
    i++;
  }
  return Math.max(i, from + 1);
}

/** valueEnd returns the end of a quoted text, regular expression or range at i, else i. */
function valueEnd(text: string, i: number): number {
  const c = text[i]!;
  if (c === '"' || c === "'") {
    const end = closing(text, i, c);
    return end < 0 ? text.length : end + 1;
  }
  if (c === '[' || c === '{') {
    const m = /^[[{][^\]}]*\sTO\s[^\]}]*[\]}]/.exec(text.slice(i));
    return m ? i + m[0].length : i;
  }
  if (c === '/') {
    const end = closing(text, i, '/');
    if (end > i + 1) {
      const after = text[end + 1] === 'i' ? end + 2 : end + 1;
      if (after >= text.length || /[\s)|]/.test(text[after]!)) return after;
    }
  }
  return i;
}

function closing(text: string, from: number, quote: string): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i;
  }
  return -1;
}

/** split parts a query into its filter and its pipes, which begin with "|" or are "". */
export function split(text: string): { filter: string; pipes: string } {
  const pipe = tokens(text).find((t) => t.kind === 'pipe');
  if (!pipe) return { filter: text.trim(), pipes: '' };
  return { filter: text.slice(0, pipe.start).trim(), pipes: text.slice(pipe.start).trim() };
}

/** pipeNames lists the names of a query's pipes in order. */
export function pipeNames(text: string): string[] {
  const all = tokens(text);
  return all.flatMap((t, i) => {
    const next = all[i + 1];
    return t.kind === 'pipe' && next ? [text.slice(next.start, next.end).toLowerCase()] : [];
  });
}

/** selection is the part of a query that says which rows: its filter and the "where" pipes that follow at once. */
export function selection(text: string): string {
  const all = tokens(text);
  const stop = all.findIndex((t, i) => {
    const next = all[i + 1];
    return t.kind === 'pipe' && !(next && text.slice(next.start, next.end).toLowerCase() === 'where');
  });
  return (stop < 0 ? text : text.slice(0, all[stop]!.start)).trim();
}

const rowPipes = new Set(['where', 'sort', 'limit', 'head', 'eval', 'extract', 'rex', 'dedup']);

/** isTable tells whether the answer is columns instead of whole records. */
export const isTable = (text: string): boolean => pipeNames(text).some((name) => !rowPipes.has(name));

/** isPageable tells whether older rows continue the answer: only where nothing sorts or cuts it. */
export const isPageable = (text: string): boolean =>
  pipeNames(text).every((name) => name === 'where' || name === 'eval' || name === 'extract' || name === 'rex');

/** quote writes text so that the query language reads it back as it is. */
export const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

// A filter takes a field's name bare only.
const plainName = /^[A-Za-z_@\u0080-\u{10ffff}][\w@./\u0080-\u{10ffff}-]*$/u;
const reserved = new Set(['_time', '_exists_']);

/** canFilter tells whether a filter can name the field. */
export const canFilter = (name: string): boolean => plainName.test(name) && !/\s/.test(name) && !reserved.has(name);

const longestValue = 300;

/** clause writes the filter for one value of a field, "" where none can be written. */
export function clause(field: string, value: Value): string {
  const name = field;
  if (!canFilter(name)) return '';
  if (value === null) return `_exists_:${name}`;
  if (typeof value === 'number' || typeof value === 'boolean' || value instanceof Exact) return `${name}=${value}`;
  if (typeof value !== 'string') return '';
  // A search box has one line and ends somewhere: of other values the first
  // piece that fits is looked for as a phrase.
  const piece = value.split(/[\u0000-\u0008\u000a-\u001f\u007f]+/u).find((p) => p.trim() !== '') ?? '';
  const whole = piece === value && value.length <= longestValue;
  if (whole) return `${name}=${quote(value)}`;
  const cut = piece.slice(0, longestValue).replace(/[\ud800-\udbff]$/, '').trim();
  // Cut within a word, only a prefix of the phrase is certain.
  const open = cut !== piece.trim() ? '*' : '';
  return cut === '' ? (value === '' ? `${name}=""` : '') : `${name}:${quote(cut)}${open}`;
}

/** beginning writes the filter for values of a field that begin so. */
export function beginning(field: string, start: string): string {
  return canFilter(field) && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(start) ? `${field}:${quote(start)}*` : clause(field, start);
}

/**
 * withFilter adds a clause to a query's filter, negated on request. A clause that
 * is there stays alone; its opposite is replaced.
 */
export function withFilter(text: string, wanted: string, exclude = false): string {
  if (wanted === '') return text;
  const { filter, pipes } = split(text);
  const clauses = conjuncts(filter);
  const added = exclude ? `-${wanted}` : wanted;
  const opposite = exclude ? wanted : `-${wanted}`;
  const kept = clauses.filter((c) => c !== opposite && c !== '*');
  if (!kept.includes(added)) kept.push(added);
  return [kept.join(' '), pipes].filter(Boolean).join(' ');
}

/** withoutFilter takes a clause out again, in either sense. */
export function withoutFilter(text: string, unwanted: string): string {
  const { filter, pipes } = split(text);
  const kept = conjuncts(filter).filter((c) => c !== unwanted && c !== `-${unwanted}`);
  return [kept.join(' '), pipes].filter(Boolean).join(' ');
}

/** conjuncts cuts a filter at its top-level ANDs; a filter with a top-level OR is one piece in parentheses. */
function conjuncts(filter: string): string[] {
  const all = tokens(filter);
  let depth = 0;
  let start = -1;
  const out: string[] = [];
  for (const [i, t] of all.entries()) {
    if (t.kind === 'open') depth++;
    if (t.kind === 'close') depth--;
    if (depth === 0 && t.kind === 'or') return [`(${filter})`];
    if (depth === 0 && t.kind === 'and') continue;
    if (start < 0) start = t.start;
    const next = all[i + 1];
    const opensGroup = next?.kind === 'open' && next.start === t.end;
    if (depth > 0 || t.kind === 'not' || opensGroup) continue;
    out.push(filter.slice(start, t.end));
    start = -1;
  }
  if (start >= 0) out.push(filter.slice(start));
  return out;
}

/** Wanted is a text that a query looks for in messages. */
export interface Wanted {
  text: string;
  /** wordStart and wordEnd tell whether a match must begin or end a word. */
  wordStart: boolean;
  wordEnd: boolean;
}

const nowhere = new Set(['_time', '_exists_', '@timestamp']);

/** wantedWords lists what the positive part of a query's filter looks for in messages. */
export function wantedWords(text: string): Wanted[] {
  const { filter } = split(text);
  const out: Wanted[] = [];
  const groups: boolean[] = []; // whether each open parenthesis still counts
  let counts = true;
  let negate = false;
  let grouped = ''; // the field of a group that opens next
  for (const t of tokens(filter)) {
    const raw = filter.slice(t.start, t.end);
    if (t.kind === 'not') {
      negate = !negate;
      continue;
    }
    if (t.kind === 'open') {
      groups.push(counts);
      counts = counts && !negate && (grouped === '' || grouped === 'message');
    } else if (t.kind === 'close') {
      counts = groups.pop() ?? true;
    } else if (t.kind === 'term') {
      const { field, value } = parts(raw);
      grouped = value === '' ? field : '';
      if (counts && !negate && value !== '' && (field === '' || field === 'message')) {
        const w = wantedOf(value);
        if (w) out.push(w);
      }
      if (value === '') continue; // the negation holds for the group
    }
    if (t.kind !== 'term') grouped = '';
    negate = false;
  }
  return out;
}

const named = /^([A-Za-z_@\u0080-\u{10ffff}][\w@./\u0080-\u{10ffff}-]*)(:(?!:|\/\/)|!=|[=<>]=?)(.*)$/su;

/** parts parts a term's field from its value. The field of what is not looked for in messages is "\0". */
function parts(term: string): { field: string; value: string } {
  const m = /^["'/]/.test(term) ? null : named.exec(term);
  if (!m) return { field: '', value: term };
  const elsewhere = nowhere.has(m[1]!) || (m[2] !== ':' && m[2] !== '=');
  return { field: elsewhere ? '\0' : m[1]!, value: m[2] === ':' ? m[3]!.replace(/^=/, '') : m[3]! };
}

function wantedOf(value: string): Wanted | undefined {
  if (/^[<>[{/]/.test(value) && value.length > 1 && valueEnd(value, 0) > 0) return undefined;
  if (/^[<>]/.test(value)) return undefined;
  const quoted = /^(["'])(.*?)\1?(\*?)$/s.exec(value);
  if (quoted && /^["']/.test(value)) {
    const body = quoted[2]!.replace(/\\(["\\])/g, '$1');
    return body.trim() === '' ? undefined : { text: body, wordStart: true, wordEnd: quoted[3] !== '*' };
  }
  const head = value.startsWith('*');
  const tail = value.endsWith('*');
  const word = value.replace(/^\*+|\*+$/g, '').replace(/[~^][\d.]*$/, '');
  if (!/[\p{L}\p{N}_]/u.test(word) || /[*?]/.test(word)) return undefined;
  return { text: word, wordStart: !head, wordEnd: !tail };
}
