/** How actions on editor tabs and groups change the layout. Pure. */
import { isInside, moved } from "../paths";
import { CLOSED_MAX, type Group, GROUPS_MAX, type Layout, type Tab, TABS_MAX, type ViewState } from "./layout";

export type EditorAction =
  | { type: "open"; path: string; pinned: boolean; group?: string }
  | { type: "close"; path: string; group: string }
  | { type: "close-others"; path: string; group: string }
  | { type: "close-group"; group: string }
  | { type: "reopen" }
  | { type: "pin"; path: string }
  | { type: "activate"; path: string; group: string }
  | { type: "step"; by: 1 | -1 }
  | { type: "focus-group"; group: string }
  | { type: "split"; group: string }
  | { type: "move-tab"; path: string; from: string; to: string; before: string | null }
  | { type: "view"; path: string; group: string; view: ViewState }
  | { type: "moved"; from: string; to: string }
  | { type: "removed"; path: string };

function withGroup(layout: Layout, id: string, change: (group: Group) => Group): Layout {
  return { ...layout, groups: layout.groups.map((group) => (group.id === id ? change(group) : group)) };
}

/** Empty groups vanish, except the last one. */
function tidy(layout: Layout): Layout {
  const filled = layout.groups.filter((group) => group.tabs.length > 0);
  const groups = filled.length > 0 ? filled : layout.groups.slice(0, 1);
  const activeGroup = groups.some(({ id }) => id === layout.activeGroup) ? layout.activeGroup : (groups[0]?.id ?? "1");
  return { ...layout, groups, activeGroup };
}

function without(group: Group, path: string): Group {
  const index = group.tabs.findIndex((tab) => tab.path === path);
  if (index < 0) return group;
  const tabs = group.tabs.filter((tab) => tab.path !== path);
  const neighbour = tabs[Math.min(index, tabs.length - 1)]?.path ?? null;
  return { ...group, tabs, active: group.active === path ? neighbour : group.active };
}

function remember(layout: Layout, paths: string[]): Layout {
  const closed = [...layout.closed.filter((path) => !paths.includes(path)), ...paths].slice(-CLOSED_MAX);
  return { ...layout, closed };
}

function open(layout: Layout, path: string, pinned: boolean, id: string): Layout {
  const opened = withGroup(layout, id, (group) => {
    const present = group.tabs.find((tab) => tab.path === path);
    if (present) {
      const tabs = group.tabs.map((tab) => (tab.path === path ? { ...tab, pinned: tab.pinned || pinned } : tab));
      return { ...group, tabs, active: path };
    }
    const tab: Tab = { path, pinned };
    const preview = group.tabs.findIndex((other) => !other.pinned);
    if (preview >= 0) return { ...group, tabs: group.tabs.with(preview, tab), active: path };
    const at = group.tabs.findIndex((other) => other.path === group.active) + 1;
    const tabs = group.tabs.toSpliced(at, 0, tab);
    const surplus = tabs.length > TABS_MAX ? tabs.find((other) => other.path !== path) : undefined;
    return { ...group, tabs: tabs.filter((other) => other !== surplus), active: path };
  });
  return { ...opened, activeGroup: id };
}

function freshId(groups: Group[]): string {
  return String(Math.max(0, ...groups.map(({ id }) => Number(id) || 0)) + 1);
}

function split(layout: Layout, id: string): Layout {
  const index = layout.groups.findIndex((group) => group.id === id);
  const source = layout.groups[index];
  const tab = source?.tabs.find(({ path }) => path === source.active);
  if (!source || !tab || layout.groups.length >= GROUPS_MAX) return layout;
  const group: Group = { id: freshId(layout.groups), tabs: [{ ...tab, pinned: true }], active: tab.path };
  return { ...layout, groups: layout.groups.toSpliced(index + 1, 0, group), activeGroup: group.id };
}

function moveTab(layout: Layout, action: Extract<EditorAction, { type: "move-tab" }>): Layout {
  const tab = layout.groups.find(({ id }) => id === action.from)?.tabs.find(({ path }) => path === action.path);
  if (!tab || !layout.groups.some(({ id }) => id === action.to)) return layout;
  const lifted = withGroup(layout, action.from, (group) => without(group, action.path));
  const placed = withGroup(lifted, action.to, (group) => {
    const others = group.tabs.filter(({ path }) => path !== action.path);
    const at = action.before === null ? -1 : others.findIndex(({ path }) => path === action.before);
    const tabs = others.toSpliced(at < 0 ? others.length : at, 0, { ...tab, pinned: true });
    return { ...group, tabs, active: action.path };
  });
  return tidy({ ...placed, activeGroup: action.to });
}

function step(layout: Layout, by: 1 | -1): Layout {
  return withGroup(layout, layout.activeGroup, (group) => {
    const index = group.tabs.findIndex(({ path }) => path === group.active);
    const next = group.tabs[(index + by + group.tabs.length) % group.tabs.length];
    return next ? { ...group, active: next.path } : group;
  });
}

function mapTabs(layout: Layout, change: (tab: Tab) => Tab): Layout {
  return { ...layout, groups: layout.groups.map((group) => ({ ...group, tabs: group.tabs.map(change) })) };
}

function followMove(layout: Layout, from: string, to: string): Layout {
  const groups = layout.groups.map((group) => {
    const tabs = new Map<string, Tab>();
    for (const tab of group.tabs) {
      const path = moved(tab.path, from, to);
      if (!tabs.has(path)) tabs.set(path, { ...tab, path });
    }
    return { ...group, tabs: [...tabs.values()], active: group.active && moved(group.active, from, to) };
  });
  return { ...layout, groups, expanded: [...new Set(layout.expanded.map((path) => moved(path, from, to)))] };
}

export function reduceEditors(layout: Layout, action: EditorAction): Layout {
  switch (action.type) {
    case "open":
      return open(layout, action.path, action.pinned, action.group ?? layout.activeGroup);
    case "close":
      return tidy(remember(withGroup(layout, action.group, (group) => without(group, action.path)), [action.path]));
    case "close-others": {
      const others = layout.groups.find(({ id }) => id === action.group)?.tabs ?? [];
      const gone = others.map(({ path }) => path).filter((path) => path !== action.path);
      const kept = withGroup(layout, action.group, (group) => gone.reduce(without, group));
      return remember(kept, gone);
    }
    case "close-group": {
      const gone = layout.groups.find(({ id }) => id === action.group)?.tabs.map(({ path }) => path) ?? [];
      return tidy(remember(withGroup(layout, action.group, (group) => ({ ...group, tabs: [], active: null })), gone));
    }
    case "reopen": {
      const path = layout.closed.at(-1);
      if (path === undefined) return layout;
      return open({ ...layout, closed: layout.closed.slice(0, -1) }, path, true, layout.activeGroup);
    }
    case "pin":
      return mapTabs(layout, (tab) => (tab.path === action.path && !tab.pinned ? { ...tab, pinned: true } : tab));
    case "activate":
      return {
        ...withGroup(layout, action.group, (group) => ({ ...group, active: action.path })),
        activeGroup: action.group,
      };
    case "step":
      return step(layout, action.by);
    case "focus-group":
      return layout.activeGroup === action.group ? layout : { ...layout, activeGroup: action.group };
    case "split":
      return split(layout, action.group);
    case "move-tab":
      return moveTab(layout, action);
    case "view":
      return withGroup(layout, action.group, (group) => ({
        ...group,
        tabs: group.tabs.map((tab) => (tab.path === action.path ? { ...tab, view: action.view } : tab)),
      }));
    case "moved":
      return followMove(layout, action.from, action.to);
    case "removed": {
      const groups = layout.groups.map((group) =>
        group.tabs.filter(({ path }) => isInside(path, action.path)).reduce((rest, { path }) => without(rest, path), group),
      );
      const expanded = layout.expanded.filter((path) => !isInside(path, action.path));
      return tidy({ ...layout, groups, expanded });
    }
  }
}
