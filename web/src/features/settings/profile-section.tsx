import { Badge, Button, Group, Stack, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactElement } from "react";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import type { UpdateUser, User } from "../../api/types";
import { formatDate } from "../../lib/format";
import { notifyDone } from "../../lib/notify";
import { Panel } from "../../ui/panel";
import classes from "./profile-section.module.css";

export function ProfileSection({ user }: { user: User }): ReactElement {
  const client = useQueryClient();
  const [name, setName] = useState(user.name);
  const save = useMutation({
    mutationFn: (body: UpdateUser) => api.patch<User>(`/users/${user.id}`, body),
    onSuccess: (saved) => {
      client.setQueryData(queryKeys.me, saved);
      setName(saved.name);
      notifyDone("Your name was saved.");
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate({ name: name.trim() });
  };
  return (
    <>
      <Panel title="Profile" description="Your name is shown to the people you share a team with.">
        <form onSubmit={submit}>
          <Stack gap="md" maw={420}>
            <TextInput
              label="Name"
              required
              withAsterisk={false}
              maxLength={64}
              autoComplete="name"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={save.error && messageOf(save.error)}
            />
            <Group>
              <Button type="submit" loading={save.isPending} disabled={name.trim() === "" || name.trim() === user.name}>
                Save
              </Button>
            </Group>
          </Stack>
        </form>
      </Panel>
      <Panel title="Account">
        <dl className={classes.facts}>
          <dt>E-mail</dt>
          <dd>{user.email}</dd>
          <dt>Plan</dt>
          <dd>
            <Badge variant="default" radius="sm" tt="none">
              {user.tier}
            </Badge>
          </dd>
          <dt>Role</dt>
          <dd>
            {user.role === "owner" ? "Owner of the team" : "Member of the team"}
            {user.admin && ", administrator of this installation"}
          </dd>
          <dt>Member since</dt>
          <dd>{formatDate(user.created_at)}</dd>
          <dt>Account id</dt>
          <dd className={classes.mono}>{user.id}</dd>
        </dl>
      </Panel>
    </>
  );
}
