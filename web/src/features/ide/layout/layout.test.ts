import { describe, expect, it } from "vitest";
import { emptyLayout, GROUPS_MAX, type Layout, PANES_MAX, parseLayout, TABS_MAX } from "./layout";
import { fitLayout } from "./layout-store";
import { mergeLayouts } from "./merge";
import { type LayoutAction, reduceLayout } from "./reduce";

function after(...actions: LayoutAction[]): Layout {
  return actions.reduce(reduceLayout, emptyLayout());
}

const open = (path: string, pinned = true): LayoutAction => ({ type: "open", path, pinned });
const paths = (layout: Layout, group = 0) => layout.groups[group]?.tabs.map(({ path }) => path);

describe("tabs", () => {
  it("replace the preview, and keep what is pinned", () => {
    const layout = after(open("/a", false), open("/b", false), { type: "pin", path: "/b" }, open("/c", false));
    expect(paths(layout)).toEqual(["/b", "/c"]);
    expect(layout.groups[0]?.active).toBe("/c");
  });

  it("open beside the active one, and are not opened twice", () => {
    const layout = after(open("/a"), open("/b"), { type: "activate", path: "/a", group: "1" }, open("/c"), open("/b"));
    expect(paths(layout)).toEqual(["/a", "/c", "/b"]);
    expect(layout.groups[0]?.active).toBe("/b");
  });

  it("close to a neighbour and reopen", () => {
    const closed = after(open("/a"), open("/b"), open("/c"), { type: "close", path: "/b", group: "1" });
    expect(closed.groups[0]?.active).toBe("/c");
    const last = reduceLayout(closed, { type: "close", path: "/c", group: "1" });
    expect(last.groups[0]?.active).toBe("/a");
    expect(paths(reduceLayout(last, { type: "reopen" }))).toEqual(["/a", "/c"]);
  });

  it("split into groups, move between them, and leave no empty group", () => {
    const split = after(open("/a"), open("/b"), { type: "split", group: "1" });
    expect(split.groups.map(({ active }) => active)).toEqual(["/b", "/b"]);
    const other = split.groups[1]?.id ?? "";
    const moved = reduceLayout(split, { type: "move-tab", path: "/a", from: "1", to: other, before: "/b" });
    expect([paths(moved, 0), paths(moved, 1)]).toEqual([["/b"], ["/a", "/b"]]);
    const closed = reduceLayout(moved, { type: "close", path: "/b", group: "1" });
    expect(closed.groups.length).toBe(1);
    expect(closed.activeGroup).toBe(other);
  });

  it("never make more than the allowed groups and tabs", () => {
    let layout = after(open("/a"));
    for (let count = 0; count < 9; count += 1) layout = reduceLayout(layout, { type: "split", group: layout.activeGroup });
    expect(layout.groups.length).toBe(GROUPS_MAX);
    for (let count = 0; count < 2 * TABS_MAX; count += 1) layout = reduceLayout(layout, open(`/f${count}`));
    expect(layout.groups.find(({ id }) => id === layout.activeGroup)?.tabs.length).toBe(TABS_MAX);
    expect(layout.groups.find(({ id }) => id === layout.activeGroup)?.active).toBe(`/f${2 * TABS_MAX - 1}`);
  });

  it("follow files that are moved, and go with directories that are removed", () => {
    const start = after(open("/w/src/a"), open("/w/src2/b"), { type: "expand", path: "/w/src", on: true });
    const moved = reduceLayout(start, { type: "moved", from: "/w/src", to: "/w/lib" });
    expect(paths(moved)).toEqual(["/w/lib/a", "/w/src2/b"]);
    expect(moved.expanded).toEqual(["/w/lib"]);
    const removed = reduceLayout(moved, { type: "removed", path: "/w/src2" });
    expect(paths(removed)).toEqual(["/w/lib/a"]);
    expect(removed.groups[0]?.active).toBe("/w/lib/a");
  });
});

describe("terminals", () => {
  const add = (id: string, beside?: string): LayoutAction => ({ type: "terminal-add", id, ...(beside ? { beside } : {}) });

  it("stand in tabs of their own or side by side", () => {
    const layout = after(add("a"), add("b"), add("c", "a"));
    expect(layout.terminals.tabs.map(({ panes }) => panes)).toEqual([["a", "c"], ["b"]]);
    expect(layout.terminals.active).toBe("a");
    const full = ["d", "e", "f"].reduce((state, id) => reduceLayout(state, add(id, "a")), layout);
    expect(full.terminals.tabs[0]?.panes.length).toBe(PANES_MAX);
    expect(full.terminals.tabs.length).toBe(3);
  });

  it("follow what the agent has: others' appear, lost ones go, pending ones stay", () => {
    const layout = after(add("mine"), add("lost"), add("pending"), {
      type: "terminals-known",
      ids: ["mine", "theirs"],
      pending: ["pending"],
    });
    expect(layout.terminals.tabs.flatMap(({ panes }) => panes)).toEqual(["mine", "pending", "theirs"]);
    expect(layout.terminals.active).toBe("pending");
  });

  it("choose a neighbour when the active one goes", () => {
    const layout = after(add("a"), add("b"), { type: "terminal-activate", id: "a" }, { type: "terminal-remove", id: "a" });
    expect(layout.terminals.active).toBe("b");
    expect(after(add("a"), { type: "terminal-remove", id: "a" }).terminals).toEqual({ tabs: [], active: null });
  });

  it("keep their place when they are started again", () => {
    const layout = after(add("a"), add("b", "a"), { type: "terminal-replace", id: "a", by: "new" });
    expect(layout.terminals.tabs[0]).toMatchObject({ panes: ["new", "b"], active: "b" });
  });

  it("puts a restarted one into the old place only, even when the list told of it first", () => {
    const told: LayoutAction = { type: "terminals-known", ids: ["a", "new"], pending: [] };
    const layout = after(add("a"), told, { type: "terminal-replace", id: "a", by: "new" });
    expect(layout.terminals.tabs.map(({ panes }) => panes)).toEqual([["new"]]);
    expect(layout.terminals.active).toBe("a");
  });
});

describe("a stored layout", () => {
  it("is read whatever it holds", () => {
    for (const value of [null, 1, "x", [], {}, { version: 9 }, { version: 1, groups: "x", terminals: [], expanded: { a: 1 } }]) {
      expect(parseLayout(value)).toEqual(emptyLayout());
    }
    const odd = parseLayout({
      version: 1,
      sidebar: { view: "nonsense", open: "yes", size: -5 },
      groups: [{ id: "1", tabs: [{ path: "relative" }, { path: "/ok" }, { path: "/ok" }], active: "/gone" }, { id: "1", tabs: [] }],
      activeGroup: "7",
      terminals: { tabs: [{ id: "t", panes: ["x", "x"], active: "y" }, { id: "u", panes: [] }], active: "none" },
      expanded: ["/a", 5, "/a"],
    });
    expect(odd.groups).toEqual([{ id: "1", tabs: [{ path: "/ok", pinned: true }], active: "/ok" }]);
    expect(odd.terminals).toEqual({ tabs: [{ id: "t", panes: ["x"], active: "x" }], active: "t" });
    expect(odd.sidebar).toEqual({ view: "files", open: true, size: 80 });
    expect(odd.expanded).toEqual(["/a"]);
  });

  it("comes back as it was written", () => {
    const layout = after(open("/a"), { type: "view", path: "/a", group: "1", view: { line: 3, column: 1, top: 40 } }, {
      type: "terminal-add",
      id: "t",
    });
    expect(parseLayout(JSON.parse(JSON.stringify(layout)))).toEqual(layout);
  });

  it("is cut until the server takes it", () => {
    const long = (name: string) => `/${name.repeat(900)}`;
    let layout = emptyLayout();
    for (let count = 0; count < 200; count += 1) {
      layout = reduceLayout(layout, { type: "expand", path: long(`e${count}`), on: true });
      layout = reduceLayout(layout, open(long(`f${count}`)));
    }
    const fitted = fitLayout(layout);
    expect(JSON.stringify(fitted).length).toBeLessThan(64 * 1024);
    expect(fitted.groups[0]?.tabs.length).toBeGreaterThan(0);
  });
});

describe("two devices", () => {
  const base = after(open("/a"), open("/b"), { type: "terminal-add", id: "t1" });

  it("keep both sides' additions and removals", () => {
    const mine = [open("/mine"), { type: "close", path: "/a", group: "1" } as const].reduce(reduceLayout, base);
    const theirs = [open("/theirs"), { type: "terminal-add", id: "t2" } as const].reduce(reduceLayout, base);
    const merged = mergeLayouts(base, mine, theirs);
    expect(paths(merged)).toEqual(["/b", "/theirs", "/mine"]);
    expect(merged.groups[0]?.active).toBe("/mine");
    expect(merged.terminals.tabs.map(({ id }) => id)).toEqual(["t1", "t2"]);
  });

  it("change nothing when only one side did", () => {
    const theirs = reduceLayout(base, { type: "sidebar-show", view: "search" });
    expect(mergeLayouts(base, base, theirs)).toEqual(theirs);
    expect(mergeLayouts(base, theirs, base)).toEqual(theirs);
  });
});
