/** A content search: what is asked, and how its answers are put together. Pure. */
import type { ContentEvent } from "../../../api/types";

export interface SearchOptions {
  query: string;
  caseSensitive: boolean;
  word: boolean;
  regex: boolean;
  include: string;
  exclude: string;
  ignored: boolean;
}

export const NO_SEARCH: SearchOptions = {
  query: "",
  caseSensitive: false,
  word: false,
  regex: false,
  include: "",
  exclude: "",
  ignored: false,
};

export type SearchMatch = Extract<ContentEvent, { type: "match" }>;
export type SearchEnd = Extract<ContentEvent, { type: "end" }>;

export interface FileMatches {
  path: string;
  matches: SearchMatch[];
}

export interface SearchResult {
  files: FileMatches[];
  lines: number;
  end: SearchEnd | null;
}

export const NO_RESULT: SearchResult = { files: [], lines: 0, end: null };

export function searchQuery(options: SearchOptions, root: string): Record<string, string | number | boolean | undefined> {
  return {
    root,
    query: options.query,
    case: options.caseSensitive ? "sensitive" : "insensitive",
    word: options.word || undefined,
    regex: options.regex || undefined,
    include: options.include.trim() || undefined,
    exclude: options.exclude.trim() || undefined,
    ignored: options.ignored || undefined,
    limit: 2000,
  };
}

/** Adds streamed answers; lines of one file come together. */
export function withEvents(result: SearchResult, events: readonly ContentEvent[]): SearchResult {
  const files = [...result.files];
  let { lines, end } = result;
  for (const event of events) {
    if (event.type === "end") {
      end = event;
      continue;
    }
    lines += 1;
    const last = files.at(-1);
    if (last?.path === event.path) files[files.length - 1] = { ...last, matches: [...last.matches, event] };
    else files.push({ path: event.path, matches: [event] });
  }
  return { files, lines, end };
}

export type SearchRow =
  | { kind: "file"; path: string; count: number; open: boolean }
  | { kind: "line"; key: string; match: SearchMatch };

export function searchRows(result: SearchResult, folded: ReadonlySet<string>): SearchRow[] {
  return result.files.flatMap(({ path, matches }): SearchRow[] => {
    const open = !folded.has(path);
    const head: SearchRow = { kind: "file", path, count: matches.length, open };
    return open ? [head, ...matches.map((match): SearchRow => ({ kind: "line", key: `${path}:${match.line}`, match }))] : [head];
  });
}

export interface LinePiece {
  text: string;
  hit: boolean;
}

const BEFORE_MAX = 32;

/** A found line for showing: indentation cut, the first match near the beginning. */
export function linePieces({ text, ranges }: SearchMatch): LinePiece[] {
  const first = ranges[0]?.[0] ?? 0;
  const indent = text.length - text.trimStart().length;
  const start = first - indent > BEFORE_MAX ? first - BEFORE_MAX : Math.min(indent, first);
  const pieces: LinePiece[] = start > indent ? [{ text: "…", hit: false }] : [];
  let at = start;
  for (const [from, to] of ranges) {
    if (from > at) pieces.push({ text: text.slice(at, from), hit: false });
    pieces.push({ text: text.slice(Math.max(from, at), to), hit: true });
    at = Math.max(at, to);
  }
  if (at < text.length) pieces.push({ text: text.slice(at), hit: false });
  return pieces;
}
