import { describe, expect, it } from 'vitest';
import { noColumns, widen } from './columns';
import { rowFrom, type Value } from './rows';

const rows = (...fields: Record<string, Value>[]) => fields.map(rowFrom);

describe('columns', () => {
  it('take no room when no row has anything for them', () => {
    expect(widen(noColumns, rows({ message: 'a' }, { message: 'b', host: '', level: null }))).toBe(noColumns);
  });
  it('are as wide as the longest host, within bounds', () => {
    expect(widen(noColumns, rows({ host: 'db' }, { 'host.name': 'web-01' }, { host: 'a' }))).toEqual({ host: 6, level: false });
    expect(widen(noColumns, rows({ host: 'x'.repeat(100_000) }))).toEqual({ host: 28, level: false });
    expect(widen(noColumns, rows({ host: 'a\u202eb' })).host).toBe('a⟨U+202E⟩b'.length);
  });
  it('hold a level as soon as one row has one', () => {
    expect(widen(noColumns, rows({ host: 'web' }, { severity: 'err' }, {}))).toEqual({ host: 3, level: true });
    expect(widen({ host: 28, level: false }, rows({}, { level: 'info' }))).toEqual({ host: 28, level: true });
  });
  it('never shrink while rows come', () => {
    const before = { host: 9, level: true };
    expect(widen(before, rows({ host: 'web' }))).toBe(before);
    expect(widen(before, rows({ host: 'web-01.example' }))).toEqual({ host: 14, level: true });
  });
});
