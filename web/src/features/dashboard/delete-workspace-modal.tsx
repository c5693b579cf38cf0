import type { ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { Workspace } from "../../api/types";
import { useDeleteWorkspace } from "../../api/use-workspaces";
import { notifyDone } from "../../lib/notify";
import { TypedConfirm } from "../../ui/typed-confirm";

export interface DeleteWorkspaceModalProps {
  workspace: Workspace;
  onClose: () => void;
}

export function DeleteWorkspaceModal({ workspace, onClose }: DeleteWorkspaceModalProps): ReactElement {
  const remove = useDeleteWorkspace();
  return (
    <TypedConfirm
      title="Delete workspace"
      phrase={workspace.name}
      action="Delete for good"
      pending={remove.isPending}
      error={remove.error ? messageOf(remove.error) : undefined}
      onClose={onClose}
      onConfirm={() =>
        remove.mutate(workspace.id, {
          onSuccess: () => {
            notifyDone(`“${workspace.name}” is being deleted.`);
            onClose();
          },
        })
      }
    >
      Its files, terminals and everything that runs in it are removed. This cannot be undone.
    </TypedConfirm>
  );
}
