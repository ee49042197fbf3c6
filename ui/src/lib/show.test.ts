import { describe, expect, it } from 'vitest';
import { bytes, count, millis, plural, short } from './format';
import { matcher, pieces } from './highlight';
import { levelClass } from './levels';
import { runs, visible } from './safetext';
import { layers, named, stack } from './stack';
import type { Histogram } from './api';
import type { Wanted } from './query';

const word = (text: string, wordStart = true, wordEnd = true): Wanted => ({ text, wordStart, wordEnd });

describe('numbers', () => {
  it('group', () => expect([count(7), count(1234), count(1234567)]).toEqual(['7', '1\u202f234', '1\u202f234\u202f567']));
  it('shorten', () => expect([short(999), short(1000), short(1449), short(99_999), short(1e6), short(25e9)]).toEqual(['999', '1.0k', '1.4k', '100k', '1.0M', '25G']));
  it('size', () => expect([bytes(0), bytes(999), bytes(1500), bytes(41e6), bytes(5e12), bytes(5e15)]).toEqual(['0 B', '999 B', '1.5 kB', '41 MB', '5.0 TB', '5000 TB']));
  it('time', () => expect([millis(0.34), millis(3.44), millis(250), millis(12_300)]).toEqual(['0.3 ms', '3.4 ms', '250 ms', '12.3 s']));
  it('count things', () => expect([plural(1, 'row'), plural(0, 'row')]).toEqual(['1 row', '0 rows']));
});

describe('hostile text', () => {
  const cases: [string, string][] = [
    ['plain <b>&amp;</b>', 'plain <b>&amp;</b>'],
    ['a\tb', 'a\tb'],
    ['a\nb', 'a↵b'],
    ['\u0000\u0007\u001b\u007f', '␀␇␛␡'],
    ['a\u202eb\u2066c\u200f', 'a⟨U+202E⟩b⟨U+2066⟩c⟨U+200F⟩'],
    ['zero\u200bwidth\ufeff\u00ad', 'zero⟨U+200B⟩width⟨U+FEFF⟩⟨U+00AD⟩'],
    ['\u0085\u2028', '⟨U+0085⟩⟨U+2028⟩'],
    ['tag\u{e0041}', 'tag⟨U+E0041⟩'],
    ['👩‍💻 שלום', '👩‍💻 שלום'],
  ];
  for (const [text, want] of cases) it(JSON.stringify(text), () => expect(visible(text)).toBe(want));
  it('keeps line ends where lines may be', () => expect(visible('a\r\nb', true)).toBe('a\nb'));
  it('shows colours and nothing else of a terminal', () => {
    expect(runs('a\u001b[1;31mred\u001b[0m b')).toEqual([
      { text: 'a', style: '' },
      { text: 'red', style: 'ansi-bold ansi-1' },
      { text: ' b', style: '' },
    ]);
    expect(runs('\u001b[38;5;196mx\u001b[92my\u001b[39mz').map((r) => r.style)).toEqual(['', 'ansi-2', '']);
    expect(runs('\u001b[2J\u001b]0;t\u0007x').map((r) => r.text).join('')).toBe('␛[2J␛]0;t␇x');
  });
});

describe('highlight', () => {
  const shown = (text: string, ...wanted: Wanted[]): string =>
    pieces(runs(text), matcher(wanted))
      .map((p) => (p.mark ? `[${p.text}]` : p.text))
      .join('');
  it('marks words whole, without regard to case', () => expect(shown('Error errors ERROR', word('error'))).toBe('[Error] errors [ERROR]'));
  it('marks prefixes and parts', () => expect(shown('connect reconnect', word('conn', true, false), word('econ', false, false))).toBe('[conn]ect r[econ]nect'));
  it('marks phrases', () => expect(shown('timed out (timed, out)', word('timed out'))).toBe('[timed out] (timed, out)'));
  it('takes nothing as an expression', () => expect(shown('a.b axb (x)', word('a.b'), word('(x)'))).toBe('[a.b] axb [(x)]'));
  it('knows letters of all scripts', () => expect(shown('über überall', word('über'))).toBe('[über] überall'));
  it('crosses styles', () => {
    const got = pieces(runs('ti\u001b[31mmed\u001b[0m out'), matcher([word('timed')]));
    expect(got).toEqual([
      { text: 'ti', style: '', mark: true },
      { text: 'med', style: 'ansi-1', mark: true },
      { text: ' out', style: '', mark: false },
    ]);
  });
  it('marks nothing without words', () => expect(matcher([])).toBeUndefined());
});

describe('levels', () => {
  it('are sorted whatever they are called', () => {
    expect(['ERROR', 'err', ' Warning', 'notice', 'TRACE', 'crit', 'audit', ''].map(levelClass)).toEqual(['error', 'error', 'warn', 'info', 'debug', 'fatal', 'other', 'other']);
  });
});

describe('histogram stacks', () => {
  const at = (s: number): string => new Date(s * 1000).toISOString();
  const h: Histogram = {
    from: at(65),
    to: at(300),
    span_ms: 60_000,
    buckets: [
      { time: at(60), count: 5, by: { error: 2, ERR: 1, audit: 1 } },
      { time: at(180), count: 4, by: { info: 4 } },
    ],
  };
  it('fill gaps and sort levels', () => {
    const s = stack(h);
    expect(s.starts).toEqual([60, 120, 180, 240]);
    expect(s.totals).toEqual([5, 0, 4, 0]);
    expect(s.counts.error).toEqual([3, 0, 0, 0]);
    expect(s.counts.other).toEqual([2, 0, 0, 0]);
    expect(s.counts.info).toEqual([0, 0, 4, 0]);
    expect(s.total).toBe(9);
  });
  it('stack up to the whole', () => {
    const tops = layers(stack(h));
    expect(tops.at(-1)).toEqual([5, 0, 4, 0]);
    expect(tops[1]).toEqual([3, 0, 0, 0]);
  });
  it('name their levels, unless there is none', () => {
    expect(named(stack(h))).toEqual(['error', 'info', 'other']);
    expect(named(stack({ ...h, buckets: [{ time: at(60), count: 4, by: { info: 4 } }] }))).toEqual(['info']);
    expect(named(stack({ ...h, buckets: [{ time: at(60), count: 5, by: { '': 3, audit: 2 } }] }))).toEqual([]);
    expect(named(stack({ ...h, buckets: [] }))).toEqual([]);
  });
  it('are empty without buckets or with absurd ranges', () => {
    expect(stack({ ...h, buckets: [] }).total).toBe(0);
    expect(stack({ ...h, span_ms: 0, buckets: [] }).starts).toEqual([]);
    expect(stack({ from: 'x', to: 'y', span_ms: 1000, buckets: [] }).starts).toEqual([]);
  });
});
