import { Tooltip, UnstyledButton } from "@mantine/core";
import { useNetwork } from "@mantine/hooks";
import { type ReactElement, useEffect, useState } from "react";
import { useStore } from "zustand";
import { useIde } from "../shell/ide-context";
import { connectionState, connectionWords } from "./connection-words";
import classes from "./status-bar.module.css";

const TICK_MS = 500;

/** Whether the workspace can be reached, and how far away it is; a press tries again at once. */
export function ConnectionItem(): ReactElement {
  const ide = useIde();
  const { link, roundTripMs } = useStore(ide.connection);
  const { online } = useNetwork();
  const [now, setNow] = useState(() => performance.now());
  const waiting = link.kind === "waiting";
  useEffect(() => {
    if (!waiting) return undefined;
    setNow(performance.now());
    const timer = setInterval(() => setNow(performance.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [waiting]);
  const state = connectionState(link, online);
  const words = connectionWords(link, roundTripMs, online, now);
  const again = () => {
    ide.events.kick();
    ide.terminals.kick();
  };
  return (
    <>
      <Tooltip label={state === "connected" ? "Round trip to the workspace" : "Try again now"}>
        <UnstyledButton className={classes.item} data-testid="status-connection" data-state={state} onClick={again}>
          <span className={classes.light} data-state={state} aria-hidden="true" />
          {words}
        </UnstyledButton>
      </Tooltip>
      {/* Without the numbers, which would be read out again and again. */}
      <span className={classes.unseen} role="status">
        {state === "connected" ? "Connected to the workspace" : state === "offline" ? "Offline" : "Connecting to the workspace"}
      </span>
    </>
  );
}
