import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { User } from "../../api/types";
import { ErrorNotice } from "../../ui/error-notice";
import { PasswordOnce } from "./password-once";
import { useResetPassword } from "./use-users";

export function ResetPasswordModal({ user, onClose }: { user: User; onClose: () => void }): ReactElement {
  const reset = useResetPassword();
  return (
    <Modal opened onClose={onClose} title="Reset password">
      {reset.data ? (
        <PasswordOnce answer={reset.data} onClose={onClose} />
      ) : (
        <Stack gap="md">
          {reset.error && <ErrorNotice title="Nothing was changed" message={messageOf(reset.error)} />}
          <Text size="sm">
            <strong>{user.email}</strong> gets a new password and is logged out everywhere. Their workspaces keep running.
          </Text>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button data-autofocus loading={reset.isPending} onClick={() => reset.mutate(user.id)}>
              Reset password
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
