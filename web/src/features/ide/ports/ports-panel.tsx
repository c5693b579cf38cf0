import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconExternalLink, IconPlugConnected } from "@tabler/icons-react";
import { type ReactElement, useEffect } from "react";
import { useStore } from "zustand";
import { EmptyState } from "../../../ui/empty-state";
import { useIde } from "../shell/ide-context";
import { PanelHead } from "../shell/panel-head";
import classes from "./ports-panel.module.css";

/** What listens in the workspace, each at an address of its own. */
export function PortsPanel(): ReactElement {
  const ide = useIde();
  const { ports, fresh } = useStore(ide.ports);
  useEffect(() => {
    // Looked at: nothing is new any more once the panel closes.
    return () => ide.seenPorts();
  }, [ide]);
  return (
    <div className={classes.panel} data-testid="ports-panel">
      <PanelHead title="Ports" />
      {ports.length === 0 && (
        <EmptyState
          icon={<IconPlugConnected size={26} />}
          title="Nothing is listening"
          text={
            <>
              Start a server in a terminal, for example <code>python3 -m http.server 3000</code>, and it appears here with an
              address only you can open.
            </>
          }
        />
      )}
      <ul className={classes.list} aria-label="Listening ports">
        {ports.map(({ port, command }) => {
          const url = ide.client.portUrl(port);
          return (
            <li key={port} className={classes.port} data-testid="port" data-port={port}>
              <a className={classes.link} href={url} target="_blank" rel="noopener">
                <span className={classes.number}>{port}</span>
                <span className={classes.command}>{command ?? "unknown program"}</span>
                {fresh.has(port) && <span className={classes.fresh}>new</span>}
              </a>
              <Tooltip label="Open in a new tab">
                <ActionIcon component="a" href={url} target="_blank" rel="noopener" variant="subtle" size={26} aria-label={`Open port ${port}`}>
                  <IconExternalLink size={15} />
                </ActionIcon>
              </Tooltip>
              <CopyButton value={url}>
                {({ copied, copy }) => (
                  <Tooltip label={copied ? "Copied" : "Copy the address"}>
                    <ActionIcon variant="subtle" size={26} aria-label={`Copy the address of port ${port}`} onClick={copy}>
                      {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
                    </ActionIcon>
                  </Tooltip>
                )}
              </CopyButton>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
