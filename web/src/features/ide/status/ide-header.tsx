import { Menu, UnstyledButton } from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconSearch } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { useStore } from "zustand";
import { api } from "../../../api/client";
import { queryClient } from "../../../api/query-client";
import { queryKeys } from "../../../api/query-keys";
import { stateLabel, stateTone } from "../../../lib/workspace-state";
import { HeaderSlot } from "../../../ui/header-slots";
import { StatusDot } from "../../../ui/status-dot";
import { keysShown } from "../palette/keys";
import { useIde } from "../shell/ide-context";
import classes from "./ide-header.module.css";

/** What the page puts into the frame's header: the run state, and the way to any file. */
export function IdeHeader(): ReactElement {
  const ide = useIde();
  const workspace = useStore(ide.link.store, (status) => status.workspace);
  const stop = async () => {
    try {
      await api.post(`/workspaces/${ide.link.workspaceId}/stop`);
      await ide.link.refresh();
      await queryClient.invalidateQueries({ queryKey: queryKeys.workspaces });
    } catch (error) {
      ide.report("The workspace was not stopped", error);
    }
  };
  const askToStop = () =>
    modals.openConfirmModal({
      title: "Stop the workspace?",
      children: "Every program in it ends, terminals included. Files stay.",
      labels: { confirm: "Stop", cancel: "Keep running" },
      confirmProps: { color: "red" },
      onConfirm: () => void stop(),
    });
  return (
    <>
      <HeaderSlot name="start">
        {workspace && (
          <Menu position="bottom-start" width={200}>
            <Menu.Target>
              <UnstyledButton className={classes.state} data-testid="workspace-state" data-state={workspace.state}>
                <StatusDot tone={stateTone(workspace.state)} label={stateLabel(workspace.state)} />
              </UnstyledButton>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => ide.layout.dispatch({ type: "sidebar-show", view: "ports" })}>Ports</Menu.Item>
              <Menu.Divider />
              <Menu.Item c="var(--cd-danger)" disabled={workspace.state !== "running"} onClick={askToStop}>
                Stop the workspace
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </HeaderSlot>
      <HeaderSlot name="center">
        <UnstyledButton className={classes.find} onClick={() => ide.show("files")} data-testid="header-find">
          <IconSearch size={14} aria-hidden="true" />
          <span>Go to file</span>
          <kbd>{keysShown("Mod+P")}</kbd>
        </UnstyledButton>
      </HeaderSlot>
    </>
  );
}
