import { useComputedColorScheme } from "@mantine/core";
import { useElementSize, useMediaQuery } from "@mantine/hooks";
import { type CSSProperties, type ReactElement, useEffect } from "react";
import { useStore } from "zustand";
import { EditorArea } from "../editor/editor-area";
import { IdeHeader } from "../status/ide-header";
import { StatusBar } from "../status/status-bar";
import { PortWatcher } from "../ports/port-watcher";
import { Overlays } from "../palette/overlays";
import { TerminalPanel } from "../terminals/terminal-panel";
import { UploadTray } from "../files/upload-tray";
import { ActivityBar } from "./activity-bar";
import { useIde, useLayout } from "./ide-context";
import classes from "./ide-frame.module.css";
import { ResizeHandle } from "./resize-handle";
import { Sidebar } from "./sidebar";
import { StoppedOverlay } from "./stopped-overlay";
import { useShortcuts } from "./use-shortcuts";

const EDITOR_MIN = 120;
const PANEL_MIN = 100;
const SIDEBAR_MIN = 180;

/** Activity bar, side panel, editors over terminals, status bar. */
export function IdeFrame({ onStartAgain }: { onStartAgain: () => void }): ReactElement {
  const ide = useIde();
  const { dispatch } = ide.layout;
  const sidebar = useLayout((layout) => layout.sidebar);
  const panel = useLayout((layout) => layout.panel);
  const narrow = useMediaQuery("(max-width: 900px)", window.innerWidth <= 900, { getInitialValueInEffect: false }) ?? false;
  const { ref, height, width } = useElementSize<HTMLDivElement>();
  const dark = useComputedColorScheme("light") === "dark";
  const stopped = useStore(ide.link.store, ({ phase }) => phase.kind !== "open");
  const name = useStore(ide.link.store, ({ workspace }) => workspace?.name ?? "Workspace");
  useShortcuts(ide);
  useEffect(() => ide.terminals.setDark(dark), [ide, dark]);
  const panelMax = Math.max(PANEL_MIN, height - EDITOR_MIN);
  const panelSize = Math.min(panel.size, panelMax);
  const sidebarMax = Math.max(SIDEBAR_MIN, Math.min(640, width * 0.6));
  const style = { "--sidebar-size": `${sidebar.size}px`, "--panel-size": `${panelSize}px` } as CSSProperties;
  return (
    <div className={classes.frame} style={style} data-narrow={narrow || undefined} data-testid="ide">
      <h1 className={classes.heading}>{name}</h1>
      <IdeHeader />
      <div className={classes.body} inert={stopped}>
        <ActivityBar />
        {sidebar.open && <Sidebar narrow={narrow} />}
        {sidebar.open && !narrow && (
          <ResizeHandle
            label="Width of the side panel"
            edge="right"
            size={sidebar.size}
            min={SIDEBAR_MIN}
            max={sidebarMax}
            onResize={(size) => dispatch({ type: "sidebar-size", size })}
          />
        )}
        <div className={classes.work} ref={ref}>
          {!(panel.open && panel.maximized) && <EditorArea dark={dark} />}
          {panel.open && !panel.maximized && (
            <ResizeHandle
              label="Height of the terminal panel"
              edge="top"
              size={panelSize}
              min={PANEL_MIN}
              max={panelMax}
              onResize={(size) => dispatch({ type: "panel-size", size })}
            />
          )}
          {panel.open && <TerminalPanel maximized={panel.maximized} />}
        </div>
      </div>
      <StatusBar />
      <UploadTray />
      <PortWatcher />
      <Overlays />
      <StoppedOverlay onStartAgain={onStartAgain} />
    </div>
  );
}
