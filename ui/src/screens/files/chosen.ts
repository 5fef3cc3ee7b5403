/** Which entries of a directory are chosen, and where the cursor of the keyboard stands: pure, so that it can be tested. */

export interface Chosen {
  /** base64 of the paths that are chosen. */
  paths: ReadonlySet<string>;
  /** The row of the keyboard; -1 before there is one. */
  cursor: number;
  /** Where a range begins. */
  anchor: number;
}

export const NONE: Chosen = { paths: new Set(), cursor: -1, anchor: -1 };

interface Row {
  path_b64: string;
}

/** One entry more or less; with `range`, all from the anchor on become as this one. */
export function toggled(chosen: Chosen, rows: readonly Row[], at: number, range: boolean): Chosen {
  const row = rows[at];
  if (!row) return chosen;
  const put = !chosen.paths.has(row.path_b64);
  const start = range && chosen.anchor >= 0 ? chosen.anchor : at;
  const paths = new Set(chosen.paths);
  for (const one of rows.slice(Math.min(start, at), Math.max(start, at) + 1)) put ? paths.add(one.path_b64) : paths.delete(one.path_b64);
  return { paths, cursor: at, anchor: at };
}

/** All that are shown, or none where all of them are chosen. */
export function allOrNone(chosen: Chosen, rows: readonly Row[]): Chosen {
  const all = rows.length > 0 && rows.every((row) => chosen.paths.has(row.path_b64));
  return { ...chosen, paths: all ? new Set() : new Set(rows.map((row) => row.path_b64)) };
}

/** Where a key leads; with `extend`, what is passed is chosen. Undefined: the key means nothing here. */
export function moved(chosen: Chosen, rows: readonly Row[], key: string, page: number, extend: boolean): Chosen | undefined {
  const last = rows.length - 1;
  const to = { ArrowDown: chosen.cursor + 1, ArrowUp: chosen.cursor < 0 ? 0 : chosen.cursor - 1, Home: 0, End: last, PageDown: chosen.cursor + page, PageUp: chosen.cursor - page }[key];
  if (to === undefined || last < 0) return undefined;
  const cursor = Math.min(last, Math.max(0, to));
  if (!extend) return { ...chosen, cursor, anchor: cursor };
  const anchor = chosen.anchor < 0 ? cursor : chosen.anchor;
  const paths = new Set(chosen.paths);
  for (const one of rows.slice(Math.min(anchor, cursor), Math.max(anchor, cursor) + 1)) paths.add(one.path_b64);
  return { paths, cursor, anchor };
}
