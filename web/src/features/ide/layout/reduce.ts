/** Every change of the layout, in one pure function. */
import { type EditorAction, reduceEditors } from "./editor-actions";
import { EXPANDED_MAX, type Layout, parseLayout, type SidebarView } from "./layout";
import { reduceTerminals, type TerminalAction } from "./terminal-actions";

export type FrameAction =
  | { type: "sidebar-show"; view: SidebarView }
  | { type: "sidebar-toggle"; view?: SidebarView }
  | { type: "sidebar-size"; size: number }
  | { type: "panel-toggle"; open?: boolean }
  | { type: "panel-maximize"; on: boolean }
  | { type: "panel-size"; size: number }
  | { type: "expand"; path: string; on: boolean }
  | { type: "collapse-all" }
  | { type: "replace"; layout: Layout };

export type LayoutAction = EditorAction | TerminalAction | FrameAction;

function expand(layout: Layout, path: string, on: boolean): Layout {
  if (layout.expanded.includes(path) === on) return layout;
  const others = layout.expanded.filter((other) => other !== path);
  return { ...layout, expanded: on ? [...others, path].slice(-EXPANDED_MAX) : others };
}

export function reduceLayout(layout: Layout, action: LayoutAction): Layout {
  const { sidebar, panel } = layout;
  switch (action.type) {
    case "sidebar-show":
      return { ...layout, sidebar: { ...sidebar, view: action.view, open: true } };
    case "sidebar-toggle": {
      const view = action.view ?? sidebar.view;
      return { ...layout, sidebar: { ...sidebar, view, open: view === sidebar.view ? !sidebar.open : true } };
    }
    case "sidebar-size":
      return { ...layout, sidebar: { ...sidebar, size: Math.round(action.size) } };
    case "panel-toggle":
      return { ...layout, panel: { ...panel, open: action.open ?? !panel.open, maximized: false } };
    case "panel-maximize":
      return { ...layout, panel: { ...panel, open: true, maximized: action.on } };
    case "panel-size":
      return { ...layout, panel: { ...panel, size: Math.round(action.size), maximized: false } };
    case "expand":
      return expand(layout, action.path, action.on);
    case "collapse-all":
      return { ...layout, expanded: [] };
    case "replace":
      return parseLayout(action.layout);
    case "terminal-add":
    case "terminal-remove":
    case "terminal-activate":
    case "terminal-step":
    case "terminal-replace":
    case "terminals-known":
      return reduceTerminals(layout, action);
    default:
      return reduceEditors(layout, action);
  }
}
