// Reading line streams: newline-delimited JSON and server-sent events.

/** lines yields the lines of a byte stream as they complete, without their ends. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  // Pieces of an unfinished line are kept apart and joined once, so that a long
  // line that comes in many chunks costs no quadratic copying.
  let pieces: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        pieces.push(text.slice(start, end));
        yield chomp(pieces.join(''));
        pieces = [];
        start = end + 1;
      }
      if (start < text.length) pieces.push(text.slice(start));
      if (done) break;
    }
    if (pieces.length > 0) yield chomp(pieces.join(''));
  } finally {
    // Also when the consumer leaves early: cancelling closes the connection, and
    // with it the query in the server.
    reader.cancel().catch(() => undefined);
  }
}

function chomp(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** A server-sent event. */
export interface ServerEvent {
  event: string;
  data: string;
}

/** events yields the server-sent events of a stream; comments are skipped. */
export async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let event = '';
  let data: string[] = [];
  for await (const line of lines(stream)) {
    if (line === '') {
      if (event !== '' || data.length > 0) yield { event: event || 'message', data: data.join('\n') };
      event = '';
      data = [];
      continue;
    }
    if (line.startsWith(':')) continue;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
}
