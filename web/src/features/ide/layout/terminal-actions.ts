/** How actions on terminals change the layout. Pure. */
import { type Layout, PANES_MAX, TERMINAL_TABS_MAX, type TerminalTab } from "./layout";

export type TerminalAction =
  | { type: "terminal-add"; id: string; beside?: string }
  | { type: "terminal-remove"; id: string }
  | { type: "terminal-activate"; id: string }
  | { type: "terminal-step"; by: 1 | -1 }
  | { type: "terminal-replace"; id: string; by: string }
  | { type: "terminals-known"; ids: readonly string[]; pending: readonly string[] };

function arranged(layout: Layout, tabs: TerminalTab[], active: string | null): Layout {
  const kept = tabs.some(({ id }) => id === active) ? active : (tabs.at(-1)?.id ?? null);
  return { ...layout, terminals: { tabs, active: kept } };
}

function add(layout: Layout, id: string, beside: string | undefined): Layout {
  const { tabs } = layout.terminals;
  if (tabs.some(({ panes }) => panes.includes(id))) return layout;
  const host = tabs.find((tab) => beside !== undefined && tab.panes.includes(beside));
  if (host && beside !== undefined && host.panes.length < PANES_MAX) {
    const panes = host.panes.toSpliced(host.panes.indexOf(beside) + 1, 0, id);
    return arranged(layout, tabs.map((tab) => (tab === host ? { ...tab, panes, active: id } : tab)), host.id);
  }
  return arranged(layout, [...tabs, { id, panes: [id], active: id }].slice(-TERMINAL_TABS_MAX), id);
}

function remove(layout: Layout, ids: ReadonlySet<string>): Layout {
  const { tabs, active } = layout.terminals;
  if (!tabs.some(({ panes }) => panes.some((pane) => ids.has(pane)))) return layout;
  const index = tabs.findIndex((tab) => tab.id === active);
  const kept = tabs.flatMap((tab) => {
    const panes = tab.panes.filter((pane) => !ids.has(pane));
    const first = panes[0];
    if (first === undefined) return [];
    return [{ ...tab, panes, active: panes.includes(tab.active) ? tab.active : first }];
  });
  const stays = kept.some(({ id }) => id === active);
  return arranged(layout, kept, stays ? active : (kept[Math.min(index, kept.length - 1)]?.id ?? null));
}

export function reduceTerminals(layout: Layout, action: TerminalAction): Layout {
  const { tabs, active } = layout.terminals;
  switch (action.type) {
    case "terminal-add":
      return { ...add(layout, action.id, action.beside), panel: { ...layout.panel, open: true } };
    case "terminal-remove":
      return remove(layout, new Set([action.id]));
    case "terminal-activate": {
      const host = tabs.find(({ panes }) => panes.includes(action.id));
      if (!host) return layout;
      return arranged(layout, tabs.map((tab) => (tab === host ? { ...tab, active: action.id } : tab)), host.id);
    }
    case "terminal-step": {
      const index = tabs.findIndex(({ id }) => id === active);
      return arranged(layout, tabs, tabs[(index + action.by + tabs.length) % tabs.length]?.id ?? null);
    }
    case "terminal-replace": {
      const swap = (id: string) => (id === action.id ? action.by : id);
      // The agent's list may have told of the new one first, and given it a tab of its own.
      const without = remove(layout, new Set([action.by])).terminals.tabs;
      return arranged(
        layout,
        without.map((tab) => ({ ...tab, panes: tab.panes.map(swap), active: swap(tab.active) })),
        active,
      );
    }
    case "terminals-known": {
      const known = new Set([...action.ids, ...action.pending]);
      const lost = new Set(tabs.flatMap(({ panes }) => panes).filter((id) => !known.has(id)));
      const shown = new Set(tabs.flatMap(({ panes }) => panes));
      const fresh = action.ids.filter((id) => !shown.has(id));
      if (lost.size === 0 && fresh.length === 0) return layout;
      const grown = fresh.reduce((next, id) => add(next, id, undefined), remove(layout, lost));
      const chosen = active !== null && grown.terminals.tabs.some(({ id }) => id === active) ? active : grown.terminals.active;
      return { ...grown, terminals: { ...grown.terminals, active: chosen } };
    }
  }
}
