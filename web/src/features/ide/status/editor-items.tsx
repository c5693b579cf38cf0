import { Menu, UnstyledButton } from "@mantine/core";
import type { ReactElement } from "react";
import { useStore } from "zustand";
import type { DocView } from "../editor/documents";
import { changeSettings, settingsStore } from "../settings/settings";
import { useIde, useLayout } from "../shell/ide-context";
import classes from "./status-bar.module.css";

const TAB_SIZES = [2, 4, 8];

function saveWords({ state, readOnly }: DocView): string {
  if (readOnly) return "Read-only";
  if (state.conflict) return "Conflict";
  if (state.error !== null) return "Not saved";
  if (state.saving) return "Saving…";
  return state.dirty ? "Not saved yet" : "Saved";
}

/** About the file in the active editor: state, place, indentation, encoding, line ends, language. */
export function EditorItems(): ReactElement | null {
  const ide = useIde();
  const path = useLayout(({ groups, activeGroup }) => groups.find(({ id }) => id === activeGroup)?.active ?? null);
  const view = useStore(ide.documents.store, (views) => (path === null ? undefined : views[path]));
  const cursor = useStore(ide.ui, (state) => state.cursor);
  const tabSize = useStore(settingsStore, (settings) => settings.tabSize);
  const autosave = useStore(settingsStore, (settings) => settings.autosave);
  if (path === null || view?.status !== "text") return null;
  const model = ide.documents.model(path);
  const spaces = model?.getOptions().insertSpaces ?? true;
  const setEol = (crlf: boolean) => model?.pushEOL(crlf ? 1 : 0);
  return (
    <>
      <UnstyledButton
        className={classes.item}
        title={autosave ? "Autosave is on. Press to save now" : "Press to save"}
        data-testid="status-save"
        onClick={() => ide.documents.save(path)}
      >
        {saveWords(view)}
      </UnstyledButton>
      {cursor && (
        <span className={classes.plain} data-testid="status-cursor">
          Ln {cursor.line}, Col {cursor.column}
          {cursor.selected > 0 && ` (${cursor.selected} selected)`}
        </span>
      )}
      <Menu position="top-end">
        <Menu.Target>
          <UnstyledButton className={classes.item} data-wide title="Indentation">
            {spaces ? "Spaces" : "Tabs"}: {tabSize}
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          {TAB_SIZES.map((size) => (
            <Menu.Item key={size} onClick={() => changeSettings({ tabSize: size })}>
              Width {size}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => model?.updateOptions({ insertSpaces: true })}>Indent with spaces</Menu.Item>
          <Menu.Item onClick={() => model?.updateOptions({ insertSpaces: false })}>Indent with tabs</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <span className={classes.plain} data-wide>
        {view.bom ? "UTF-8 with BOM" : "UTF-8"}
      </span>
      <Menu position="top-end">
        <Menu.Target>
          <UnstyledButton className={classes.item} data-wide aria-label={`Line ends: ${view.eol}`} disabled={view.readOnly}>
            {view.eol}
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setEol(false)}>LF (Unix)</Menu.Item>
          <Menu.Item onClick={() => setEol(true)}>CRLF (Windows)</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <span className={classes.plain} data-testid="status-language">
        {view.language}
      </span>
    </>
  );
}
