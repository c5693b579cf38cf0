import { Button, Group, Table, VisuallyHidden } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconPlayerPlay, IconPlayerStop, IconServer2 } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { Page, Workspace } from "../../api/types";
import { usePowerWorkspace } from "../../api/use-workspaces";
import { formatBytes, formatCores } from "../../lib/format";
import { notifyFailed } from "../../lib/notify";
import { canStart, canStop, stateLabel, stateTone } from "../../lib/workspace-state";
import { EmptyState } from "../../ui/empty-state";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Panel } from "../../ui/panel";
import { StatusDot } from "../../ui/status-dot";
import { useUsers } from "./use-users";

const REFRESH_MS = 5_000;
const LISTED_MAX = 1000;

async function fetchAll(signal: AbortSignal): Promise<Workspace[]> {
  const items: Workspace[] = [];
  let after: string | undefined;
  do {
    const page: Page<Workspace> = await api.get<Page<Workspace>>("/workspaces", { query: { all: true, after }, signal });
    items.push(...page.items);
    after = page.next;
  } while (after && items.length < LISTED_MAX);
  return items;
}

export function AllWorkspacesSection(): ReactElement {
  const users = useUsers();
  const workspaces = useQuery({
    queryKey: queryKeys.allWorkspaces,
    queryFn: ({ signal }) => fetchAll(signal),
    refetchInterval: REFRESH_MS,
  });
  const rows = workspaces.data;
  const ownerOf = (workspace: Workspace): string =>
    users.data?.find((user) => user.id === workspace.owner_id)?.email ?? workspace.owner_id;
  return (
    <Panel title="Workspaces" description="State and use of every workspace. Their contents are their owners' alone." flush>
      {workspaces.isPending && <ListSkeleton rows={5} />}
      {workspaces.isError && (
        <ErrorNotice
          title={rows ? "What you see may be out of date" : "Workspaces cannot be shown now"}
          message={messageOf(workspaces.error)}
          onRetry={() => void workspaces.refetch()}
        />
      )}
      {rows?.length === 0 && (
        <EmptyState icon={<IconServer2 size={24} />} title="No workspaces yet" text="They appear here when users create them." />
      )}
      {rows && rows.length > 0 && (
        <Table verticalSpacing="xs" horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Workspace</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th ta="right">CPU</Table.Th>
              <Table.Th ta="right">Memory</Table.Th>
              <Table.Th ta="right">Storage</Table.Th>
              <Table.Th>
                <VisuallyHidden>Actions</VisuallyHidden>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((workspace) => (
              <WorkspaceRow key={workspace.id} workspace={workspace} owner={ownerOf(workspace)} />
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}

function WorkspaceRow({ workspace, owner }: { workspace: Workspace; owner: string }): ReactElement {
  const power = usePowerWorkspace();
  const { usage, state } = workspace;
  const act = (what: "start" | "stop"): void =>
    power.mutate(
      { id: workspace.id, power: what },
      { onError: (error) => notifyFailed(`“${workspace.name}” did not ${what}`, messageOf(error)) },
    );
  return (
    <Table.Tr>
      <Table.Td maw={280}>
        <div style={{ fontWeight: 550, overflowWrap: "anywhere" }}>{workspace.name}</div>
        <div style={{ color: "var(--cd-dimmed)", fontSize: "var(--mantine-font-size-xs)", overflowWrap: "anywhere" }}>
          {owner}
        </div>
      </Table.Td>
      <Table.Td>
        <StatusDot tone={stateTone(state)} label={stateLabel(state)} />
        {state === "failed" && workspace.reason && (
          <div style={{ fontSize: "var(--mantine-font-size-xs)", color: "var(--cd-dimmed)" }}>{workspace.reason}</div>
        )}
      </Table.Td>
      <Table.Td ta="right" className="tabular">
        {usage ? formatCores(usage.cpu_millis) : "–"}
      </Table.Td>
      <Table.Td ta="right" className="tabular">
        {usage ? formatBytes(usage.memory_bytes) : "–"}
      </Table.Td>
      <Table.Td ta="right" className="tabular">
        {usage?.storage_bytes === undefined ? "–" : formatBytes(usage.storage_bytes)}
      </Table.Td>
      <Table.Td>
        <Group justify="flex-end">
          {canStop(state) && (
            <Button
              size="compact-sm"
              variant="default"
              leftSection={<IconPlayerStop size={13} />}
              loading={power.isPending}
              aria-label={`Stop ${workspace.name}`}
              onClick={() => act("stop")}
            >
              Stop
            </Button>
          )}
          {canStart(state) && (
            <Button
              size="compact-sm"
              variant="default"
              leftSection={<IconPlayerPlay size={13} />}
              loading={power.isPending}
              aria-label={`Start ${workspace.name}`}
              onClick={() => act("start")}
            >
              Start
            </Button>
          )}
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}
