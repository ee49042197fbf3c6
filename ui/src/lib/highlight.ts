// Marking the words of a query in a text.

import type { Run } from './safetext';
import type { Wanted } from './query';

/** Piece is a run of text with one style, marked or not. */
export interface Piece extends Run {
  mark: boolean;
}

const wordChar = '[\\p{L}\\p{N}_]';

/**
 * matcher makes one expression of all wanted texts, undefined when there are
 * none. It holds literals only and so takes linear time on any line.
 */
export function matcher(wanted: readonly Wanted[]): RegExp | undefined {
  const sources = [...wanted]
    .sort((a, b) => b.text.length - a.text.length)
    .slice(0, 50)
    .map((w) => {
      const body = w.text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
      const start = w.wordStart && new RegExp(`^${wordChar}`, 'u').test(w.text) ? `(?<!${wordChar})` : '';
      const end = w.wordEnd && new RegExp(`${wordChar}$`, 'u').test(w.text) ? `(?!${wordChar})` : '';
      return start + body + end;
    });
  return sources.length === 0 ? undefined : new RegExp(sources.join('|'), 'giu');
}

/** pieces cuts styled runs at the matches, also those that cross runs. */
export function pieces(styled: readonly Run[], found: RegExp | undefined): Piece[] {
  if (!found) return styled.map((r) => ({ ...r, mark: false }));
  const whole = styled.map((r) => r.text).join('');
  const spans: [number, number][] = [];
  for (const m of whole.matchAll(found)) {
    if (m[0] !== '') spans.push([m.index, m.index + m[0].length]);
  }
  const out: Piece[] = [];
  let offset = 0;
  let next = 0;
  for (const { text, style } of styled) {
    const end = offset + text.length;
    let at = offset;
    while (at < end) {
      while (next < spans.length && spans[next]![1] <= at) next++;
      const span = spans[next];
      const mark = span !== undefined && span[0] <= at;
      const stop = Math.min(end, span === undefined ? end : mark ? span[1] : span[0]);
      out.push({ text: text.slice(at - offset, stop - offset), style, mark });
      at = stop;
    }
    offset = end;
  }
  return out;
}
