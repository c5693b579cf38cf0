/**
 * What a session remembers of the IDE page, as it is stored by the server and shared by every device.
 *
 * Invariants: `parseLayout` turns anything into a valid layout; a valid layout has at least one group, its active
 * names exist, and every list is bounded.
 */

export const LAYOUT_VERSION = 1;
export const GROUPS_MAX = 3;
export const TABS_MAX = 60;
export const TERMINAL_TABS_MAX = 32;
export const PANES_MAX = 4;
export const EXPANDED_MAX = 400;
export const CLOSED_MAX = 20;

export type SidebarView = "files" | "search" | "ports" | "settings";
const SIDEBAR_VIEWS: readonly string[] = ["files", "search", "ports", "settings"];

export interface ViewState {
  line: number;
  column: number;
  top: number;
}

export interface Tab {
  path: string;
  /** A tab that is not pinned is a preview: the next preview replaces it. */
  pinned: boolean;
  view?: ViewState;
}

export interface Group {
  id: string;
  tabs: Tab[];
  active: string | null;
}

export interface TerminalTab {
  id: string;
  /** Ids of the terminals shown side by side. */
  panes: string[];
  active: string;
}

export interface Layout {
  version: typeof LAYOUT_VERSION;
  sidebar: { view: SidebarView; open: boolean; size: number };
  panel: { open: boolean; size: number; maximized: boolean };
  groups: Group[];
  activeGroup: string;
  terminals: { tabs: TerminalTab[]; active: string | null };
  expanded: string[];
  /** Paths of closed tabs, the latest last. */
  closed: string[];
}

export function emptyLayout(): Layout {
  return {
    version: LAYOUT_VERSION,
    sidebar: { view: "files", open: true, size: 260 },
    panel: { open: true, size: 280, maximized: false },
    groups: [{ id: "1", tabs: [], active: null }],
    activeGroup: "1",
    terminals: { tabs: [], active: null },
    expanded: [],
    closed: [],
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function size(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.min(2000, Math.max(80, Math.round(value))) : fallback;
}

function flag(value: unknown, fallback: boolean): boolean {
  return typeof value === "boolean" ? value : fallback;
}

function paths(value: unknown, max: number): string[] {
  const found = list(value).filter((item): item is string => typeof item === "string" && item.startsWith("/"));
  return [...new Set(found)].slice(-max);
}

function parseView(value: unknown): ViewState | undefined {
  const { line, column, top } = record(value);
  const good = [line, column, top].every((part) => typeof part === "number" && Number.isFinite(part) && part >= 0);
  return good ? { line: Number(line), column: Number(column), top: Number(top) } : undefined;
}

function parseGroup(value: unknown): Group | null {
  const { id, tabs, active } = record(value);
  if (typeof id !== "string" || id === "") return null;
  const seen = new Map<string, Tab>();
  for (const item of list(tabs)) {
    const { path, pinned, view } = record(item);
    if (typeof path !== "string" || !path.startsWith("/") || seen.size >= TABS_MAX) continue;
    const state = parseView(view);
    seen.set(path, { path, pinned: flag(pinned, true), ...(state ? { view: state } : {}) });
  }
  const kept = [...seen.values()];
  const chosen = typeof active === "string" && seen.has(active) ? active : (kept[0]?.path ?? null);
  return { id, tabs: kept, active: chosen };
}

function parseTerminalTab(value: unknown): TerminalTab | null {
  const { id, panes, active } = record(value);
  const ids = [...new Set(list(panes).filter((item): item is string => typeof item === "string"))].slice(0, PANES_MAX);
  const first = ids[0];
  if (typeof id !== "string" || first === undefined) return null;
  return { id, panes: ids, active: typeof active === "string" && ids.includes(active) ? active : first };
}

/** Reads what the server has kept, whoever wrote it. */
export function parseLayout(value: unknown): Layout {
  const empty = emptyLayout();
  const source = record(value);
  if (source.version !== LAYOUT_VERSION) return empty;
  const sidebar = record(source.sidebar);
  const panel = record(source.panel);
  const groups: Group[] = [];
  for (const item of list(source.groups)) {
    const group = parseGroup(item);
    if (group && groups.length < GROUPS_MAX && !groups.some(({ id }) => id === group.id)) groups.push(group);
  }
  const filled = groups.filter((group) => group.tabs.length > 0);
  const kept = filled.length > 0 ? filled : empty.groups;
  const terminals = record(source.terminals);
  const tabs = list(terminals.tabs).map(parseTerminalTab).filter((tab) => tab !== null).slice(0, TERMINAL_TABS_MAX);
  const view = typeof sidebar.view === "string" && SIDEBAR_VIEWS.includes(sidebar.view) ? sidebar.view : "files";
  return {
    version: LAYOUT_VERSION,
    sidebar: { view: view as SidebarView, open: flag(sidebar.open, true), size: size(sidebar.size, 260) },
    panel: { open: flag(panel.open, true), size: size(panel.size, 280), maximized: flag(panel.maximized, false) },
    groups: kept,
    activeGroup: kept.find(({ id }) => id === source.activeGroup)?.id ?? kept[0]?.id ?? "1",
    terminals: { tabs, active: tabs.find(({ id }) => id === terminals.active)?.id ?? tabs[0]?.id ?? null },
    expanded: paths(source.expanded, EXPANDED_MAX),
    closed: paths(source.closed, CLOSED_MAX),
  };
}
