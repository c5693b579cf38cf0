import { ActionIcon, CloseButton, Menu, Tooltip } from "@mantine/core";
import { IconDots, IconLayoutColumns } from "@tabler/icons-react";
import { type DragEvent, type KeyboardEvent, type ReactElement, useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { FileIcon } from "../files/file-icon";
import type { Group, Tab } from "../layout/layout";
import { nameOf, parentOf, relative, shown } from "../paths";
import { useIde } from "../shell/ide-context";
import { closeTab } from "./close-tab";
import type { DocView } from "./documents";
import classes from "./editor.module.css";

const DRAG_TYPE = "application/x-coditect-tab";

/** Equal names are told apart by their folder. */
function tabHint(tab: Tab, tabs: readonly Tab[]): string | null {
  const name = nameOf(tab.path);
  const twins = tabs.some((other) => other !== tab && nameOf(other.path) === name);
  return twins ? shown(nameOf(parentOf(tab.path))) : null;
}

function stateWord(view: DocView | undefined): string {
  if (!view) return "";
  if (view.state.conflict) return ", changed on disk too";
  if (view.state.deleted) return ", deleted";
  return view.state.dirty ? ", not saved" : "";
}

export function EditorTabs({ group, current }: { group: Group; current: boolean }): ReactElement {
  const ide = useIde();
  const { layout, documents } = ide;
  const views = useStore(documents.store);
  const list = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState<string | null>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [group.active]);
  const onKeyDown = (event: KeyboardEvent, tab: Tab) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step !== 0) {
      const next = group.tabs[(group.tabs.indexOf(tab) + step + group.tabs.length) % group.tabs.length];
      if (next) layout.dispatch({ type: "activate", path: next.path, group: group.id });
      requestAnimationFrame(() => list.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
    } else if (event.key === "Delete") closeTab(ide, group.id, tab.path);
    else return;
    event.preventDefault();
  };
  const onDrop = (event: DragEvent, before: string | null) => {
    const data = event.dataTransfer.getData(DRAG_TYPE);
    setOver(null);
    if (!data) return;
    event.preventDefault();
    event.stopPropagation();
    const { path, from } = JSON.parse(data) as { path: string; from: string };
    if (path !== before) layout.dispatch({ type: "move-tab", path, from, to: group.id, before });
  };
  const allow = (event: DragEvent, path: string | null) => {
    if (!event.dataTransfer.types.includes(DRAG_TYPE)) return;
    event.preventDefault();
    event.stopPropagation();
    setOver(path ?? "\0end");
  };
  return (
    <div className={classes.tabBar}>
      <div
        ref={list}
        className={classes.tabs}
        role="tablist"
        aria-label="Open files"
        data-over={over === "\0end" || undefined}
        onDragOver={(event) => allow(event, null)}
        onDragLeave={() => setOver(null)}
        onDrop={(event) => onDrop(event, null)}
        onWheel={(event) => list.current?.scrollBy({ left: event.deltaY })}
      >
        {group.tabs.map((tab) => {
          const view = views[tab.path];
          const selected = tab.path === group.active;
          const name = shown(nameOf(tab.path));
          const hint = tabHint(tab, group.tabs);
          const dirty = view?.state.dirty ?? false;
          return (
            <div
              key={tab.path}
              className={classes.tab}
              role="presentation"
              data-selected={selected || undefined}
              data-current={(selected && current) || undefined}
              data-over={over === tab.path || undefined}
              data-deleted={view?.state.deleted || undefined}
              draggable
              onDragStart={(event) => event.dataTransfer.setData(DRAG_TYPE, JSON.stringify({ path: tab.path, from: group.id }))}
              onDragOver={(event) => allow(event, tab.path)}
              onDrop={(event) => onDrop(event, tab.path)}
            >
              <button
                type="button"
                role="tab"
                aria-selected={selected}
                aria-label={`${name}${stateWord(view)}`}
                tabIndex={selected ? 0 : -1}
                className={classes.tabButton}
                title={shown(tab.path)}
                data-testid="editor-tab"
                data-path={tab.path}
                data-dirty={dirty}
                data-pinned={tab.pinned}
                onClick={() => layout.dispatch({ type: "activate", path: tab.path, group: group.id })}
                onDoubleClick={() => layout.dispatch({ type: "pin", path: tab.path })}
                onAuxClick={(event) => event.button === 1 && closeTab(ide, group.id, tab.path)}
                onKeyDown={(event) => onKeyDown(event, tab)}
              >
                <FileIcon name={name} size={15} />
                <span className={classes.tabName}>{name}</span>
                {hint && <span className={classes.tabHint}>{hint}</span>}
              </button>
              <span className={classes.tabEnd} data-dirty={dirty || undefined}>
                <span className={classes.dot} aria-hidden="true" />
                <CloseButton
                  size={18}
                  iconSize={12}
                  tabIndex={-1}
                  aria-hidden="true"
                  title={`Close ${name}`}
                  onClick={() => closeTab(ide, group.id, tab.path)}
                />
              </span>
            </div>
          );
        })}
      </div>
      <div className={classes.tabTools}>
        <Tooltip label="Split to the right">
          <ActionIcon
            variant="subtle"
            color="gray"
            c="var(--cd-dimmed)"
            size={26}
            aria-label="Split to the right"
            onClick={() => layout.dispatch({ type: "split", group: group.id })}
          >
            <IconLayoutColumns size={16} />
          </ActionIcon>
        </Tooltip>
        <TabsMenu group={group} />
      </div>
    </div>
  );
}

function TabsMenu({ group }: { group: Group }): ReactElement {
  const { layout, documents } = useIde();
  const { active } = group;
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" c="var(--cd-dimmed)" size={26} aria-label="Tabs of this group">
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => documents.saveAll()}>Save all</Menu.Item>
        <Menu.Item onClick={() => layout.dispatch({ type: "reopen" })}>Reopen the last closed file</Menu.Item>
        {active !== null && (
          <>
            <Menu.Item onClick={() => void navigator.clipboard.writeText(relative(active))}>Copy relative path</Menu.Item>
            <Menu.Divider />
            <Menu.Item onClick={() => layout.dispatch({ type: "close-others", path: active, group: group.id })}>
              Close the others
            </Menu.Item>
            <Menu.Item onClick={() => layout.dispatch({ type: "close-group", group: group.id })}>Close all</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
