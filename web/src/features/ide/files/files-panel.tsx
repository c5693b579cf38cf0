import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { IconFilePlus, IconFolderPlus, IconFold, IconRefresh, IconUpload } from "@tabler/icons-react";
import { type ReactElement, useMemo } from "react";
import { useIde } from "../shell/ide-context";
import { PanelHead } from "../shell/panel-head";
import { FileActions } from "./file-actions";
import { FileTree } from "./file-tree";

/** The workspace's files, and the tools above them. */
export function FilesPanel(): ReactElement {
  const ide = useIde();
  const actions = useMemo(() => new FileActions(ide), [ide]);
  return (
    <>
      <PanelHead title="Files">
        <Tool label="New file" onClick={() => actions.startCreating(false)}>
          <IconFilePlus size={16} />
        </Tool>
        <Tool label="New folder" onClick={() => actions.startCreating(true)}>
          <IconFolderPlus size={16} />
        </Tool>
        <Menu position="bottom-end" width={180}>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" c="var(--cd-dimmed)" size={26} aria-label="Upload">
              <IconUpload size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => actions.chooseUpload(actions.targetDirectory(), false)}>Upload files</Menu.Item>
            <Menu.Item onClick={() => actions.chooseUpload(actions.targetDirectory(), true)}>Upload a folder</Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <Tool label="Read again" onClick={() => ide.tree.refreshAll()}>
          <IconRefresh size={16} />
        </Tool>
        <Tool label="Collapse all folders" onClick={() => ide.layout.dispatch({ type: "collapse-all" })}>
          <IconFold size={16} />
        </Tool>
      </PanelHead>
      <FileTree actions={actions} />
    </>
  );
}

function Tool({ label, onClick, children }: { label: string; onClick: () => void; children: ReactElement }): ReactElement {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" c="var(--cd-dimmed)" size={26} aria-label={label} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
