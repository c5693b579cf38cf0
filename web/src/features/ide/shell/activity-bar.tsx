import { Tooltip, UnstyledButton } from "@mantine/core";
import { IconAdjustments, IconFiles, IconPlugConnected, IconSearch, IconTerminal2 } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { useStore } from "zustand";
import type { SidebarView } from "../layout/layout";
import classes from "./activity-bar.module.css";
import { useIde, useLayout } from "./ide-context";

const ITEMS: { view: SidebarView; label: string; keys: string; icon: typeof IconFiles }[] = [
  { view: "files", label: "Files", keys: "Ctrl+Shift+E", icon: IconFiles },
  { view: "search", label: "Search", keys: "Ctrl+Shift+F", icon: IconSearch },
  { view: "ports", label: "Ports", keys: "", icon: IconPlugConnected },
  { view: "settings", label: "Settings", keys: "Ctrl+,", icon: IconAdjustments },
];

/** Chooses what the side panel shows. */
export function ActivityBar(): ReactElement {
  const ide = useIde();
  const { view, open } = useLayout((layout) => layout.sidebar);
  const panelOpen = useLayout((layout) => layout.panel.open);
  const fresh = useStore(ide.ports, (ports) => ports.fresh.size);
  return (
    <nav className={classes.bar} aria-label="Panels" data-region="panels">
      {ITEMS.map(({ view: item, label, keys, icon: Icon }) => {
        const current = open && item === view;
        const badge = item === "ports" && fresh > 0 ? fresh : null;
        return (
          <Tooltip key={item} label={keys ? `${label} (${keys})` : label} position="right">
            <UnstyledButton
              className={classes.item}
              aria-label={badge ? `${label}, ${badge} new` : label}
              aria-pressed={current}
              data-testid={`activity-${item}`}
              onClick={() => ide.layout.dispatch({ type: "sidebar-toggle", view: item })}
            >
              <Icon size={21} stroke={1.6} />
              {badge !== null && <span className={classes.badge}>{badge}</span>}
            </UnstyledButton>
          </Tooltip>
        );
      })}
      <span className={classes.space} />
      <Tooltip label="Terminal (Ctrl+`)" position="right">
        <UnstyledButton
          className={classes.item}
          aria-label="Terminal"
          aria-pressed={panelOpen}
          data-testid="activity-terminal"
          onClick={() => ide.layout.dispatch({ type: "panel-toggle" })}
        >
          <IconTerminal2 size={21} stroke={1.6} />
        </UnstyledButton>
      </Tooltip>
    </nav>
  );
}
