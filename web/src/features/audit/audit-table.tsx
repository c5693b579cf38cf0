import { Code, Table } from "@mantine/core";
import type { ReactElement } from "react";
import type { AuditEntry } from "../../api/types";
import { formatDate } from "../../lib/format";
import { about, actorName } from "./describe";

export function AuditTable({ entries }: { entries: AuditEntry[] }): ReactElement {
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table verticalSpacing="xs" horizontalSpacing="md" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Time</Table.Th>
            <Table.Th>Action</Table.Th>
            <Table.Th>Who</Table.Th>
            <Table.Th>About</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.map((entry) => (
            <Table.Tr key={entry.seq} data-testid="audit-row">
              <Table.Td className="tabular" style={{ whiteSpace: "nowrap" }}>
                <time title={`Entry ${entry.seq}`}>{formatDate(entry.at)}</time>
              </Table.Td>
              <Table.Td>
                <Code>{entry.action}</Code>
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{actorName(entry.actor)}</Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere", fontSize: "var(--mantine-font-size-xs)" }}>
                {entry.workspace && <div style={{ color: "var(--cd-dimmed)" }}>{entry.workspace}</div>}
                {about(entry)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
