/** Bytes to text and back, without losing what a text editor must keep. Pure. */

/** Larger files are not opened as text, in bytes. */
export const TEXT_MAX_BYTES = 10 * 1024 * 1024;
/** How much of a file is shown when it is opened all the same, in bytes. */
export const PEEK_BYTES = 1024 * 1024;

const BOM = [0xef, 0xbb, 0xbf] as const;

export interface TextFile {
  text: string;
  bom: boolean;
}

function hasBom(bytes: Uint8Array): boolean {
  return BOM.every((byte, index) => bytes[index] === byte);
}

/** The text of a UTF-8 file; null for what is not text. */
export function decodeText(bytes: Uint8Array): TextFile | null {
  if (bytes.includes(0)) return null;
  const bom = hasBom(bytes);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bom ? bytes.subarray(3) : bytes);
    return { text, bom };
  } catch {
    return null;
  }
}

/** Whatever can be shown of a file that is no text. */
export function decodeLossy(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replaceAll("\0", "\u2400");
}

export function encodeText({ text, bom }: TextFile): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(bom ? `\ufeff${text}` : text);
}

export interface Replacement {
  start: number;
  end: number;
  text: string;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/**
 * The one replacement that turns `before` into `after`, as small as its equal ends allow, so that cursors elsewhere in
 * the text stay where they are. Offsets are UTF-16 units; surrogate pairs and CR LF are not cut apart.
 */
export function smallestReplacement(before: string, after: string): Replacement | null {
  if (before === after) return null;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start += 1;
  if (start > 0 && (isLowSurrogate(before.charCodeAt(start)) || isLowSurrogate(after.charCodeAt(start)))) start -= 1;
  if (start > 0 && before[start - 1] === "\r") start -= 1;
  let tail = 0;
  while (tail < shorter - start && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) {
    tail += 1;
  }
  const cutsPair = () => tail > 0 && isLowSurrogate(before.charCodeAt(before.length - tail));
  const cutsLineEnd = () => tail > 0 && before[before.length - tail] === "\n";
  if (cutsPair() || cutsLineEnd()) tail -= 1;
  return { start, end: before.length - tail, text: after.slice(start, after.length - tail) };
}
