import { describe, expect, it } from 'vitest';
import { remembered } from './keep';
import { emptyView, loginCode, read, write, type View } from './urlstate';

describe('a view in a link', () => {
  const views: [Partial<View>, string][] = [
    [{}, '#'],
    [{ query: 'level:error "a b" /x/' }, '#q=level:error+%22a+b%22+/x/'],
    [{ query: 'a+b=c&d#e%20 ü|' }, '#q=a%2Bb%3Dc%26d%23e%2520+%C3%BC%7C'],
    [{ from: 'now-7d' }, '#from=now-7d&to=now'],
    [{ from: '2024-01-01T00:00:00Z', to: '2024-01-02T00:00:00Z' }, '#from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00Z'],
    [{ live: true }, '#live=1'],
    [{ columns: ['a', 'b,c', 'd\\e'] }, '#cols=a,b%5C,c,d%5C%5Ce'],
    [{ query: 'x', at: '2024-01-01T00:00:00.000000001Z' }, '#q=x&at=2024-01-01T00:00:00.000000001Z'],
  ];
  for (const [change, link] of views) {
    it(link, () => {
      const view = { ...emptyView, ...change };
      expect(write(view)).toBe(link);
      expect(read(link)).toEqual(view);
    });
  }
  it('survives nonsense', () => {
    expect(read('#%%%&&=&q')).toEqual(emptyView);
    expect(read('')).toEqual(emptyView);
  });
});

describe('a login link', () => {
  it('gives its code', () => {
    expect(loginCode('#login=AbC-_9')).toBe('AbC-_9');
    expect(loginCode('#q=login=x')).toBe('');
    expect(loginCode('#login=')).toBe('');
    expect(loginCode('#login=<x>')).toBe('');
  });
});

describe('the history', () => {
  it('has each query once, the last first', () => {
    expect(remembered(['b', 'a'], ' a ')).toEqual(['a', 'b']);
    expect(remembered(['a'], '  ')).toEqual(['a']);
    expect(remembered(Array.from({ length: 60 }, (_, i) => String(i)), 'x')).toHaveLength(50);
  });
});
