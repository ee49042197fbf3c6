// A log line is hostile input. Markup is harmless, since text is only ever set as
// text; what is left are characters that hide, reorder or colour. They are made
// visible here, and the colours of terminals become class names.

/** A run of text to show, with the class names of its terminal style. */
export interface Run {
  text: string;
  style: string;
}

// C0 and C1 controls, DEL, soft hyphen, zero-width and bidi controls, line and
// paragraph separators, interlinear marks, byte order mark, tags.
const hidden =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** visible replaces characters that hide or reorder with ones that can be seen. */
export function visible(text: string, multiline = false): string {
  return text.replace(hidden, (c) => {
    const code = c.codePointAt(0)!;
    if (code === 10) return multiline ? '\n' : '↵';
    if (code === 13 && multiline) return '';
    if (code < 32) return String.fromCharCode(0x2400 + code);
    if (code === 127) return '\u2421';
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

const sgr = /\u001b\[([0-9;]{0,32})m/g;

/**
 * runs splits text at the terminal's colour codes. Only those are taken out;
 * every other escape sequence stays, visibly, so that nothing can hide in one.
 */
export function runs(text: string, multiline = false): Run[] {
  if (!text.includes('\u001b[')) return [{ text: visible(text, multiline), style: '' }];
  const out: Run[] = [];
  let state = { bold: false, colour: '' };
  let start = 0;
  const push = (end: number): void => {
    if (end <= start) return;
    const style = [state.bold ? 'ansi-bold' : '', state.colour].filter(Boolean).join(' ');
    out.push({ text: visible(text.slice(start, end), multiline), style });
  };
  for (const m of text.matchAll(sgr)) {
    push(m.index);
    start = m.index + m[0].length;
    state = applied(state, m[1]!);
  }
  push(text.length);
  return out;
}

function applied(state: { bold: boolean; colour: string }, codes: string): { bold: boolean; colour: string } {
  let { bold, colour } = state;
  const list = codes === '' ? [0] : codes.split(';').map(Number);
  for (let i = 0; i < list.length; i++) {
    const code = list[i]!;
    if (code === 0) [bold, colour] = [false, ''];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) colour = '';
    else if (code >= 30 && code <= 37) colour = `ansi-${code - 30}`;
    else if (code >= 90 && code <= 97) colour = `ansi-${code - 90}`;
    // 256 colours and true colours are taken out but not shown: our two themes
    // cannot promise that they can be read.
    else if (code === 38 || code === 48) i += list[i + 1] === 5 ? 2 : list[i + 1] === 2 ? 4 : 0;
  }
  return { bold, colour };
}
