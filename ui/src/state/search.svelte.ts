// One question and its answers: rows, histogram and fields. The three are asked
// at once and fail alone, so that a failed histogram never clears the rows.

import * as api from '../lib/api';
import { Problem } from '../lib/api';
import { noColumns, widen, type Columns } from '../lib/columns';
import { isPageable, isTable, selection } from '../lib/query';
import { Known, oldestOf, type Row } from '../lib/rows';
import { absolute, after, isRelative, resolve } from '../lib/time';
import type { View } from '../lib/urlstate';
import { session } from './session.svelte';

const page = 200;
const tableLimit = 1000;
/** At most so many bars: the server takes the next width that people read easily, so it is often half of them. */
const buckets = 120;

export type Older = 'idle' | 'loading' | 'end' | 'failed';

class Search {
  rows = $state.raw<Row[]>([]);
  /** columns are what the rows need, and those that have left the list needed. */
  columns = $state.raw<Columns>(noColumns);
  /** table is whether rows are columns of their own instead of records. */
  table = $state(false);
  running = $state(false);
  /** cancelled is whether the rows are incomplete because the user said stop. */
  cancelled = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** asked is the query the rows and the problem belong to. */
  asked = $state('');
  stats = $state.raw<api.Stats | null>(null);
  /** limited is whether a table was cut at its limit. */
  limited = $state(false);
  older = $state<Older>('end');
  olderProblem = $state.raw<Problem | null>(null);

  histogram = $state.raw<api.Histogram | null>(null);
  histogramProblem = $state.raw<Problem | null>(null);
  fields = $state.raw<api.Fields | null>(null);
  fieldsProblem = $state.raw<Problem | null>(null);

  /** newest is the time of the newest match outside the range, "" when there is none; null until known. */
  newest = $state<string | null>(null);
  /** anything is whether the store holds any row at all; null until known. */
  anything = $state<boolean | null>(null);

  /** arrived counts the rows that came while following. It is no state: it is looked at now and then. */
  arrived = 0;

  #work = new AbortController();
  #range = { from: '', to: '' };

  /** run asks a view's question anew; it resolves when the rows are complete. */
  async run(view: View): Promise<void> {
    this.stop();
    const work = (this.#work = new AbortController());
    const now = api.serverNow();
    const pinned = absolute(view, now);
    // "now" stays the server's: pinned here it would miss its newest rows.
    const range = { from: pinned.from, to: view.to === 'now' ? 'now' : pinned.to };
    this.#range = range;
    this.running = true;
    this.cancelled = false;
    this.problem = null;
    this.asked = view.query;
    this.stats = null;
    this.older = 'end';
    this.newest = null;
    this.limited = false;
    const side = { query: selection(view.query), ...range };
    void this.#askHistogram(side, work.signal);
    void this.#askFields(side, work.signal);
    await this.#askRows(view, work.signal);
  }

  async #askRows(view: View, signal: AbortSignal): Promise<void> {
    const table = isTable(view.query);
    const limit = table ? tableLimit : page;
    const got: Row[] = [];
    // The old rows stay until the first new ones are there: no blinking.
    let shown = false;
    let timer = 0;
    const show = (): void => {
      clearTimeout(timer);
      timer = 0;
      if (signal.aborted) return;
      shown = true;
      this.table = table;
      this.rows = got.slice();
      this.columns = widen(noColumns, got);
    };
    const onRow = (row: Row): void => {
      got.push(row);
      if (!shown && got.length >= 20) show();
      else timer ||= setTimeout(show, 60);
    };
    try {
      this.stats = await api.query({ query: view.query, ...this.#range, limit, source: !table }, onRow, signal);
      show();
      if (signal.aborted) return;
      this.limited = table && got.length >= limit;
      this.older = !table && isPageable(view.query) && got.length >= limit ? 'idle' : 'end';
      if (got.length > 0) this.anything = true;
      else void this.#lookAround(view, signal);
    } catch (err) {
      clearTimeout(timer);
      if (signal.aborted || session.refused(err)) return;
      if (got.length > 0) show();
      else this.rows = [];
      this.problem = asProblem(err);
    } finally {
      if (!signal.aborted) this.running = false;
    }
  }

  /** loadOlder appends the next page: the rows up to and including the oldest time there is. */
  async loadOlder(): Promise<void> {
    const last = this.rows.at(-1);
    if (this.older === 'loading' || this.older === 'end' || !last || this.running || this.table) return;
    const { signal } = this.#work;
    const known = new Known(oldestOf(this.rows));
    const limit = page + known.size;
    const got: Row[] = [];
    let answered = 0;
    this.older = 'loading';
    try {
      const ask = { query: this.asked, from: this.#range.from, to: after(last.time), limit, source: true };
      await api.query(ask, (row) => (answered++, known.take(row)) || got.push(row), signal);
      if (signal.aborted) return;
      this.rows = [...this.rows, ...got];
      this.columns = widen(this.columns, got);
      this.older = answered < limit ? 'end' : 'idle';
    } catch (err) {
      if (signal.aborted || session.refused(err)) return;
      this.older = 'failed';
      this.olderProblem = asProblem(err);
    }
  }

  /** lookAround finds out what to suggest to someone who sees nothing. */
  async #lookAround(view: View, signal: AbortSignal): Promise<void> {
    const which = selection(view.query);
    const all = { from: '1970-01-01T00:00:00Z', to: '2200-01-01T00:00:00Z', limit: 1 };
    try {
      let newest = '';
      await api.query({ ...all, query: which }, (row) => (newest = row.time), signal);
      let anything = newest !== '';
      if (!anything && which !== '') await api.query({ ...all, query: '' }, () => (anything = true), signal);
      if (signal.aborted) return;
      this.newest = newest;
      this.anything = anything;
    } catch (err) {
      // Suggestions only; the answer itself (nothing) stands.
      if (!signal.aborted) session.refused(err);
    }
  }

  async #askHistogram(side: api.Ask, signal: AbortSignal): Promise<void> {
    try {
      const h = await api.histogram({ ...side, buckets, by: 'level' }, signal);
      if (signal.aborted) return;
      this.histogram = h;
      this.histogramProblem = null;
    } catch (err) {
      if (!signal.aborted && !session.refused(err)) this.histogramProblem = asProblem(err);
    }
  }

  async #askFields(side: api.Ask, signal: AbortSignal): Promise<void> {
    try {
      const f = await api.fields({ ...side, top: 5 }, signal);
      if (signal.aborted) return;
      this.fields = f;
      this.fieldsProblem = null;
    } catch (err) {
      if (!signal.aborted && !session.refused(err)) this.fieldsProblem = asProblem(err);
    }
  }

  /** refreshSides asks histogram and fields again, for the live view. */
  refreshSides(view: View): void {
    if (this.running || !isRelative(view.from)) return;
    const from = new Date(resolve(view.from, api.serverNow())).toISOString();
    const side = { query: selection(view.query), from, to: 'now' };
    void this.#askHistogram(side, this.#work.signal);
    void this.#askFields(side, this.#work.signal);
  }

  /** prepend puts newer rows on top and keeps at most keep rows. */
  prepend(newer: readonly Row[], keep: number): void {
    if (newer.length === 0) return;
    this.arrived += newer.length;
    // A list that was empty still holds the columns of the rows before it.
    this.columns = widen(this.rows.length > 0 ? this.columns : noColumns, newer);
    this.rows = [...newer, ...this.rows].slice(0, keep);
    if (this.rows.length === keep) this.older = this.older === 'end' ? 'end' : 'idle';
    this.anything = true;
    this.newest = null;
  }

  /** cancel stops at the user's wish; the rows that came stay. */
  cancel(): void {
    if (!this.running) return;
    this.stop();
    this.cancelled = true;
  }

  /** stop ends all that is under way. */
  stop(): void {
    this.#work.abort();
    this.running = false;
  }

  /** clear forgets everything, for the next user. */
  clear(): void {
    this.stop();
    this.rows = [];
    this.histogram = this.fields = this.stats = this.problem = this.newest = this.anything = null;
  }
}

export function asProblem(err: unknown): Problem {
  return err instanceof Problem ? err : new Problem('internal', err instanceof Error ? err.message : String(err));
}

export const search = new Search();
