import { ActionIcon, Menu } from "@mantine/core";
import { IconCopy, IconDots, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import type { Workspace } from "../../api/types";
import { notifyDone } from "../../lib/notify";
import { DeleteWorkspaceModal } from "./delete-workspace-modal";
import { RenameWorkspaceModal } from "./rename-workspace-modal";

export interface WorkspaceMenuProps {
  workspace: Workspace;
  disabled: boolean;
}

export function WorkspaceMenu({ workspace, disabled }: WorkspaceMenuProps): ReactElement {
  const [dialog, setDialog] = useState<"rename" | "delete" | null>(null);
  const copyId = (): void => {
    void navigator.clipboard.writeText(workspace.id).then(() => notifyDone("Workspace id copied."));
  };
  return (
    <>
      <Menu position="bottom-end" width={190}>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            c="dimmed"
            disabled={disabled}
            aria-label={`More for ${workspace.name}`}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={15} />} onClick={() => setDialog("rename")}>
            Rename…
          </Menu.Item>
          <Menu.Item leftSection={<IconCopy size={15} />} onClick={copyId}>
            Copy id
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconTrash size={15} />}
            c="var(--cd-danger)"
            onClick={() => setDialog("delete")}
          >
            Delete…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {dialog === "rename" && <RenameWorkspaceModal workspace={workspace} onClose={() => setDialog(null)} />}
      {dialog === "delete" && <DeleteWorkspaceModal workspace={workspace} onClose={() => setDialog(null)} />}
    </>
  );
}
