import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { nameOf, parentOf, shown } from "../paths";
import { settingsStore } from "../settings/settings";
import { useIde, useLayout } from "../shell/ide-context";
import type { FileActions } from "./file-actions";
import classes from "./file-tree.module.css";
import { TreeMenu, type TreeMenuAt } from "./tree-menu";
import { treeIntent } from "./tree-keys";
import { isDirectory, type Row, typeAhead, visibleRows } from "./tree-model";
import { TreeRow } from "./tree-row";
import { TreeSkeleton } from "./tree-skeleton";
import { useTreeDrop } from "./use-tree-drop";

export const ROW_PX = 24;
const TYPE_AHEAD_MS = 800;
export function FileTree({ actions }: { actions: FileActions }): ReactElement {
  const ide = useIde();
  const { tree, layout } = ide;
  const { directories, selected, focused, renaming, creating } = useStore(tree.store);
  const expandedList = useLayout((state) => state.expanded);
  const hidden = useStore(settingsStore, (settings) => settings.hiddenFiles);
  const scroller = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: "", at: 0 });
  const anchor = useRef<string | null>(null);
  const [menu, setMenu] = useState<TreeMenuAt | null>(null);
  const rows = useMemo(
    () => visibleRows({ root: tree.root, directories, expanded: new Set(expandedList), creating, hidden }),
    [tree.root, directories, expandedList, creating, hidden],
  );
  const drop = useTreeDrop(rows, selected, tree.root, actions);
  const focusedIndex = useMemo(() => rows.findIndex((row) => row.kind === "entry" && row.path === focused), [rows, focused]);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    getItemKey: (index) => rows[index]?.path ?? index,
  });
  const chosen = useMemo(() => new Set(selected), [selected]);
  useEffect(() => {
    if (focusedIndex >= 0) list.scrollToIndex(focusedIndex, { align: "auto" });
  }, [focused, focusedIndex, list]);

  const items = list.getVirtualItems();
  useEffect(() => {
    for (const { index } of items) {
      const row = rows[index];
      if (row?.kind === "more") void tree.more(row.directory);
    }
  }, [items, rows, tree]);

  const focus = (index: number, extend: boolean) => {
    const row = rows[index];
    if (row?.kind !== "entry") return;
    const from = extend ? rows.findIndex(({ path }) => path === anchor.current) : -1;
    if (from < 0) {
      anchor.current = row.path;
      return tree.select([row.path], row.path);
    }
    const range = rows.slice(Math.min(from, index), Math.max(from, index) + 1);
    tree.select(range.filter(({ kind }) => kind === "entry").map(({ path }) => path), row.path);
  };
  const open = (path: string, pinned: boolean) => ide.openFile(path, { pinned });
  const toggle = (path: string, on: boolean) => layout.dispatch({ type: "expand", path, on });

  const onKeyDown = (event: KeyboardEvent) => {
    if (renaming !== null || creating !== null) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_PX) - 1);
    const pressed = { key: event.key, shift: event.shiftKey, ctrl: event.ctrlKey || event.metaKey, alt: event.altKey };
    const intent = treeIntent(rows, focusedIndex, pressed, page);
    if (!intent) return;
    event.preventDefault();
    switch (intent.type) {
      case "focus":
        return focus(intent.index, intent.extend);
      case "expand":
        return toggle(intent.path, intent.on);
      case "open":
        return open(intent.path, intent.pinned);
      case "rename":
        return tree.edit({ renaming: intent.path, creating: null });
      case "delete":
        return void actions.delete(selected);
      case "select-all":
        return tree.select(rows.filter(({ kind }) => kind === "entry").map(({ path }) => path), focused);
      case "menu": {
        const box = document.getElementById(rowId(focused ?? ""))?.getBoundingClientRect();
        return setMenu({ x: (box?.left ?? 40) + 40, y: box?.bottom ?? 120, path: focusedIndex < 0 ? null : focused });
      }
      case "type-ahead": {
        const now = performance.now();
        const text = now - typed.current.at < TYPE_AHEAD_MS ? typed.current.text + intent.character : intent.character;
        typed.current = { text, at: now };
        const index = typeAhead(rows, Math.max(0, focusedIndex), text);
        if (index >= 0) focus(index, false);
      }
    }
  };

  const onRowClick = (event: MouseEvent, row: Extract<Row, { kind: "entry" }>, index: number) => {
    if (event.shiftKey) return focus(index, true);
    if (event.ctrlKey || event.metaKey) {
      const next = chosen.has(row.path) ? selected.filter((path) => path !== row.path) : [...selected, row.path];
      return tree.select(next, row.path);
    }
    focus(index, false);
    if (isDirectory(row.entry)) toggle(row.path, !row.expanded);
    else open(row.path, false);
  };
  const onContextMenu = (event: MouseEvent) => {
    event.preventDefault();
    const path = (event.target as Element).closest<HTMLElement>("[data-path]")?.dataset.path ?? null;
    if (path !== null && !chosen.has(path)) tree.select([path], path);
    setMenu({ x: event.clientX, y: event.clientY, path });
  };
  // A tree without branches is none to a screen reader.
  const empty = !rows.some(({ kind }) => kind === "entry");
  const root = directories.get(tree.root);
  if (!root || (root.loading && root.entries.length === 0)) return <TreeSkeleton />;
  return (
    <>
      <div
        ref={scroller}
        className={classes.tree}
        role={empty ? "group" : "tree"}
        aria-label="Files of the workspace"
        aria-multiselectable={empty ? undefined : "true"}
        aria-activedescendant={focusedIndex >= 0 && renaming === null ? rowId(focused ?? "") : undefined}
        tabIndex={0}
        data-testid="file-tree"
        data-drop={drop.target === tree.root || undefined}
        onKeyDown={onKeyDown}
        onContextMenu={onContextMenu}
        onDragStart={drop.onDragStart}
        onDragOver={drop.onDragOver}
        onDragLeave={drop.onDragLeave}
        onDrop={drop.onDrop}
        onFocus={() => focused === null && focus(0, false)}
      >
        <div role="presentation" style={{ height: list.getTotalSize(), position: "relative" }}>
          {items.map(({ index, start, key }) => {
            const row = rows[index];
            if (!row) return null;
            return (
              <TreeRow
                key={key}
                id={rowId(row.path)}
                row={row}
                top={start}
                selected={chosen.has(row.path)}
                focused={index === focusedIndex}
                renaming={renaming === row.path}
                dropping={drop.target !== tree.root && row.path === drop.target}
                onClick={(event) => row.kind === "entry" && onRowClick(event, row, index)}
                onDoubleClick={() => row.kind === "entry" && !isDirectory(row.entry) && open(row.path, true)}
                onRenamed={(name) => {
                  if (name === null) tree.edit({ renaming: null, creating: null });
                  else if (row.kind === "create") void actions.create(row.directory, name, row.folder);
                  else void actions.rename(row.path, name);
                  scroller.current?.focus({ preventScroll: true });
                }}
                onRetry={() => void tree.reread(parentOf(row.path))}
              />
            );
          })}
        </div>
      </div>
      <TreeMenu at={menu} actions={actions} onClose={() => setMenu(null)} name={menu?.path ? shown(nameOf(menu.path)) : ""} />
    </>
  );
}

function rowId(path: string): string {
  return `tree:${path}`;
}
