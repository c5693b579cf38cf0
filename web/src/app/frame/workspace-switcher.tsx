import { Menu, ScrollArea, UnstyledButton } from "@mantine/core";
import { IconLayoutGrid, IconSelector } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { Link, useParams } from "react-router";
import { useWorkspaces } from "../../api/use-workspaces";
import { stateLabel, stateTone } from "../../lib/workspace-state";
import { StatusDot } from "../../ui/status-dot";
import classes from "./workspace-switcher.module.css";

/** Where one is, and the way to another workspace. */
export function WorkspaceSwitcher(): ReactElement {
  const { workspaceId } = useParams();
  const [opened, setOpened] = useState(false);
  const workspaces = useWorkspaces(opened || workspaceId !== undefined);
  const items = (workspaces.data ?? []).filter((w) => w.desired !== "deleted");
  const current = items.find((w) => w.id === workspaceId);
  return (
    <>
      <span className={classes.slash} aria-hidden="true">
        /
      </span>
      <Menu position="bottom-start" width={280} opened={opened} onChange={setOpened}>
        <Menu.Target>
          <UnstyledButton className={classes.target} data-testid="workspace-switcher">
            <span className={classes.name}>{current?.name ?? "Workspaces"}</span>
            <IconSelector size={14} aria-hidden="true" />
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component={Link} to="/" leftSection={<IconLayoutGrid size={16} />}>
            All workspaces
          </Menu.Item>
          {items.length > 0 && <Menu.Divider />}
          <ScrollArea.Autosize mah={320} type="auto">
            {items.map((workspace) => (
              <Menu.Item
                key={workspace.id}
                component={Link}
                to={`/workspaces/${workspace.id}`}
                aria-current={workspace.id === workspaceId ? "page" : undefined}
                rightSection={<StatusDot tone={stateTone(workspace.state)} label={stateLabel(workspace.state)} />}
              >
                <span className={classes.item}>{workspace.name}</span>
              </Menu.Item>
            ))}
          </ScrollArea.Autosize>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
