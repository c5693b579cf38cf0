import { useEffect } from "react";
import { COMMANDS } from "../palette/commands";
import { matches } from "../palette/keys";
import type { Ide } from "../session/ide";
import { cycleRegions } from "./regions";

/**
 * The page's keys. Taken before the editor or a terminal sees them; while a terminal has the keyboard only the few that
 * are meant for the page are taken, everything else belongs to its program.
 */
export function useShortcuts(ide: Ide): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      const inTerminal = target?.closest('[data-testid="terminal"]') != null;
      const inDialog = target?.closest('[role="dialog"]') != null;
      if (event.key === "F6" && !event.ctrlKey && !event.altKey && !event.metaKey) {
        event.preventDefault();
        event.stopPropagation();
        return cycleRegions(event.shiftKey);
      }
      const command = COMMANDS.find(
        ({ keys, shownOnly, overTerminal }) => keys && !shownOnly && (overTerminal || !inTerminal) && matches(keys, event),
      );
      if (!command || inDialog) return;
      event.preventDefault();
      event.stopPropagation();
      command.run(ide);
    };
    window.addEventListener("keydown", onKeyDown, { capture: true });
    return () => window.removeEventListener("keydown", onKeyDown, { capture: true });
  }, [ide]);
}
