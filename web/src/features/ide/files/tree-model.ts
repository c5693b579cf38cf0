/**
 * The directories that were read, and the rows they make. Pure.
 * Not here: when they are read (`tree-store.ts`), how a row looks.
 */
import type { FileEntry } from "../../../api/types";

/** Holds the trash; nothing for a user to look into. */
const PLATFORM_DIRECTORY = ".coditect";

export interface Directory {
  entries: FileEntry[];
  total: number;
  /** Where the next page starts; null: everything is here. */
  next: string | null;
  loading: boolean;
  error: string | null;
}

export type Row =
  | { kind: "entry"; path: string; entry: FileEntry; depth: number; expanded: boolean; position: number; count: number }
  | { kind: "more"; path: string; directory: string; depth: number; left: number }
  | { kind: "message"; path: string; depth: number; text: string; error: boolean }
  | { kind: "create"; path: string; depth: number; directory: string; folder: boolean };

export interface Creating {
  directory: string;
  folder: boolean;
}

export function isDirectory(entry: FileEntry): boolean {
  return entry.kind === "directory" || (entry.kind === "symlink" && entry.target_kind === "directory");
}

export interface TreeShape {
  root: string;
  directories: ReadonlyMap<string, Directory>;
  expanded: ReadonlySet<string>;
  creating: Creating | null;
  hidden: boolean;
}

/** Everything visible, top to bottom. */
export function visibleRows(shape: TreeShape): Row[] {
  const rows: Row[] = [];
  addDirectory(shape, shape.root, 0, rows);
  return rows;
}

function addDirectory(shape: TreeShape, path: string, depth: number, rows: Row[]): void {
  const directory = shape.directories.get(path);
  if (shape.creating?.directory === path) {
    rows.push({ kind: "create", path: `${path}\0create`, depth, directory: path, folder: shape.creating.folder });
  }
  if (!directory) return;
  if (directory.error !== null) {
    rows.push({ kind: "message", path: `${path}\0error`, depth, text: directory.error, error: true });
    return;
  }
  const platform = `${shape.root}/${PLATFORM_DIRECTORY}`;
  const entries = directory.entries.filter((entry) => entry.path !== platform && (shape.hidden || !entry.name.startsWith(".")));
  entries.forEach((entry, index) => {
    const expanded = isDirectory(entry) && shape.expanded.has(entry.path);
    const place = { position: index + 1, count: Math.max(directory.total, entries.length) };
    rows.push({ kind: "entry", path: entry.path, entry, depth, expanded, ...place });
    if (expanded) addDirectory(shape, entry.path, depth + 1, rows);
  });
  if (directory.next !== null) {
    const left = Math.max(0, directory.total - directory.entries.length);
    rows.push({ kind: "more", path: `${path}\0more`, directory: path, depth, left });
  } else if (entries.length === 0 && !directory.loading && shape.creating?.directory !== path) {
    rows.push({ kind: "message", path: `${path}\0empty`, depth, text: "Empty folder", error: false });
  }
}

/** The row that typing `prefix` leads to, searching on from behind `from`. */
export function typeAhead(rows: readonly Row[], from: number, prefix: string): number {
  const wanted = prefix.toLowerCase();
  const start = prefix.length === 1 ? from + 1 : from;
  for (let step = 0; step < rows.length; step += 1) {
    const index = (start + step + rows.length) % rows.length;
    const row = rows[index];
    if (row?.kind === "entry" && row.entry.name.toLowerCase().startsWith(wanted)) return index;
  }
  return -1;
}

/** Of `paths`, those that lie in no other of them. */
export function outermost(paths: readonly string[]): string[] {
  const sorted = [...new Set(paths)].sort();
  const kept: string[] = [];
  for (const path of sorted) {
    if (!kept.some((other) => path.startsWith(`${other}/`))) kept.push(path);
  }
  return kept;
}
