/** What was typed into quick open: a name, and perhaps a place in the file. Pure. */

export interface QuickOpenQuery {
  name: string;
  line: number | null;
  column: number;
}

/** `main.rs:12:4` means line 12, column 4 of what `main.rs` finds. */
export function parseQuickOpen(text: string): QuickOpenQuery {
  const found = /^(.*?):(\d+)(?::(\d+))?:?$/.exec(text.trim());
  if (!found) return { name: text.trim().replace(/:$/, ""), line: null, column: 1 };
  return { name: found[1] ?? "", line: Math.max(1, Number(found[2])), column: Math.max(1, Number(found[3] ?? 1)) };
}

export interface Piece {
  text: string;
  hit: boolean;
}

/** A text cut into what matched and what did not; `indices` count characters, not UTF-16 units. */
export function highlighted(text: string, indices: readonly number[]): Piece[] {
  const hits = new Set(indices);
  const pieces: Piece[] = [];
  [...text].forEach((character, index) => {
    const hit = hits.has(index);
    const last = pieces.at(-1);
    if (last && last.hit === hit) last.text += character;
    else pieces.push({ text: character, hit });
  });
  return pieces;
}
