import { describe, expect, it } from 'vitest';
import { Exact, Known, hostOf, levelOf, messageOf, oldestOf, parseJSON, rowFrom, stringify, text, type Value } from './rows';

const row = (fields: Record<string, Value>) => rowFrom(fields);

describe('parseJSON', () => {
  it('keeps short numbers as numbers', () => {
    expect(parseJSON('{"a":1,"b":[2.5,true,null,"x"]}')).toEqual({ a: 1, b: [2.5, true, null, 'x'] });
  });

  it('writes long numbers back as they came, where the browser tells', () => {
    const json = '{"id":12345678901234567890,"n":1}';
    const value = parseJSON(json);
    // Old engines do not hand the source of a number to the reviver.
    const tells = (() => {
      let source: unknown;
      JSON.parse('1', ((_k: string, _v: unknown, c?: { source?: string }) => (source = c?.source)) as never);
      return source !== undefined;
    })();
    expect(stringify(value)).toBe(tells ? json : '{"id":12345678901234567000,"n":1}');
  });

  it('leaves digits in texts alone', () => {
    expect(parseJSON('{"a":"12345678901234567890"}')).toEqual({ a: '12345678901234567890' });
  });
});

describe('stringify', () => {
  const values: Value[] = [null, true, 1.5, 'a"\n', [], {}, [1, [2]], { a: { b: [] }, c: 'x' }];
  for (const v of values) {
    it(`writes ${JSON.stringify(v)}`, () => {
      expect(stringify(v)).toBe(JSON.stringify(v));
      expect(stringify(v, 2)).toBe(JSON.stringify(v, null, 2));
    });
  }
  it('writes exact numbers bare', () => expect(stringify({ a: new Exact('99999999999999999999') })).toBe('{"a":99999999999999999999}'));
});

describe('a row', () => {
  it('parts the source from the fields', () => {
    const r = rowFrom({ '@timestamp': '2024-01-01T00:00:00Z', a: 1, _source: { a: 1 } });
    expect(r.time).toBe('2024-01-01T00:00:00Z');
    expect(r.source).toEqual({ a: 1 });
    expect(Object.keys(r.fields)).toEqual(['@timestamp', 'a']);
  });
  it('has a host, a level and a message under several names', () => {
    const r = row({ 'host.name': 'h', severity: 'err', msg: 'm' });
    expect([hostOf(r), levelOf(r), messageOf(r)]).toEqual(['h', 'err', 'm']);
  });
  it('shows its fields when it has no message', () => {
    expect(messageOf(row({ '@timestamp': 't', host: 'h', a: 1, b: 'x' }))).toBe('a=1 b=x');
  });
  it('shows values as text', () => {
    expect([text('x'), text(1), text(null), text(undefined), text([1, 'a'])]).toEqual(['x', '1', '', '', '[1,"a"]']);
  });
});

describe('paging at equal times', () => {
  const at = (t: string, n: number) => row({ '@timestamp': t, n });

  it('finds the rows that share the oldest time', () => {
    const rows = [at('c', 1), at('b', 2), at('a', 3), at('a', 4)];
    expect(oldestOf(rows).map((r) => r.fields.n)).toEqual([3, 4]);
    expect(oldestOf([])).toEqual([]);
  });

  it('drops known rows once each, and keeps true twins', () => {
    const known = new Known([at('a', 3), at('a', 4)]);
    const page = [at('a', 3), at('a', 3), at('a', 4), at('a', 5)];
    expect(page.filter((r) => !known.take(r)).map((r) => r.fields.n)).toEqual([3, 5]);
    expect(known.size).toBe(0);
  });
});
