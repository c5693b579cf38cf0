import { CloseButton } from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconColumns2, IconTerminal2 } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactElement, useState } from "react";
import { useStore } from "zustand";
import type { TerminalTab } from "../layout/layout";
import { useIde, useLayout } from "../shell/ide-context";
import { RenameField } from "../shell/rename-field";
import { terminalName } from "./terminal-name";
import classes from "./terminal-panel.module.css";
import type { Terminals } from "./terminals";

/** Closes terminals; asks first when something may be running in them. */
export function closeTerminals(terminals: Terminals, ids: readonly string[]): void {
  const running = ids.filter((id) => terminals.terminal(id)?.exit_code === undefined && terminals.terminal(id));
  const close = () => ids.forEach((id) => void terminals.close(id));
  if (running.length === 0) return close();
  modals.openConfirmModal({
    title: running.length === 1 ? "Close this terminal?" : `Close ${running.length} terminals?`,
    children: "The shell and every program that was started in it will end.",
    labels: { confirm: "Close", cancel: "Keep" },
    confirmProps: { color: "red" },
    onConfirm: close,
  });
}

export function TerminalTabs(): ReactElement {
  const { terminals, layout } = useIde();
  const { tabs, active } = useLayout((state) => state.terminals);
  const known = useStore(terminals.store, (state) => state.known);
  const [renaming, setRenaming] = useState<string | null>(null);
  const nameOf = (id: string) => {
    const index = known?.findIndex((terminal) => terminal.id === id) ?? -1;
    return terminalName(known?.[index], index);
  };
  const choose = (tab: TerminalTab) => {
    layout.dispatch({ type: "terminal-activate", id: tab.active });
    terminals.handle(tab.active).focus();
  };
  const onKey = (event: KeyboardEvent, tab: TerminalTab) => {
    if (renaming !== null) return;
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const step = event.key === "ArrowRight" ? 1 : -1;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      if (next) layout.dispatch({ type: "terminal-activate", id: next.active });
      const list = event.currentTarget.parentElement?.parentElement;
      requestAnimationFrame(() => list?.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus());
    } else if (event.key === "F2") setRenaming(tab.id);
    else if (event.key === "Delete") closeTerminals(terminals, tab.panes);
    else return;
    event.preventDefault();
  };
  return (
    <div className={classes.tabs} role="tablist" aria-label="Terminals">
      {tabs.map((tab) => {
        const selected = tab.id === active;
        const name = [...new Set(tab.panes.map(nameOf))].join(", ");
        const ended = tab.panes.every((id) => terminals.terminal(id)?.exit_code !== undefined);
        const Icon = tab.panes.length > 1 ? IconColumns2 : IconTerminal2;
        return (
          <div key={tab.id} className={classes.tab} data-active={selected || undefined} role="presentation">
            {renaming === tab.id ? (
              <RenameField
                label="Name of the terminal"
                initial={terminals.terminal(tab.active)?.name ?? ""}
                onDone={(value) => {
                  setRenaming(null);
                  if (value !== null) void terminals.rename(tab.active, value.trim());
                }}
              />
            ) : (
              <button
                type="button"
                role="tab"
                aria-selected={selected}
                tabIndex={selected ? 0 : -1}
                className={classes.tabButton}
                data-testid="terminal-tab"
                title={`${name}${ended ? " (ended)" : ""} – double-click to rename`}
                onClick={() => choose(tab)}
                onDoubleClick={() => setRenaming(tab.id)}
                onAuxClick={(event) => event.button === 1 && closeTerminals(terminals, tab.panes)}
                onKeyDown={(event) => onKey(event, tab)}
              >
                <Icon size={14} aria-hidden="true" />
                <span data-ended={ended || undefined}>{name}</span>
              </button>
            )}
            <CloseButton
              size={18}
              iconSize={12}
              tabIndex={-1}
              aria-hidden="true"
              title={`Close ${name}`}
              onClick={() => closeTerminals(terminals, tab.panes)}
            />
          </div>
        );
      })}
    </div>
  );
}
