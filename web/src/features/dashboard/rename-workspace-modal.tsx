import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent, type ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { Workspace } from "../../api/types";
import { useRenameWorkspace } from "../../api/use-workspaces";
import { notifyDone } from "../../lib/notify";

export interface RenameWorkspaceModalProps {
  workspace: Workspace;
  onClose: () => void;
}

export function RenameWorkspaceModal({ workspace, onClose }: RenameWorkspaceModalProps): ReactElement {
  const [name, setName] = useState(workspace.name);
  const rename = useRenameWorkspace();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    rename.mutate(
      { id: workspace.id, name: name.trim() },
      {
        onSuccess: (renamed) => {
          notifyDone(`Renamed to “${renamed.name}”.`);
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} title="Rename workspace">
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput
            data-autofocus
            label="Name"
            required
            withAsterisk={false}
            maxLength={64}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={rename.error && messageOf(rename.error)}
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={rename.isPending} disabled={name.trim() === ""}>
              Rename
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
