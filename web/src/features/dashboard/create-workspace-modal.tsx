import { Button, Checkbox, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent, type ReactElement } from "react";
import { useNavigate } from "react-router";
import { messageOf } from "../../api/errors";
import { useCreateWorkspace } from "../../api/use-workspaces";
import { notifyDone } from "../../lib/notify";

export function CreateWorkspaceModal({ onClose }: { onClose: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [open, setOpen] = useState(true);
  const create = useCreateWorkspace();
  const navigate = useNavigate();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate(
      { name: name.trim(), start: open },
      {
        onSuccess: (workspace) => {
          if (open) void navigate(`/workspaces/${workspace.id}`);
          else {
            notifyDone(`“${workspace.name}” was created.`);
            onClose();
          }
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} title="New workspace">
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput
            data-autofocus
            label="Name"
            placeholder="billing-service"
            required
            withAsterisk={false}
            maxLength={64}
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={create.error && messageOf(create.error)}
          />
          <Checkbox
            label="Start and open it now"
            checked={open}
            onChange={(event) => setOpen(event.currentTarget.checked)}
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending} disabled={name.trim() === ""}>
              Create
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
