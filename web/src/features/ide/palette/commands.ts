/** Everything the page can be told to do, with its keys: the palette, the keyboard and the help read this one list. */
import { closeTab } from "../editor/close-tab";
import { FileActions } from "../files/file-actions";
import type { Ide } from "../session/ide";
import { changeSettings, settingsStore } from "../settings/settings";
import { focusRegion } from "../shell/regions";

export interface Command {
  id: string;
  title: string;
  group: "Go" | "File" | "Edit" | "View" | "Terminal" | "Workspace";
  keys?: string;
  /** Works while a terminal has the keyboard too; everything else goes to the shell then. */
  overTerminal?: boolean;
  /** Done by the editor itself; listed for the help only. */
  shownOnly?: boolean;
  run: (ide: Ide) => void;
}

function active(ide: Ide): { group: string; path: string } | null {
  const { groups, activeGroup } = ide.layout.layout;
  const path = groups.find(({ id }) => id === activeGroup)?.active;
  return path ? { group: activeGroup, path } : null;
}

function withFile(run: (ide: Ide, at: { group: string; path: string }) => void): (ide: Ide) => void {
  return (ide) => {
    const at = active(ide);
    if (at) run(ide, at);
  };
}

function toggleTerminal(ide: Ide): void {
  const { panel, terminals } = ide.layout.layout;
  const inside = document.activeElement?.closest('[data-region="terminal"]');
  if (panel.open && inside) return ide.layout.dispatch({ type: "panel-toggle", open: false });
  ide.layout.dispatch({ type: "panel-toggle", open: true });
  const tab = terminals.tabs.find(({ id }) => id === terminals.active);
  if (!tab) return void ide.terminals.create();
  requestAnimationFrame(() => ide.terminals.handle(tab.active).focus());
}

function searchPanel(ide: Ide): void {
  const query = window.getSelection()?.toString().split("\n")[0]?.slice(0, 200) ?? "";
  ide.layout.dispatch({ type: "sidebar-show", view: "search" });
  ide.ui.setState(({ search }) => ({ search: { query: query || search.query, asked: search.asked + 1 } }));
}

const toggle = (key: "autosave" | "wordWrap" | "minimap" | "whitespace" | "hiddenFiles" | "screenReader") => () =>
  changeSettings({ [key]: !settingsStore.getState()[key] });

const nothing = () => undefined;

const LIST = [
  { id: "quick-open", title: "Go to file", group: "Go", keys: "Mod+P", run: (ide) => ide.show("files") },
  { id: "palette", title: "Show all commands", group: "Go", keys: "Mod+Shift+P", overTerminal: true, run: (ide) => ide.show("commands") },
  { id: "palette-f1", title: "Show all commands (F1)", group: "Go", keys: "F1", overTerminal: true, run: (ide) => ide.show("commands") },
  { id: "search", title: "Search in files", group: "Go", keys: "Mod+Shift+F", overTerminal: true, run: searchPanel },
  {
    id: "files",
    title: "Show the files",
    group: "Go",
    keys: "Mod+Shift+E",
    overTerminal: true,
    run: (ide) => {
      ide.layout.dispatch({ type: "sidebar-show", view: "files" });
      focusRegion("sidebar");
    },
  },
  { id: "ports", title: "Show the ports", group: "Go", run: (ide) => ide.layout.dispatch({ type: "sidebar-show", view: "ports" }) },
  { id: "settings", title: "Show the settings", group: "Go", keys: "Mod+,", run: (ide) => ide.layout.dispatch({ type: "sidebar-show", view: "settings" }) },
  { id: "reveal", title: "Show the open file in the tree", group: "Go", run: withFile((ide, { path }) => void new FileActions(ide).reveal(path)) },
  { id: "go-line", title: "Go to line", group: "Go", keys: "Ctrl+G", shownOnly: true, run: nothing },
  { id: "new-file", title: "New file", group: "File", keys: "Alt+N", run: (ide) => new FileActions(ide).startCreating(false) },
  { id: "new-folder", title: "New folder", group: "File", run: (ide) => new FileActions(ide).startCreating(true) },
  { id: "save", title: "Save", group: "File", keys: "Mod+S", run: withFile((ide, { path }) => ide.save(path)) },
  { id: "save-all", title: "Save all", group: "File", keys: "Mod+Alt+S", run: (ide) => ide.documents.saveAll() },
  { id: "close", title: "Close the file", group: "File", keys: "Alt+W", run: withFile((ide, { group, path }) => closeTab(ide, group, path)) },
  { id: "reopen", title: "Reopen the last closed file", group: "File", keys: "Alt+Shift+T", run: (ide) => ide.layout.dispatch({ type: "reopen" }) },
  { id: "next-tab", title: "Next file", group: "File", keys: "Alt+.", run: (ide) => ide.layout.dispatch({ type: "step", by: 1 }) },
  { id: "previous-tab", title: "Previous file", group: "File", keys: "Alt+,", run: (ide) => ide.layout.dispatch({ type: "step", by: -1 }) },
  { id: "split", title: "Split the editor", group: "File", keys: "Mod+\\", run: (ide) => ide.layout.dispatch({ type: "split", group: ide.layout.layout.activeGroup }) },
  { id: "download", title: "Download the open file", group: "File", run: withFile((ide, { path }) => void new FileActions(ide).download(path, false)) },
  { id: "find", title: "Find, in the editor or the terminal", group: "Edit", keys: "Mod+F", shownOnly: true, run: nothing },
  { id: "replace", title: "Replace in the editor", group: "Edit", keys: "Mod+H", shownOnly: true, run: nothing },
  { id: "comment", title: "Comment lines", group: "Edit", keys: "Mod+/", shownOnly: true, run: nothing },
  { id: "autosave", title: "Switch autosave on or off", group: "Edit", run: toggle("autosave") },
  { id: "wrap", title: "Switch line wrapping on or off", group: "View", keys: "Alt+Z", run: toggle("wordWrap") },
  { id: "minimap", title: "Switch the minimap on or off", group: "View", run: toggle("minimap") },
  { id: "hidden", title: "Show or hide hidden files", group: "View", run: toggle("hiddenFiles") },
  { id: "screen-reader", title: "Switch screen reader support on or off", group: "View", run: toggle("screenReader") },
  { id: "sidebar", title: "Show or hide the side panel", group: "View", keys: "Mod+B", run: (ide) => ide.layout.dispatch({ type: "sidebar-toggle" }) },
  { id: "region", title: "Go to the next part of the page", group: "View", keys: "F6", overTerminal: true, run: nothing },
  { id: "terminal-toggle", title: "Show or hide the terminal", group: "Terminal", keys: "Ctrl+`", overTerminal: true, run: toggleTerminal },
  { id: "terminal-new", title: "New terminal", group: "Terminal", keys: "Ctrl+Shift+`", overTerminal: true, run: (ide) => void ide.terminals.create() },
  {
    id: "terminal-split",
    title: "Split the terminal",
    group: "Terminal",
    run: (ide) => {
      const { tabs, active: id } = ide.layout.layout.terminals;
      void ide.terminals.create(tabs.find((tab) => tab.id === id)?.active);
    },
  },
  { id: "terminal-next", title: "Next terminal", group: "Terminal", keys: "Alt+Shift+.", overTerminal: true, run: (ide) => ide.layout.dispatch({ type: "terminal-step", by: 1 }) },
  { id: "terminal-copy", title: "Copy in the terminal", group: "Terminal", keys: "Ctrl+Shift+C", shownOnly: true, run: nothing },
  { id: "terminal-paste", title: "Paste in the terminal", group: "Terminal", keys: "Ctrl+Shift+V", shownOnly: true, run: nothing },
  { id: "help", title: "Keyboard shortcuts", group: "Workspace", keys: "Mod+Alt+/", overTerminal: true, run: (ide) => ide.show("help") },
] as const satisfies readonly Command[];

export type CommandId = (typeof LIST)[number]["id"];
export const COMMANDS: readonly Command[] = LIST;

export function commandById(id: CommandId): Command {
  const found = COMMANDS.find((command) => command.id === id);
  if (!found) throw new Error(`There is no command ${id}.`);
  return found;
}
