import { ActionIcon, Button, Tooltip } from "@mantine/core";
import {
  IconChevronDown,
  IconChevronUp,
  IconLayoutColumns,
  IconPlus,
  IconTerminal2,
  IconX,
} from "@tabler/icons-react";
import type { ReactElement } from "react";
import { useStore } from "zustand";
import { EmptyState } from "../../../ui/empty-state";
import { useIde, useLayout } from "../shell/ide-context";
import classes from "./terminal-panel.module.css";
import { TerminalPane } from "./terminal-pane";
import { TerminalTabs } from "./terminal-tabs";

/** The terminals: tabs, each with up to four shells side by side. */
export function TerminalPanel({ maximized }: { maximized: boolean }): ReactElement {
  const { terminals, layout } = useIde();
  const { tabs, active } = useLayout((state) => state.terminals);
  const known = useStore(terminals.store, (state) => state.known);
  const tab = tabs.find(({ id }) => id === active);
  return (
    <section className={classes.panel} data-maximized={maximized || undefined} data-region="terminal" aria-label="Terminals">
      <div className={classes.head}>
        <TerminalTabs />
        <div className={classes.tools}>
          <Tool label="New terminal (Ctrl+Shift+`)" testId="terminal-new" onClick={() => void terminals.create()}>
            <IconPlus size={16} />
          </Tool>
          <Tool
            label="Split the terminal"
            testId="terminal-split"
            disabled={!tab}
            onClick={() => void terminals.create(tab?.active)}
          >
            <IconLayoutColumns size={16} />
          </Tool>
          <Tool
            label={maximized ? "Restore the panel" : "Maximize the panel"}
            onClick={() => layout.dispatch({ type: "panel-maximize", on: !maximized })}
          >
            {maximized ? <IconChevronDown size={16} /> : <IconChevronUp size={16} />}
          </Tool>
          <Tool label="Hide the panel (Ctrl+`)" onClick={() => layout.dispatch({ type: "panel-toggle", open: false })}>
            <IconX size={16} />
          </Tool>
        </div>
      </div>
      <div className={classes.panes} role="tabpanel" aria-label="Terminal">
        {tab?.panes.map((id) => (
          <TerminalPane key={id} id={id} active={tab.active === id} alone={tab.panes.length === 1} />
        ))}
        {!tab && known !== null && (
          <EmptyState
            icon={<IconTerminal2 size={28} />}
            title="No terminal is open"
            text="A terminal keeps running when you close this page, and waits for you on every device."
            action={
              <Button size="xs" onClick={() => void terminals.create()}>
                New terminal
              </Button>
            }
          />
        )}
      </div>
    </section>
  );
}

interface ToolProps {
  label: string;
  testId?: string;
  disabled?: boolean;
  onClick: () => void;
  children: ReactElement;
}

function Tool({ label, testId, disabled, onClick, children }: ToolProps): ReactElement {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        c="var(--cd-dimmed)"
        size={26}
        aria-label={label}
        data-testid={testId}
        disabled={disabled ?? false}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
