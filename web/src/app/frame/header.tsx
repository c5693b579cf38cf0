import { Button, Group } from "@mantine/core";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { useMe } from "../../api/use-me";
import { HeaderOutlet } from "../../ui/header-slots";
import { Logo } from "../../ui/logo";
import { ThemeSwitch } from "../../ui/theme-switch";
import classes from "./header.module.css";
import { UserMenu } from "./user-menu";
import { WorkspaceSwitcher } from "./workspace-switcher";

export function Header(): ReactElement {
  const me = useMe();
  return (
    <header className={classes.header}>
      <Link to="/" className={classes.brand} aria-label="Coditect: workspaces">
        <Logo size={24} />
        <span className={classes.word}>Coditect</span>
      </Link>
      {me.data && <WorkspaceSwitcher />}
      <HeaderOutlet name="start" />
      <div className={classes.center}>
        <HeaderOutlet name="center" />
      </div>
      <HeaderOutlet name="end" />
      <Group gap={4} wrap="nowrap">
        <ThemeSwitch />
        {me.data && <UserMenu user={me.data} />}
        {me.data === null && (
          <Button component={Link} to="/login" variant="subtle" size="compact-sm">
            Log in
          </Button>
        )}
      </Group>
    </header>
  );
}
