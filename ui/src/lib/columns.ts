// How much room the rows' own columns need: what no loaded row has takes none.

import { hostOf, levelOf, type Row } from './rows';
import { visible } from './safetext';

export interface Columns {
  /** host is the width of the host column in characters, 0 for no column. */
  host: number;
  /** level is whether any row has a level. */
  level: boolean;
}

/** The widest host column; longer names are cut, and whole in the detail. */
const widest = 28;

export const noColumns: Columns = { host: 0, level: false };

/**
 * widen returns the columns that fit rows as well as whatever columns fitted. They
 * never shrink while rows come to a list, so that what is being read moves seldom;
 * it is the same object when nothing has changed.
 */
export function widen(columns: Columns, rows: readonly Row[]): Columns {
  let { host, level } = columns;
  for (const row of rows) {
    if (host < widest) host = Math.max(host, Math.min(widest, [...visible(hostOf(row).slice(0, widest))].length));
    level ||= levelOf(row) !== '';
    if (level && host === widest) break;
  }
  return host === columns.host && level === columns.level ? columns : { host, level };
}
