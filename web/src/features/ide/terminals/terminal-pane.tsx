import { Button, Menu } from "@mantine/core";
import { type MouseEvent, type ReactElement, useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { useIde } from "../shell/ide-context";
import { changeSettings, settingsStore } from "../settings/settings";
import { TerminalSearch } from "./terminal-search";
import { closeTerminals } from "./terminal-tabs";
import classes from "./terminal-panel.module.css";

export interface TerminalPaneProps {
  id: string;
  active: boolean;
  alone: boolean;
}

/** One terminal on the screen, with what has to be said about it. */
export function TerminalPane({ id, active, alone }: TerminalPaneProps): ReactElement {
  const { terminals, layout } = useIde();
  const container = useRef<HTMLDivElement>(null);
  const [menu, setMenu] = useState<{ x: number; y: number } | null>(null);
  const searching = useStore(terminals.store, (state) => state.searching === id);
  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    return terminals.handle(id).mount(element);
  }, [terminals, id]);
  const handle = terminals.handle(id);
  const openMenu = (event: MouseEvent) => {
    event.preventDefault();
    setMenu({ x: event.clientX, y: event.clientY });
  };
  const focused = () => {
    if (!active) layout.dispatch({ type: "terminal-activate", id });
    handle.fit();
  };
  return (
    <div className={classes.pane} data-active={(active && !alone) || undefined} onFocusCapture={focused}>
      <div
        ref={container}
        className={classes.screen}
        data-testid="terminal"
        data-terminal-id={id}
        onContextMenu={openMenu}
      />
      {searching && <TerminalSearch handle={handle} onClose={() => terminals.search(null)} />}
      <PaneNotice id={id} belowSearch={searching} />
      <Menu opened={menu !== null} onClose={() => setMenu(null)} position="bottom-start" width={220}>
        <Menu.Target>
          <button type="button" tabIndex={-1} aria-label="Actions" className={classes.anchor} style={{ left: menu?.x ?? 0, top: menu?.y ?? 0 }} />
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item rightSection={<kbd>Ctrl+Shift+C</kbd>} disabled={!handle.xterm.hasSelection()} onClick={() => void handle.copy()}>
            Copy
          </Menu.Item>
          <Menu.Item rightSection={<kbd>Ctrl+Shift+V</kbd>} onClick={() => void handle.paste()}>
            Paste
          </Menu.Item>
          <Menu.Item onClick={() => handle.xterm.selectAll()}>Select all</Menu.Item>
          <Menu.Item rightSection={<kbd>Ctrl+F</kbd>} onClick={() => terminals.search(id)}>
            Find
          </Menu.Item>
          <Menu.Item onClick={() => handle.xterm.clear()}>Clear scrollback</Menu.Item>
          <Menu.Divider />
          <Menu.Item onClick={() => void terminals.create(id)}>Split</Menu.Item>
          <Menu.Item c="var(--cd-danger)" onClick={() => closeTerminals(terminals, [id])}>
            Close terminal
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item onClick={() => bigger(1)}>Larger text</Menu.Item>
          <Menu.Item onClick={() => bigger(-1)}>Smaller text</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

function bigger(by: number): void {
  changeSettings({ terminalFontSize: settingsStore.getState().terminalFontSize + by });
}

function PaneNotice({ id, belowSearch }: { id: string; belowSearch: boolean }): ReactElement | null {
  const { terminals } = useIde();
  const state = useStore(terminals.store, ({ links }) => links[id]);
  const exit = useStore(terminals.store, ({ known }) => known?.find((terminal) => terminal.id === id)?.exit_code);
  const code = state?.exitCode ?? exit ?? null;
  if (code !== null || state?.gone) {
    return (
      <div className={classes.notice} data-below-search={belowSearch || undefined} role="status" data-testid="terminal-exited">
        <span>{state?.gone ? "This terminal is gone." : `The shell ended with code ${code}.`}</span>
        <Button size="compact-xs" variant="light" onClick={() => void terminals.restart(id)}>
          Start again
        </Button>
        <Button size="compact-xs" variant="subtle" onClick={() => void terminals.close(id)}>
          Close
        </Button>
      </div>
    );
  }
  if (!state || state.link.kind === "open" || state.link.kind === "idle") return null;
  if (state.link.kind === "connecting" && state.pendingInput === 0) return null;
  const waiting = state.pendingInput > 0 ? ` ${state.pendingInput} typed characters will follow.` : "";
  return (
    <div className={classes.notice} data-quiet data-below-search={belowSearch || undefined} role="status">
      <span>
        {state.inputFull ? "Too much input is waiting; type again once connected." : `Connecting again…${waiting}`}
      </span>
    </div>
  );
}
