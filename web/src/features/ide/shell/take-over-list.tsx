import { Button, Group, Stack, Text } from "@mantine/core";
import type { ReactElement } from "react";
import { formatRelative } from "../../../lib/format";
import type { OtherWorkspace } from "../session/workspace-link";

interface TakeOverListProps {
  others: readonly OtherWorkspace[];
  onTakeOver: (workspaceId: string) => void;
}

/** Where it is open, since when, and when it was used last. */
export function describeOther(other: OtherWorkspace, now: number): string {
  const state = other.running ? "Running" : "Not running";
  const where = other.device === null ? "not open anywhere" : `open in ${other.device}`;
  const since = formatRelative(other.openedAt, now);
  return `${state}, ${where} since ${since}, last used ${formatRelative(other.lastSeenAt, now)}`;
}

/** The workspaces that could be closed for this one. */
export function TakeOverList({ others, onTakeOver }: TakeOverListProps): ReactElement {
  const now = Date.now();
  return (
    <Stack gap="sm" component="ul" p={0} m={0} style={{ listStyle: "none" }} aria-label="Open workspaces">
      {others.map((other) => (
        <Group key={other.id} component="li" justify="space-between" wrap="nowrap" gap="lg">
          <Stack gap={0} align="flex-start">
            <Text fw={600}>{other.name}</Text>
            <Text size="sm" c="dimmed" ta="start">
              {describeOther(other, now)}
            </Text>
          </Stack>
          <Button onClick={() => onTakeOver(other.id)} aria-label={`Close “${other.name}” and continue`} style={{ flexShrink: 0 }}>
            Close and continue
          </Button>
        </Group>
      ))}
    </Stack>
  );
}
