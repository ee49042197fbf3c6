// Levels by word, shape and colour: colour alone says nothing to many.

export type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'other';

/** The levels from the worst down; histograms stack in this order. */
export const levels: readonly Level[] = ['fatal', 'error', 'warn', 'info', 'debug', 'other'];

export const marks: Record<Level, string> = {
  fatal: '✖',
  error: '▲',
  warn: '◆',
  info: '●',
  debug: '○',
  other: '·',
};

const words: Record<string, Level> = {
  fatal: 'fatal', panic: 'fatal', emerg: 'fatal', emergency: 'fatal', alert: 'fatal', critical: 'fatal', crit: 'fatal',
  error: 'error', err: 'error', severe: 'error', failure: 'error',
  warning: 'warn', warn: 'warn',
  information: 'info', informational: 'info', info: 'info', notice: 'info',
  debug: 'debug', trace: 'debug', verbose: 'debug', fine: 'debug', finest: 'debug',
};

/** levelClass sorts whatever a program calls its level into one of ours. */
export function levelClass(word: string): Level {
  return words[word.trim().toLowerCase()] ?? 'other';
}
