import { describe, expect, it } from 'vitest';
import { absolute, after, ago, clock, isRelative, label, localInput, nanos, resolve, rfc3339, stamp, valid, zone } from './time';

const now = Date.parse('2024-03-10T12:00:00Z');

describe('ranges', () => {
  it('resolves relative and absolute times', () => {
    expect(resolve('now', now)).toBe(now);
    expect(resolve('now-15m', now)).toBe(now - 900_000);
    expect(resolve('now-1.5h', now)).toBe(now - 5_400_000);
    expect(resolve('now-7d', now)).toBe(now - 7 * 86_400_000);
    expect(resolve('2024-03-10T11:00:00Z', now)).toBe(now - 3_600_000);
    for (const bad of ['', 'yesterday', 'now-', 'now-5', 'now+5m', '5m', '12']) expect(resolve(bad, now)).toBeNaN();
  });
  it('knows relative ones', () => {
    expect(isRelative('now-1h')).toBe(true);
    expect(isRelative('2024-03-10T11:00:00Z')).toBe(false);
  });
  it('tells valid ranges', () => {
    expect(valid({ from: 'now-1h', to: 'now' }, now)).toBe(true);
    expect(valid({ from: 'now', to: 'now-1h' }, now)).toBe(false);
    expect(valid({ from: '', to: 'now' }, now)).toBe(false);
  });
  it('pins', () => {
    expect(absolute({ from: 'now-1h', to: '2024-03-10T12:00:00.123456789Z' }, now)).toEqual({
      from: '2024-03-10T11:00:00.000Z',
      to: '2024-03-10T12:00:00.123456789Z',
    });
  });
  it('names', () => {
    expect(label({ from: 'now-1h', to: 'now' })).toBe('Last hour');
    expect(label({ from: 'now-3d', to: 'now' })).toBe('Last 3d');
    const [a, b] = ['2024-03-10T10:00:00Z', '2024-03-10T10:05:00Z'];
    expect(label({ from: a, to: b })).toBe(`${stamp(a)} – ${stamp(b).slice(11)}`);
    expect(label({ from: a, to: 'now' })).toBe(`${stamp(a)} – now`);
  });
});

describe('nanoseconds', () => {
  const cases: [string, bigint, string][] = [
    ['1970-01-01T00:00:00Z', 0n, '1970-01-01T00:00:00Z'],
    ['1970-01-01T00:00:01.5Z', 1_500_000_000n, '1970-01-01T00:00:01.5Z'],
    ['2024-03-10T12:00:00.123456789Z', 1710072000_123456789n, '2024-03-10T12:00:00.123456789Z'],
    ['2024-03-10T13:00:00+01:00', 1710072000_000000000n, '2024-03-10T12:00:00Z'],
    ['1969-12-31T23:59:59.999999999Z', -1n, '1969-12-31T23:59:59.999999999Z'],
    ['2100-01-01T00:00:00Z', 4102444800_000000000n, '2100-01-01T00:00:00Z'],
  ];
  for (const [text, ns, utc] of cases) {
    it(text, () => {
      expect(nanos(text)).toBe(ns);
      expect(rfc3339(ns)).toBe(utc);
    });
  }
  it('refuses what is no time', () => expect(() => nanos('now')).toThrow(RangeError));
  it('goes to the next one', () => {
    expect(after('2024-03-10T12:00:00Z')).toBe('2024-03-10T12:00:00.000000001Z');
    expect(after('2024-03-10T12:00:00.999999999Z')).toBe('2024-03-10T12:00:01Z');
  });
});

describe('shown times', () => {
  it('are local', () => {
    const d = new Date(2024, 1, 3, 4, 5, 6, 7);
    expect(clock(d.getTime())).toBe('04:05:06.007');
    expect(clock(d.getTime(), true)).toBe('2024-02-03 04:05:06.007');
    expect(stamp(d.getTime())).toBe('2024-02-03 04:05:06');
    expect(localInput(d.getTime())).toBe('2024-02-03T04:05:06');
    expect(new Date(localInput(d.getTime())).getTime()).toBe(d.getTime() - 7);
  });
  it('stay as they came when they are none', () => {
    expect(clock('soon')).toBe('soon');
    expect(stamp('soon')).toBe('soon');
  });
  it('name the zone', () => expect(zone(now)).toMatch(/^.+ \(UTC[+−]\d\d:\d\d\)$/));
  it('say how long ago', () => {
    const at = (s: number): string => ago(new Date(now - s * 1000).toISOString(), now);
    expect([at(5), at(600), at(7200), at(4 * 86400), at(-60)]).toEqual(['5 s ago', '10 min ago', '2 h ago', '4 days ago', 'in the future']);
  });
});
