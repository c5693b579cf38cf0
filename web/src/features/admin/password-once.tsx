import { Button, Group, Stack, Text } from "@mantine/core";
import type { ReactElement } from "react";
import type { UserWithPassword } from "../../api/types";
import { SecretField } from "../../ui/secret-field";

/** A password the platform made, shown the one time it can be seen. */
export function PasswordOnce({ answer, onClose }: { answer: UserWithPassword; onClose: () => void }): ReactElement {
  return (
    <Stack gap="md">
      <Text size="sm">
        Give this password to <strong>{answer.user.email}</strong>. It is shown only now; they can change it in their
        settings.
      </Text>
      {answer.password && <SecretField label="Password" value={answer.password} />}
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}
