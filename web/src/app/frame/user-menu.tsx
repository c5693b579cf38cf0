import { Avatar, Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconBook2, IconHistory, IconLogout, IconSettings, IconShieldCog } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Link } from "react-router";
import type { User } from "../../api/types";
import { useLogOut } from "../use-log-out";
import classes from "./user-menu.module.css";

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? "")][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toUpperCase();
}

export function UserMenu({ user }: { user: User }): ReactElement {
  const logOut = useLogOut();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton className={classes.target} data-testid="user-menu">
          <VisuallyHidden>Account: {user.name}</VisuallyHidden>
          <Avatar aria-hidden="true" size={28} radius="xl" classNames={{ placeholder: classes.initials }}>
            {initials(user.name)}
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.identity}>
          <Text size="sm" fw={600} truncate>
            {user.name}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {user.email}
          </Text>
          <Text size="xs" c="dimmed">
            {user.tier} plan
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings/profile" leftSection={<IconSettings size={16} />}>
          Settings
        </Menu.Item>
        {user.admin && (
          <Menu.Item component={Link} to="/admin/users" leftSection={<IconShieldCog size={16} />}>
            Administration
          </Menu.Item>
        )}
        {user.role === "owner" && (
          <Menu.Item component={Link} to="/audit" leftSection={<IconHistory size={16} />}>
            Audit log
          </Menu.Item>
        )}
        <Menu.Item component={Link} to="/docs" leftSection={<IconBook2 size={16} />}>
          Guide
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => logOut.mutate()}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
