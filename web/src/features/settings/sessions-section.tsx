import { Button, Table, VisuallyHidden } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconDevices } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { Session } from "../../api/types";
import { allPages, useWorkspaces } from "../../api/use-workspaces";
import { formatDate, formatRelative } from "../../lib/format";
import { notifyDone, notifyFailed } from "../../lib/notify";
import { EmptyState } from "../../ui/empty-state";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Panel } from "../../ui/panel";

export function SessionsSection(): ReactElement {
  const client = useQueryClient();
  const workspaces = useWorkspaces();
  const sessions = useQuery({
    queryKey: queryKeys.sessions,
    queryFn: ({ signal }) => allPages<Session>("/sessions", signal),
  });
  const end = useMutation({
    mutationFn: (session: Session) => api.delete(`/sessions/${session.id}`),
    onSuccess: () => notifyDone("The session has ended."),
    onError: (error) => notifyFailed("The session did not end", messageOf(error)),
    onSettled: () => client.invalidateQueries({ queryKey: queryKeys.sessions }),
  });
  const nameOf = (id: string): string => workspaces.data?.find((w) => w.id === id)?.name ?? id;
  const rows = sessions.data?.toSorted((a, b) => b.last_seen_at - a.last_seen_at);
  return (
    <Panel
      title="Sessions"
      description="A session keeps the tabs and terminals of one workspace, on whatever device you open it. Ending it forgets that arrangement; files and programs stay."
      flush={rows !== undefined}
    >
      {sessions.isPending && <ListSkeleton rows={2} />}
      {sessions.isError && (
        <ErrorNotice title="Cannot be shown now" message={messageOf(sessions.error)} onRetry={() => void sessions.refetch()} />
      )}
      {rows?.length === 0 && (
        <EmptyState icon={<IconDevices size={24} />} title="No sessions" text="Open a workspace to begin one." />
      )}
      {rows && rows.length > 0 && (
        <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Workspace</Table.Th>
              <Table.Th>Last used</Table.Th>
              <Table.Th>Begun</Table.Th>
              <Table.Th>
                <VisuallyHidden>Actions</VisuallyHidden>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((session) => (
              <Table.Tr key={session.id}>
                <Table.Td>
                  <Link to={`/workspaces/${session.workspace_id}`} style={{ color: "var(--cd-link)" }}>
                    {nameOf(session.workspace_id)}
                  </Link>
                </Table.Td>
                <Table.Td>{formatRelative(session.last_seen_at, Date.now())}</Table.Td>
                <Table.Td>{formatDate(session.created_at)}</Table.Td>
                <Table.Td ta="right">
                  <Button
                    size="compact-sm"
                    variant="default"
                    loading={end.isPending && end.variables.id === session.id}
                    aria-label={`End the session on ${nameOf(session.workspace_id)}`}
                    onClick={() => end.mutate(session)}
                  >
                    End
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}
