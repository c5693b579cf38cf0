import { ActionIcon, Menu } from "@mantine/core";
import { IconCheck, IconDots, IconKey, IconShieldCog, IconUserCheck, IconUserOff } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { UpdateUser, User } from "../../api/types";
import { useMe } from "../../api/use-me";
import { notifyDone, notifyFailed } from "../../lib/notify";
import { ResetPasswordModal } from "./reset-password-modal";
import { useTierNames } from "./use-tiers";
import { useUpdateUser } from "./use-users";

export function UserActions({ user }: { user: User }): ReactElement {
  const me = useMe();
  const update = useUpdateUser();
  const tiers = useTierNames();
  const [resetting, setResetting] = useState(false);
  const self = me.data?.id === user.id;
  const apply = (change: UpdateUser, done: string): void =>
    update.mutate(
      { id: user.id, change },
      {
        onSuccess: () => notifyDone(done),
        onError: (error) => notifyFailed(`${user.name} was not changed`, messageOf(error)),
      },
    );
  return (
    <>
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" c="dimmed" loading={update.isPending} aria-label={`Actions for ${user.name}`}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconKey size={15} />} onClick={() => setResetting(true)}>
            Reset password…
          </Menu.Item>
          <Menu.Divider />
          <Menu.Label>Plan</Menu.Label>
          {tiers.map((tier) => (
            <Menu.Item
              key={tier}
              rightSection={tier === user.tier ? <IconCheck size={14} aria-label="present plan" /> : null}
              disabled={tier === user.tier}
              onClick={() => apply({ tier }, `${user.name} has the plan ${tier} now.`)}
            >
              {tier}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconShieldCog size={15} />}
            disabled={self}
            onClick={() =>
              apply(
                { admin: !user.admin },
                user.admin ? `${user.name} is no administrator any more.` : `${user.name} is an administrator now.`,
              )
            }
          >
            {user.admin ? "Take administrator rights" : "Make administrator"}
          </Menu.Item>
          <Menu.Item
            leftSection={user.disabled ? <IconUserCheck size={15} /> : <IconUserOff size={15} />}
            c={user.disabled ? undefined : "var(--cd-danger)"}
            disabled={self}
            onClick={() =>
              apply(
                { disabled: !user.disabled },
                user.disabled ? `${user.name} can log in again.` : `${user.name} is logged out and cannot log in.`,
              )
            }
          >
            {user.disabled ? "Enable account" : "Disable account"}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {resetting && <ResetPasswordModal user={user} onClose={() => setResetting(false)} />}
    </>
  );
}
