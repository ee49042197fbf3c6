// What is wrong with the server: asked now and then, and after each answer.

import * as api from '../lib/api';
import { session } from './session.svelte';

/** every is the time between two questions, in milliseconds. */
const every = 30_000;
/** quiet is how long nothing must have been answered before soon asks. */
const quiet = 300;

class Health {
  problems = $state.raw<api.Trouble[]>([]);
  /** hidden is what the reader has put away; anything new shows the banner again. */
  private hidden = $state('');
  private asking: AbortController | null = null;
  private timer = 0;

  readonly shown = $derived(this.problems.length > 0 && signature(this.problems) !== this.hidden);

  /** start asks until the function that it returns is called. */
  start(): () => void {
    void this.look();
    const timer = setInterval(() => {
      if (!document.hidden) void this.look();
    }, every);
    const seen = (): void => {
      if (!document.hidden) void this.look();
    };
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      clearTimeout(this.timer);
      this.asking?.abort();
      this.problems = [];
      this.hidden = '';
    };
  }

  /** soon asks after a moment of quiet. */
  soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), quiet);
  }

  async look(): Promise<void> {
    this.asking?.abort();
    const mine = new AbortController();
    this.asking = mine;
    try {
      const problems = await api.health(mine.signal);
      if (!mine.signal.aborted) this.problems = problems;
    } catch (err) {
      // Out of reach is said by whatever else is asked; what was known stays.
      if (!mine.signal.aborted) session.refused(err);
    }
  }

  hide(): void {
    this.hidden = signature(this.problems);
  }
}

/** signature is the same as long as nothing is new for a reader; figures may change. */
const signature = (problems: api.Trouble[]): string =>
  JSON.stringify(problems.map((p) => [p.kind, p.severity, p.kind === 'damaged' ? (p.where ?? []) : '']));

export const health = new Health();
