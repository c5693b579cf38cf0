/** What a key means in the file tree. Pure: rows and a key in, an intention out. */
import type { Row } from "./tree-model";
import { parentOf } from "../paths";

export type TreeIntent =
  | { type: "focus"; index: number; extend: boolean }
  | { type: "expand"; path: string; on: boolean }
  | { type: "open"; path: string; pinned: boolean }
  | { type: "rename"; path: string }
  | { type: "delete" }
  | { type: "menu" }
  | { type: "select-all" }
  | { type: "type-ahead"; character: string }
  | null;

export interface TreeKey {
  key: string;
  shift: boolean;
  ctrl: boolean;
  alt: boolean;
}

function focusable(rows: readonly Row[], from: number, step: 1 | -1): number {
  for (let index = from; index >= 0 && index < rows.length; index += step) if (rows[index]?.kind === "entry") return index;
  return -1;
}

export function treeIntent(rows: readonly Row[], at: number, pressed: TreeKey, page: number): TreeIntent {
  const { key, shift: extend, ctrl, alt } = pressed;
  const row = rows[at];
  const go = (index: number): TreeIntent => (index < 0 ? null : { type: "focus", index, extend });
  if (alt) return null;
  if (ctrl) return key.toLowerCase() === "a" ? { type: "select-all" } : null;
  switch (key) {
    case "ArrowDown":
      return go(focusable(rows, at + 1, 1));
    case "ArrowUp":
      return go(at < 0 ? focusable(rows, 0, 1) : focusable(rows, at - 1, -1));
    case "PageDown": {
      const index = focusable(rows, Math.min(rows.length - 1, at + page), -1);
      return go(index);
    }
    case "PageUp":
      return go(focusable(rows, Math.max(0, at - page), 1));
    case "Home":
      return go(focusable(rows, 0, 1));
    case "End":
      return go(focusable(rows, rows.length - 1, -1));
    case "F2":
      return row?.kind === "entry" ? { type: "rename", path: row.path } : null;
    case "Delete":
      return { type: "delete" };
    case "ContextMenu":
      return { type: "menu" };
    case "F10":
      return extend ? { type: "menu" } : null;
  }
  if (row?.kind === "entry") {
    const folder = row.entry.kind === "directory" || row.entry.target_kind === "directory";
    if (key === "ArrowRight" && folder) {
      return row.expanded ? go(focusable(rows, at + 1, 1)) : { type: "expand", path: row.path, on: true };
    }
    if (key === "ArrowLeft") {
      if (row.expanded) return { type: "expand", path: row.path, on: false };
      return go(rows.findIndex((other) => other.kind === "entry" && other.path === parentOf(row.path)));
    }
    if (key === "Enter" || key === " ") {
      if (folder) return { type: "expand", path: row.path, on: !row.expanded };
      return { type: "open", path: row.path, pinned: key === "Enter" };
    }
  }
  return key.length === 1 && key !== " " ? { type: "type-ahead", character: key } : null;
}
