import { Menu } from "@mantine/core";
import type { ReactElement } from "react";
import { useIde } from "../shell/ide-context";
import type { FileActions } from "./file-actions";
import classes from "./file-tree.module.css";
import { isDirectory } from "./tree-model";

export interface TreeMenuAt {
  x: number;
  y: number;
  /** Null: the free space below the entries. */
  path: string | null;
}

export interface TreeMenuProps {
  at: TreeMenuAt | null;
  name: string;
  actions: FileActions;
  onClose: () => void;
}

export function TreeMenu({ at, name, actions, onClose }: TreeMenuProps): ReactElement {
  const ide = useIde();
  const { tree, terminals } = ide;
  const path = at?.path ?? null;
  const entry = path === null ? undefined : tree.entry(path);
  const folder = path === null || (entry !== undefined && isDirectory(entry));
  const directory = path !== null && folder ? path : path === null ? tree.root : actions.targetDirectory();
  const { selected } = tree.store.getState();
  const several = path !== null && selected.length > 1;
  return (
    <Menu opened={at !== null} onClose={onClose} position="bottom-start" width={230} returnFocus>
      <Menu.Target>
        <button type="button" tabIndex={-1} aria-label="Actions" className={classes.anchor} style={{ left: at?.x ?? 0, top: at?.y ?? 0 }} />
      </Menu.Target>
      <Menu.Dropdown aria-label={name ? `Actions for ${name}` : "Actions for the workspace"}>
        {path !== null && !folder && (
          <>
            <Menu.Item onClick={() => ide.openFile(path, { pinned: true })}>Open</Menu.Item>
            <Menu.Divider />
          </>
        )}
        <Menu.Item onClick={() => actions.startCreating(false, directory)}>New file</Menu.Item>
        <Menu.Item onClick={() => actions.startCreating(true, directory)}>New folder</Menu.Item>
        <Menu.Item onClick={() => actions.chooseUpload(directory, false)}>Upload files</Menu.Item>
        <Menu.Item onClick={() => actions.chooseUpload(directory, true)}>Upload a folder</Menu.Item>
        <Menu.Divider />
        {path !== null && !several && (
          <>
            <Menu.Item rightSection={<kbd>F2</kbd>} onClick={() => tree.edit({ renaming: path, creating: null })}>
              Rename
            </Menu.Item>
            <Menu.Item onClick={() => void actions.duplicate(path)}>Duplicate</Menu.Item>
          </>
        )}
        <Menu.Item onClick={() => void actions.download(path ?? tree.root, folder)}>
          {folder ? "Download as archive" : "Download"}
        </Menu.Item>
        <Menu.Item onClick={() => void actions.copyPath(path ?? tree.root)}>Copy path</Menu.Item>
        {folder && <Menu.Item onClick={() => void terminals.create(undefined, directory)}>Open in terminal</Menu.Item>}
        {path !== null && (
          <>
            <Menu.Divider />
            <Menu.Item c="var(--cd-danger)" rightSection={<kbd>Del</kbd>} onClick={() => void actions.delete(selected)}>
              {several ? `Delete ${selected.length} items` : "Delete"}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
