// Following new lines. They go on top of the rows of the range, unless the reader
// has scrolled away: then they wait and are counted, and nothing moves.

import * as api from '../lib/api';
import { Problem } from '../lib/api';
import { selection } from '../lib/query';
import { Known, type Row } from '../lib/rows';
import type { View } from '../lib/urlstate';
import { asProblem, search } from './search.svelte';
import { session } from './session.svelte';

/** Rows kept while following; older ones leave at the bottom. */
const keep = 5000;
/** How often waiting rows are shown, and the sides refreshed. */
const showEvery = 100;
const refreshEvery = 10_000;
/** How long after the range was read a row of it may still come down the tail. */
const overlap = 3000;

class Tail {
  state = $state<'off' | 'connecting' | 'live' | 'lost'>('off');
  paused = $state(false);
  /** waiting counts the rows that a resume will show. */
  waiting = $state(0);
  /** missed counts rows that came faster than they could be sent or kept. */
  missed = $state(0);
  problem = $state.raw<Problem | null>(null);

  #work = new AbortController();
  #queue: Row[] = []; // newest first
  #timer = 0;

  /** start follows a view until stop. */
  start(view: View): void {
    this.stop();
    this.paused = false;
    this.waiting = this.missed = 0;
    const work = (this.#work = new AbortController());
    void this.#follow(view, work.signal);
  }

  stop(): void {
    this.#work.abort();
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#queue = [];
    this.state = 'off';
    this.problem = null;
  }

  pause(): void {
    if (this.state !== 'off') this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#show();
  }

  async #follow(view: View, signal: AbortSignal): Promise<void> {
    const refresh = setInterval(() => {
      if (!document.hidden && !this.paused) search.refreshSides(view);
    }, refreshEvery);
    signal.addEventListener('abort', () => clearInterval(refresh));
    for (let failures = 0; !signal.aborted; failures++) {
      this.state = failures === 0 ? 'connecting' : 'lost';
      const began = Date.now();
      try {
        await this.#connection(view, signal);
        this.problem = null; // the server ended it, as it does when it stops
      } catch (err) {
        if (signal.aborted || session.refused(err)) return;
        this.problem = asProblem(err);
        if (this.problem.status >= 400 && this.problem.status < 500 && this.problem.status !== 429) {
          this.state = 'lost';
          void search.run(view); // it shows the same error at its place
          return;
        }
      }
      if (Date.now() - began > 10_000) failures = 0;
      this.state = 'lost';
      await pause(Math.min(1000 * 2 ** failures, 15_000), signal);
    }
  }

  /** connection follows one stream. Rows that come before the range has been read wait for it. */
  async #connection(view: View, signal: AbortSignal): Promise<void> {
    let known: Known | null = null;
    let early: Row[] | null = [];
    const fill = async (): Promise<void> => {
      await search.run(view);
      if (signal.aborted) return;
      known = new Known(search.rows.slice(0, 1000));
      setTimeout(() => (known = null), overlap);
      const rows = early ?? [];
      early = null;
      for (const row of rows) this.#take(row, known);
    };
    await api.tail(
      selection(view.query),
      {
        ready: () => {
          this.state = 'live';
          this.problem = null;
          void fill();
        },
        row: (row) => (early ? early.push(row) : this.#take(row, known)),
        missed: (n) => (this.missed += n),
      },
      signal,
    );
  }

  #take(row: Row, known: Known | null): void {
    if (known?.take(row)) return;
    this.#queue.unshift(row);
    if (this.#queue.length > keep) {
      this.#queue.pop();
      this.missed++;
    }
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#show();
    }, showEvery);
  }

  #show(): void {
    if (this.paused) {
      this.waiting = this.#queue.length;
      return;
    }
    const rows = this.#queue;
    this.#queue = [];
    this.waiting = 0;
    search.prepend(rows, keep);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });
}

export const tail = new Tail();
