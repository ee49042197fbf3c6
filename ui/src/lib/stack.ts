// Turning a histogram's answer into the stacked bars that are drawn.

import type { Bucket, Histogram } from './api';
import { levelClass, levels, type Level } from './levels';

export interface Stack {
  /** starts are the buckets' beginnings in seconds, evenly spaced, none left out. */
  starts: number[];
  span: number;
  /** counts holds the rows of each level, bucket by bucket. */
  counts: Record<Level, number[]>;
  totals: number[];
  total: number;
}

const most = 2000;

/** stack sorts the buckets' levels and fills the empty buckets in. */
export function stack(h: Histogram): Stack {
  const span = Math.max(h.span_ms, 1);
  const [from, to] = [Date.parse(h.from), Date.parse(h.to)];
  const known = new Map<number, Bucket>();
  for (const b of h.buckets) known.set(Date.parse(b.time), b);
  // The buckets' own phase, which may be that of a time zone.
  const phase = h.buckets.length > 0 ? Date.parse(h.buckets[0]!.time) % span : 0;
  let start = Math.floor((from - phase) / span) * span + phase;
  if (!Number.isFinite(start) || !Number.isFinite(to) || (to - start) / span > most) start = to;

  const out: Stack = {
    starts: [],
    span: span / 1000,
    counts: Object.fromEntries(levels.map((l) => [l, [] as number[]])) as Record<Level, number[]>,
    totals: [],
    total: 0,
  };
  for (let at = start; at < to; at += span) {
    const b = known.get(at);
    const count = b?.count ?? 0;
    out.starts.push(at / 1000);
    out.totals.push(count);
    out.total += count;
    for (const level of levels) out.counts[level].push(0);
    const i = out.totals.length - 1;
    let named = 0;
    for (const [word, n] of Object.entries(b?.by ?? {})) {
      const level = levelClass(word);
      if (level === 'other') continue;
      out.counts[level][i]! += n;
      named += n;
    }
    out.counts.other[i] = Math.max(0, count - named);
  }
  return out;
}

/**
 * named lists the levels that have rows, the worst first. It is empty when no row
 * has a level that is known: "other" is a name only next to others.
 */
export function named(s: Stack): Level[] {
  const present = levels.filter((l) => s.counts[l].some((n) => n > 0));
  return present.length === 1 && present[0] === 'other' ? [] : present;
}

/** layers accumulates the levels: each layer's top edge, worst level at the bottom, the whole last. */
export function layers(s: Stack): number[][] {
  const sum = s.totals.map(() => 0);
  return levels.map((level) => {
    s.counts[level].forEach((n, i) => (sum[i]! += n));
    return sum.slice();
  });
}
