import { Badge, Button, Group, Table, TextInput, VisuallyHidden } from "@mantine/core";
import { IconSearch, IconUserPlus } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { User } from "../../api/types";
import { formatDate, formatRelative } from "../../lib/format";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Panel } from "../../ui/panel";
import { AddUserModal } from "./add-user-modal";
import { UserActions } from "./user-actions";
import { useUsers } from "./use-users";

export function matchesUser(user: User, query: string): boolean {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const text = `${user.name} ${user.email} ${user.tier} ${user.id}`.toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}

export function UsersSection(): ReactElement {
  const users = useUsers();
  const [query, setQuery] = useState("");
  const [adding, setAdding] = useState(false);
  const rows = users.data?.filter((user) => matchesUser(user, query));
  return (
    <Panel
      title="Users"
      actions={
        <Group gap="xs">
          <TextInput
            size="xs"
            w={220}
            type="search"
            aria-label="Find users"
            placeholder="Find users"
            leftSection={<IconSearch size={14} />}
            value={query}
            onChange={(event) => setQuery(event.currentTarget.value)}
          />
          <Button size="xs" leftSection={<IconUserPlus size={15} />} onClick={() => setAdding(true)}>
            Add user
          </Button>
        </Group>
      }
      flush
    >
      {users.isPending && <ListSkeleton rows={5} />}
      {users.isError && (
        <ErrorNotice title="Users cannot be shown now" message={messageOf(users.error)} onRetry={() => void users.refetch()} />
      )}
      {rows && (
        <Table verticalSpacing="xs" horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>User</Table.Th>
              <Table.Th>Plan</Table.Th>
              <Table.Th>Rights</Table.Th>
              <Table.Th>Last login</Table.Th>
              <Table.Th>
                <VisuallyHidden>Actions</VisuallyHidden>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((user) => (
              <UserRow key={user.id} user={user} />
            ))}
            {rows.length === 0 && (
              <Table.Tr>
                <Table.Td colSpan={5} c="dimmed" ta="center" py="xl">
                  No user matches “{query}”.
                </Table.Td>
              </Table.Tr>
            )}
          </Table.Tbody>
        </Table>
      )}
      {users.hasNextPage && (
        <Group justify="center" p="sm">
          <Button variant="default" size="xs" loading={users.isFetchingNextPage} onClick={() => void users.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      )}
      {adding && <AddUserModal onClose={() => setAdding(false)} />}
    </Panel>
  );
}

function UserRow({ user }: { user: User }): ReactElement {
  return (
    <Table.Tr data-testid="user-row" data-user-id={user.id}>
      <Table.Td maw={280}>
        <div style={{ fontWeight: 550, overflowWrap: "anywhere" }}>{user.name}</div>
        <div style={{ color: "var(--cd-dimmed)", fontSize: "var(--mantine-font-size-xs)", overflowWrap: "anywhere" }}>
          {user.email}
        </div>
      </Table.Td>
      <Table.Td>{user.tier}</Table.Td>
      <Table.Td>
        <Group gap={4}>
          {user.disabled && <UserBadge color="var(--cd-danger)" text="Disabled" />}
          {user.admin && <UserBadge color="var(--cd-link)" text="Administrator" />}
          <UserBadge color="var(--cd-dimmed)" text={user.role === "owner" ? "Owner" : "Member"} />
        </Group>
      </Table.Td>
      <Table.Td>
        {user.last_login_at === undefined ? (
          "Never"
        ) : (
          <time title={formatDate(user.last_login_at)}>{formatRelative(user.last_login_at, Date.now())}</time>
        )}
      </Table.Td>
      <Table.Td ta="right">
        <UserActions user={user} />
      </Table.Td>
    </Table.Tr>
  );
}

function UserBadge({ color, text }: { color: string; text: string }): ReactElement {
  return (
    <Badge variant="outline" radius="sm" size="sm" tt="none" style={{ color, borderColor: "var(--cd-border)" }}>
      {text}
    </Badge>
  );
}
