import { describe, expect, it } from "vitest";
import type { ContentEvent } from "../../../api/types";
import { linkTarget } from "../terminals/terminal-links";
import { newTerminalId } from "../terminals/terminals-api";
import { linePieces, NO_RESULT, searchRows, withEvents } from "../search/search-model";
import { COMMANDS } from "./commands";
import { keysShown, matches } from "./keys";
import { highlighted, parseQuickOpen } from "./quick-open-query";

function press(key: string, code: string, mods = ""): Parameters<typeof matches>[1] {
  return {
    key,
    code,
    ctrlKey: mods.includes("c"),
    metaKey: mods.includes("m"),
    shiftKey: mods.includes("s"),
    altKey: mods.includes("a"),
  };
}

describe("keys", () => {
  it("are matched exactly, per platform", () => {
    expect(matches("Mod+P", press("p", "KeyP", "c"), false)).toBe(true);
    expect(matches("Mod+P", press("P", "KeyP", "cs"), false)).toBe(false);
    expect(matches("Mod+P", press("p", "KeyP", "c"), true)).toBe(false);
    expect(matches("Mod+P", press("p", "KeyP", "m"), true)).toBe(true);
    expect(matches("Ctrl+`", press("Dead", "Backquote", "c"), false)).toBe(true);
    expect(matches("Ctrl+Shift+`", press("~", "Backquote", "cs"), false)).toBe(true);
    expect(matches("Alt+Z", press("Ω", "KeyZ", "a"), true)).toBe(true);
    expect([keysShown("Mod+Shift+P", false), keysShown("Mod+Shift+P", true)]).toEqual(["Ctrl+Shift+P", "⌘⇧P"]);
  });

  it("mean one command each", () => {
    const keys = COMMANDS.flatMap((command) => (command.keys ? [command.keys] : []));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("quick open", () => {
  it("reads a place behind the name", () => {
    expect(parseQuickOpen("main.rs:12:4")).toEqual({ name: "main.rs", line: 12, column: 4 });
    expect(parseQuickOpen(" main.rs:12")).toEqual({ name: "main.rs", line: 12, column: 1 });
    expect(parseQuickOpen("main.rs:")).toEqual({ name: "main.rs", line: null, column: 1 });
  });

  it("marks characters, not halves of them", () => {
    expect(highlighted("a😀b", [1])).toEqual([
      { text: "a", hit: false },
      { text: "😀", hit: true },
      { text: "b", hit: false },
    ]);
  });
});

describe("links in a terminal", () => {
  const port = (number: number) => `http://${number}--label.example/`;

  it("lead to the workspace where they mean its loopback", () => {
    expect(linkTarget("http://localhost:3000/a?b#c", port)).toBe("http://3000--label.example/a?b#c");
    expect(linkTarget("http://0.0.0.0/", port)).toBe("http://80--label.example/");
    expect(linkTarget("https://example.org/x", port)).toBe("https://example.org/x");
  });

  it("are web addresses or nothing", () => {
    for (const bad of ["javascript:alert(1)", "file:///etc/passwd", "nonsense"]) expect(linkTarget(bad, port)).toBeNull();
  });
});

describe("terminal ids", () => {
  it("have 26 digits of the alphabet, the first of them small", () => {
    expect(newTerminalId(new Uint8Array(16).fill(255))).toBe(`term_7${"z".repeat(25)}`);
    expect(newTerminalId(new Uint8Array(16))).toBe(`term_${"0".repeat(26)}`);
    expect(newTerminalId()).toMatch(/^term_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  });
});

describe("found lines", () => {
  const match = (path: string, line: number): ContentEvent => ({ type: "match", path, line, text: "x", ranges: [] });

  it("are grouped by file as they come", () => {
    const first = withEvents(NO_RESULT, [match("/a", 1)]);
    const all = withEvents(first, [match("/a", 2), match("/b", 1), { type: "end", files: 2, matches: 3, truncated: false }]);
    expect(all.files.map(({ path, matches: lines }) => [path, lines.length])).toEqual([
      ["/a", 2],
      ["/b", 1],
    ]);
    expect(all).toMatchObject({ lines: 3, end: { matches: 3 } });
    expect(searchRows(all, new Set(["/a"])).map(({ kind }) => kind)).toEqual(["file", "file", "line"]);
  });

  it("show their match, however far to the right it stands", () => {
    const text = `    ${"a".repeat(100)} needle end`;
    const pieces = linePieces({ type: "match", path: "/a", line: 1, text, ranges: [[105, 111]] });
    expect(pieces.map((piece) => piece.text).join("")).toMatch(/^…a{31} needle end$/);
    expect(pieces.find(({ hit }) => hit)?.text).toBe("needle");
    expect(linePieces({ type: "match", path: "/a", line: 1, text: "  if x", ranges: [[2, 4]] })).toEqual([
      { text: "if", hit: true },
      { text: " x", hit: false },
    ]);
  });
});
