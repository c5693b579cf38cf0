import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { Tier } from "../../api/types";
import { notifyDone } from "../../lib/notify";
import { ErrorNotice } from "../../ui/error-notice";
import { useRemoveTier } from "./use-tiers";

/** Takes back what was set: the configuration's values hold again, or a plan that was added is gone. */
export function RemoveTierModal({ tier, onClose }: { tier: Tier; onClose: () => void }): ReactElement {
  const remove = useRemoveTier();
  // The list is read again while this is open, and a plan may come back with another source.
  const [added] = useState(tier.source === "added");
  const submit = (): void =>
    remove.mutate(tier.name, {
      onSuccess: () => {
        notifyDone(added ? `The plan ${tier.name} is removed.` : `The plan ${tier.name} is as in the configuration again.`);
        onClose();
      },
    });
  return (
    <Modal opened onClose={onClose} title={added ? "Remove plan" : "Back to the configuration"}>
      <Stack gap="md">
        {remove.error && <ErrorNotice title="Nothing was changed" message={messageOf(remove.error)} />}
        <Text size="sm">
          {added ? (
            <>
              The plan <strong>{tier.name}</strong> is removed for good. Users who have it need another one first.
            </>
          ) : (
            <>
              What was set here for <strong>{tier.name}</strong> is forgotten, and the limits of the configuration hold
              again, in running workspaces too. Nothing in them is ended.
            </>
          )}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button data-autofocus color={added ? "red.9" : undefined} loading={remove.isPending} onClick={submit}>
            {added ? "Remove plan" : "Use the configuration"}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
