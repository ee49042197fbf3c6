import { describe, expect, it } from 'vitest';
import { beginning, clause, isPageable, isTable, pipeNames, selection, split, tokens, wantedWords, withFilter, withoutFilter } from './query';
import { Exact, type Value } from './rows';

describe('tokens', () => {
  const cut = (s: string): string[] => tokens(s).map((t) => `${t.kind}:${s.slice(t.start, t.end)}`);
  const cases: [string, string[]][] = [
    ['', []],
    ['a b', ['term:a', 'term:b']],
    ['-a !b NOT c', ['not:-', 'term:a', 'not:!', 'term:b', 'not:NOT', 'term:c']],
    ['web-01', ['term:web-01']],
    ['a || b or c && d', ['term:a', 'or:||', 'term:b', 'or:or', 'term:c', 'and:&&', 'term:d']],
    ['"a | b" | x', ['term:"a | b"', 'pipe:|', 'term:x']],
    ['f:"a \\" | b" c', ['term:f:"a \\" | b"', 'term:c']],
    ['f="a b"', ['term:f="a b"']],
    ['foo"bar baz"', ['term:foo', 'term:"bar baz"']],
    ["it's 'a | b'", ["term:it's", "term:'a | b'"]],
    ['m:/a | b/i x', ['term:m:/a | b/i', 'term:x']],
    ['/var/log/app | x', ['term:/var/log/app', 'pipe:|', 'term:x']],
    ['s:[1 TO 5] x', ['term:s:[1 TO 5]', 'term:x']],
    ['f:(a OR b)', ['term:f:', 'open:(', 'term:a', 'or:OR', 'term:b', 'close:)']],
    ['"open', ['term:"open']],
  ];
  for (const [text, want] of cases) it(text || '(empty)', () => expect(cut(text)).toEqual(want));
});

describe('pipes', () => {
  it('split', () => {
    expect(split('a "b | c" | stats count()')).toEqual({ filter: 'a "b | c"', pipes: '| stats count()' });
    expect(split('  a  ')).toEqual({ filter: 'a', pipes: '' });
    expect(split('| limit 5')).toEqual({ filter: '', pipes: '| limit 5' });
  });
  it('leave what says which rows', () => {
    expect(selection('a | where b | stats count()')).toBe('a | where b');
    expect(selection('a | limit 3 | where b')).toBe('a');
    expect(selection('a "|"')).toBe('a "|"');
  });
  it('tell tables from rows', () => {
    expect(pipeNames('a | STATS count() by x | limit 3')).toEqual(['stats', 'limit']);
    expect(isTable('a | stats count()')).toBe(true);
    expect(isTable('a | fields host')).toBe(true);
    expect(isTable('a | sort host | limit 3')).toBe(false);
    expect(isTable('"| stats"')).toBe(false);
    expect(isPageable('a | where b')).toBe(true);
    expect(isPageable('a | limit 3')).toBe(false);
  });
});

describe('clause', () => {
  const cases: [string, Value, string][] = [
    ['host', 'web-01', 'host="web-01"'],
    ['a.b/c-d', 'x', 'a.b/c-d="x"'],
    ['m', 'say "hi" \\ there', 'm="say \\"hi\\" \\\\ there"'],
    ['n', 5, 'n=5'],
    ['ok', false, 'ok=false'],
    ['id', new Exact('12345678901234567890'), 'id=12345678901234567890'],
    ['f', null, '_exists_:f'],
    ['f', '', 'f=""'],
    ['m', 'first line\nsecond', 'm:"first line"'],
    ['m', '\u001b[31mred\u001b[0m', 'm:"[31mred"'],
    ['m', 'x'.repeat(400), `m:"${'x'.repeat(300)}"*`],
    ['m', { a: 1 }, ''],
    ['two words', 'x', ''],
    ['a"b', 'x', ''],
    ['_time', 'x', ''],
    ['1st', 'x', ''],
  ];
  for (const [field, value, want] of cases) {
    it(want || `nothing for ${field}`, () => expect(clause(field, value)).toBe(want));
  }
});

describe('beginning', () => {
  it('asks for a prefix, or for the first line of several', () => {
    expect(beginning('m', 'GET /a')).toBe('m:"GET /a"*');
    expect(beginning('m', 'one\ntwo')).toBe('m:"one"');
    expect(beginning('a b', 'x')).toBe('');
  });
});

describe('editing filters', () => {
  const cases: [string, string, boolean, string][] = [
    ['', 'h="a"', false, 'h="a"'],
    ['*', 'h="a"', false, 'h="a"'],
    ['error', 'h="a"', false, 'error h="a"'],
    ['error', 'h="a"', true, 'error -h="a"'],
    ['error h="a"', 'h="a"', false, 'error h="a"'],
    ['error h="a" x', 'h="a"', true, 'error x -h="a"'],
    ['error -h="a"', 'h="a"', false, 'error h="a"'],
    ['a OR b', 'h="a"', false, '(a OR b) h="a"'],
    ['(a OR b) c', 'h="a"', true, '(a OR b) c -h="a"'],
    ['f:(a OR b)', 'h="a"', false, 'f:(a OR b) h="a"'],
    ['NOT (a b) -c', 'h="a"', false, 'NOT (a b) -c h="a"'],
    ['a AND b', 'h="a"', false, 'a b h="a"'],
    ['e | stats count() by h', 'h="a b"', false, 'e h="a b" | stats count() by h'],
    ['x', '', false, 'x'],
    ['x (y', 'h=1', false, 'x (y h=1'],
  ];
  for (const [text, wanted, exclude, want] of cases) {
    it(`${text || '(empty)'} ${exclude ? 'without' : 'with'} ${wanted}`, () => {
      const once = withFilter(text, wanted, exclude);
      expect(once).toBe(want);
      if (!text.includes('OR') && !text.includes('(y')) expect(withFilter(once, wanted, exclude)).toBe(once);
    });
  }
  it('takes filters out', () => {
    expect(withoutFilter('error h="a" | limit 3', 'h="a"')).toBe('error | limit 3');
    expect(withoutFilter('error -h="a"', 'h="a"')).toBe('error');
  });
});

describe('wanted words', () => {
  const words = (s: string): string[] => wantedWords(s).map((w) => `${w.wordStart ? '' : '*'}${w.text}${w.wordEnd ? '' : '*'}`);
  const cases: [string, string[]][] = [
    ['timed out', ['timed', 'out']],
    ['"timed out" conn* *ref*', ['timed out', 'conn*', '*ref*']],
    ['a -b NOT c !d', ['a']],
    ['message:refused host:web level=error', ['refused']],
    ['message:(a OR "b c") host:(x y)', ['a', 'b c']],
    ['-(a b) c', ['c']],
    ['-message:(a b) c', ['c']],
    ['(a (b -c)) d', ['a', 'b', 'd']],
    ['/x+/ n>5 s:[1 TO 2] _time:1h *', []],
    ['a | stats count() by b', ['a']],
    ['https://x.org/y', ['https://x.org/y']],
  ];
  for (const [text, want] of cases) it(text, () => expect(words(text)).toEqual(want));
});
