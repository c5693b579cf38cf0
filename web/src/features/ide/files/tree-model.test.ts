import { describe, expect, it } from "vitest";
import type { FileEntry } from "../../../api/types";
import { type Directory, outermost, type Row, typeAhead, visibleRows } from "./tree-model";
import { treeIntent } from "./tree-keys";

function entry(path: string, kind: FileEntry["kind"]): FileEntry {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { name, path, kind, size: 0, modified_at: 0, mode: 0o644, writable: true };
}

function directory(entries: FileEntry[], more: Partial<Directory> = {}): Directory {
  return { entries, total: entries.length, next: null, loading: false, error: null, ...more };
}

const shape = {
  root: "/w",
  directories: new Map([
    ["/w", directory([entry("/w/src", "directory"), entry("/w/.env", "file"), entry("/w/a.txt", "file")])],
    ["/w/src", directory([entry("/w/src/main.rs", "file")], { total: 5000, next: "main.rs" })],
  ]),
  expanded: new Set(["/w/src"]),
  creating: null,
  hidden: true,
};

const words = (rows: Row[]) => rows.map((row) => `${row.kind}:${row.path.replace("\0", "#")}`);

describe("the tree", () => {
  it("shows what is expanded, with what is still to come", () => {
    const rows = visibleRows(shape);
    expect(words(rows)).toEqual(["entry:/w/src", "entry:/w/src/main.rs", "more:/w/src#more", "entry:/w/.env", "entry:/w/a.txt"]);
    expect(rows[2]).toMatchObject({ left: 4999, depth: 1 });
    expect(rows[1]).toMatchObject({ position: 1, count: 5000, depth: 1 });
  });

  it("can leave hidden files out, and says when a folder is empty or cannot be read", () => {
    expect(words(visibleRows({ ...shape, hidden: false }))).not.toContain("entry:/w/.env");
    const empty = new Map([["/w", directory([])]]);
    expect(visibleRows({ ...shape, directories: empty })[0]).toMatchObject({ kind: "message", error: false });
    const failed = new Map([["/w", directory([], { error: "no" })]]);
    expect(visibleRows({ ...shape, directories: failed })[0]).toMatchObject({ kind: "message", text: "no", error: true });
  });

  it("lays 100,000 entries out without delay that could be felt", () => {
    const many = Array.from({ length: 100_000 }, (_, index) => entry(`/w/f${index}`, "file"));
    expect(visibleRows({ ...shape, directories: new Map([["/w", directory(many)]]) }).length).toBe(100_000);
  });

  it("finds names by their beginning, going round", () => {
    const rows = visibleRows(shape);
    expect(typeAhead(rows, 0, "a")).toBe(4);
    expect(typeAhead(rows, 4, "m")).toBe(1);
    expect(typeAhead(rows, 0, "zzz")).toBe(-1);
  });

  it("acts on the outermost of what is selected", () => {
    expect(outermost(["/w/a/b", "/w/a", "/w/ab", "/w/a"])).toEqual(["/w/a", "/w/ab"]);
  });
});

describe("its keys", () => {
  const rows = visibleRows(shape);
  const press = (at: number, key: string, shift = false, ctrl = false) =>
    treeIntent(rows, at, { key, shift, ctrl, alt: false }, 3);

  it("move over what is no entry", () => {
    expect(press(1, "ArrowDown")).toEqual({ type: "focus", index: 3, extend: false });
    expect(press(3, "ArrowUp", true)).toEqual({ type: "focus", index: 1, extend: true });
    expect([press(0, "End"), press(4, "Home")]).toEqual([
      { type: "focus", index: 4, extend: false },
      { type: "focus", index: 0, extend: false },
    ]);
    expect(press(4, "ArrowDown")).toBeNull();
  });

  it("open, close and leave folders", () => {
    expect(press(0, "ArrowLeft")).toEqual({ type: "expand", path: "/w/src", on: false });
    expect(press(0, "ArrowRight")).toEqual({ type: "focus", index: 1, extend: false });
    expect(press(1, "ArrowLeft")).toEqual({ type: "focus", index: 0, extend: false });
    expect(press(0, "Enter")).toEqual({ type: "expand", path: "/w/src", on: false });
  });

  it("open files, rename, delete and search by letters", () => {
    expect(press(4, "Enter")).toEqual({ type: "open", path: "/w/a.txt", pinned: true });
    expect(press(4, " ")).toEqual({ type: "open", path: "/w/a.txt", pinned: false });
    expect(press(4, "F2")).toEqual({ type: "rename", path: "/w/a.txt" });
    expect(press(4, "Delete")).toEqual({ type: "delete" });
    expect(press(4, "x")).toEqual({ type: "type-ahead", character: "x" });
    expect(press(4, "s", false, true)).toBeNull();
  });
});
