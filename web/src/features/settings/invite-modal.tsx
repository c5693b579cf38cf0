import { Button, Group, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactElement } from "react";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { CreateInvitation, Invitation } from "../../api/types";
import { SecretField } from "../../ui/secret-field";

const ROLES = [
  { value: "member", label: "Member: has workspaces of their own" },
  { value: "owner", label: "Owner: also invites people and manages the team" },
];

/** Makes an invitation, and shows its link the one time it can be seen. */
export function InviteModal({ onClose }: { onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("member");
  const invite = useMutation({
    mutationFn: (body: CreateInvitation) => api.post<Invitation>("/invitations", body),
    onSuccess: () => client.invalidateQueries({ queryKey: queryKeys.invitations }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    invite.mutate({ email: email.trim() || undefined, role });
  };
  const link = invite.data?.url ?? invite.data?.code;
  return (
    <Modal opened onClose={onClose} title="Invite someone">
      {link ? (
        <Stack gap="md">
          <Text size="sm">
            Send this link to {invite.data?.email ?? "the person you invite"}. It is shown only now and works once.
          </Text>
          <SecretField label="Invitation link" value={link} />
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={submit}>
          <Stack gap="md">
            <TextInput
              data-autofocus
              label="E-mail"
              description="Leave it empty for a link that anyone you give it to can use."
              type="text" inputMode="email" autoCapitalize="none" spellCheck={false}
              autoComplete="off"
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
              error={invite.error && messageOf(invite.error)}
            />
            <NativeSelect
              label="Role"
              data={ROLES}
              value={role}
              onChange={(event) => setRole(event.currentTarget.value)}
            />
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={invite.isPending}>
                Make the link
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
