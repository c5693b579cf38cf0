import { Button, Table, VisuallyHidden } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconMailPlus } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { Invitation } from "../../api/types";
import { allPages } from "../../api/use-workspaces";
import { formatRelative } from "../../lib/format";
import { notifyDone, notifyFailed } from "../../lib/notify";
import { EmptyState } from "../../ui/empty-state";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Panel } from "../../ui/panel";
import { InviteModal } from "./invite-modal";

export function InvitationsSection(): ReactElement {
  const client = useQueryClient();
  const [inviting, setInviting] = useState(false);
  const invitations = useQuery({
    queryKey: queryKeys.invitations,
    queryFn: ({ signal }) => allPages<Invitation>("/invitations", signal),
  });
  const withdraw = useMutation({
    mutationFn: (invitation: Invitation) => api.delete(`/invitations/${invitation.id}`),
    onSuccess: () => notifyDone("The invitation was withdrawn."),
    onError: (error) => notifyFailed("The invitation was not withdrawn", messageOf(error)),
    onSettled: () => client.invalidateQueries({ queryKey: queryKeys.invitations }),
  });
  const rows = invitations.data;
  const invite = (
    <Button size="xs" leftSection={<IconMailPlus size={15} />} onClick={() => setInviting(true)}>
      Invite someone
    </Button>
  );
  return (
    <Panel
      title="Invitations"
      description="Who registers with an invitation joins your team. Each link works once."
      actions={rows && rows.length > 0 ? invite : undefined}
      flush={rows !== undefined}
    >
      {invitations.isPending && <ListSkeleton rows={2} />}
      {invitations.isError && (
        <ErrorNotice
          title="Cannot be shown now"
          message={messageOf(invitations.error)}
          onRetry={() => void invitations.refetch()}
        />
      )}
      {rows?.length === 0 && (
        <EmptyState
          icon={<IconMailPlus size={24} />}
          title="No open invitations"
          text="Invite people to work in your team. They get workspaces of their own."
          action={invite}
        />
      )}
      {rows && rows.length > 0 && (
        <Table verticalSpacing="sm" horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>For</Table.Th>
              <Table.Th>Role</Table.Th>
              <Table.Th>Expires</Table.Th>
              <Table.Th>
                <VisuallyHidden>Actions</VisuallyHidden>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((invitation) => (
              <Table.Tr key={invitation.id}>
                <Table.Td>{invitation.email ?? "Whoever has the link"}</Table.Td>
                <Table.Td tt="capitalize">{invitation.role}</Table.Td>
                <Table.Td>{formatRelative(invitation.expires_at, Date.now())}</Table.Td>
                <Table.Td ta="right">
                  <Button
                    size="compact-sm"
                    variant="default"
                    loading={withdraw.isPending && withdraw.variables.id === invitation.id}
                    aria-label={`Withdraw the invitation for ${invitation.email ?? "whoever has the link"}`}
                    onClick={() => withdraw.mutate(invitation)}
                  >
                    Withdraw
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {inviting && <InviteModal onClose={() => setInviting(false)} />}
    </Panel>
  );
}
