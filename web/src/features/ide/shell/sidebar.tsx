import { CloseButton } from "@mantine/core";
import { lazy, type ReactElement, Suspense, useEffect, useRef } from "react";
import { FilesPanel } from "../files/files-panel";
import type { SidebarView } from "../layout/layout";
import { PortsPanel } from "../ports/ports-panel";
import { SearchPanel } from "../search/search-panel";
import { useIde, useLayout } from "./ide-context";
import classes from "./sidebar.module.css";

const SettingsPanel = lazy(() => import("../settings/settings-panel"));

const TITLES: Record<SidebarView, string> = { files: "Files", search: "Search", ports: "Ports", settings: "Settings" };

/** Beside the editor where there is room; over it on a narrow screen, where a press elsewhere closes it. */
export function Sidebar({ narrow }: { narrow: boolean }): ReactElement {
  const { layout } = useIde();
  const view = useLayout(({ sidebar }) => sidebar.view);
  const element = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!narrow) return;
    const outside = ({ target }: Event) => {
      const inside = target instanceof Element && (element.current?.contains(target) || target.closest("[data-portal],[data-region=panels]"));
      if (!inside) layout.dispatch({ type: "sidebar-toggle" });
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [narrow, layout]);
  return (
    <aside
      ref={element}
      className={classes.sidebar}
      data-narrow={narrow || undefined}
      data-region="sidebar"
      aria-label={TITLES[view]}
    >
      {narrow && (
        <CloseButton
          className={classes.close}
          size="sm"
          aria-label="Close the side panel"
          onClick={() => layout.dispatch({ type: "sidebar-toggle" })}
        />
      )}
      {view === "files" && <FilesPanel />}
      {view === "search" && <SearchPanel />}
      {view === "ports" && <PortsPanel />}
      {view === "settings" && (
        <Suspense fallback={null}>
          <SettingsPanel />
        </Suspense>
      )}
    </aside>
  );
}
