import { describe, expect, it } from 'vitest';
import { events, lines, type ServerEvent } from './ndjson';

function stream(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(c) {
      for (const x of chunks) c.enqueue(typeof x === 'string' ? encoder.encode(x) : x);
      c.close();
    },
  });
}

async function all<T>(from: AsyncGenerator<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const x of from) out.push(x);
  return out;
}

describe('lines', () => {
  const cases: [string, string[], string[]][] = [
    ['nothing', [], []],
    ['whole lines', ['a\nb\n'], ['a', 'b']],
    ['a last line without an end', ['a\nb'], ['a', 'b']],
    ['lines cut anywhere', ['a', 'b\nc', '', 'd\n', 'e\n'], ['ab', 'cd', 'e']],
    ['empty lines', ['\n\na\n'], ['', '', 'a']],
    ['carriage returns', ['a\r\nb\r', '\nc\rd\n'], ['a', 'b', 'c\rd']],
  ];
  for (const [name, chunks, want] of cases) {
    it(name, async () => expect(await all(lines(stream(...chunks)))).toEqual(want));
  }

  it('characters cut between bytes', async () => {
    const bytes = new TextEncoder().encode('é😀\n');
    const one = [...bytes].map((b) => new Uint8Array([b]));
    expect(await all(lines(stream(...one)))).toEqual(['é😀']);
  });

  it('cancels the stream when the reader leaves', async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (c) => c.enqueue(new TextEncoder().encode('x\n')),
      cancel: () => void (cancelled = true),
    });
    for await (const line of lines(endless)) {
      expect(line).toBe('x');
      break;
    }
    expect(cancelled).toBe(true);
  });
});

describe('events', () => {
  it('reads names, data and comments', async () => {
    const text = 'event: ready\ndata: {}\n\n: keep-alive\n\nevent: row\ndata: {"a":1}\n\ndata: x\ndata:y\n\nevent: cut';
    const want: ServerEvent[] = [
      { event: 'ready', data: '{}' },
      { event: 'row', data: '{"a":1}' },
      { event: 'message', data: 'x\ny' },
    ];
    expect(await all(events(stream(text)))).toEqual(want);
  });
});
