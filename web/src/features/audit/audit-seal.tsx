import { Alert, Button, Group, Text } from "@mantine/core";
import type { ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { AuditHead } from "../../api/types";
import { formatDate, plural } from "../../lib/format";
import { useVerification, type AuditFilter } from "./use-audit";

/** Where the log ends, and whether it is whole. */
export function AuditSeal({ head, filter }: { head: AuditHead; filter: AuditFilter }): ReactElement {
  const check = useVerification(filter);
  const found = check.data;
  return (
    <Group gap="sm" px="md" py="xs" justify="space-between" role="status">
      <Text size="xs" c="dimmed">
        Signed up to entry {head.last_seq}, {formatDate(head.at)}.{" "}
        {head.first_seq > 1 && `Kept from entry ${head.first_seq} on. `}
        {found?.intact && `Verified: ${plural(found.checked, "entry", "entries")} up to ${found.last_seq} are intact.`}
        {check.isError && `It could not be verified: ${messageOf(check.error)}`}
      </Text>
      <Button size="compact-xs" variant="default" loading={check.isFetching} onClick={() => void check.refetch()}>
        Verify
      </Button>
      {found && !found.intact && (
        <Alert role="alert" color="red" variant="outline" w="100%" title="This log is not as it was signed">
          <ul style={{ margin: 0, paddingInlineStart: "1.2em" }}>
            {found.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </Alert>
      )}
    </Group>
  );
}
