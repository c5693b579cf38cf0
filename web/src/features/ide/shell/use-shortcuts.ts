import { useEffect } from "react";
import { COMMANDS } from "../palette/commands";
import { matches } from "../palette/keys";
import type { Ide } from "../session/ide";

const REGIONS = ["panels", "sidebar", "editor", "terminal", "status"];

/** Moves the keyboard to the next part of the page that is shown. */
function cycleRegions(back: boolean): void {
  const shown = REGIONS.map((name) => document.querySelector<HTMLElement>(`[data-region="${name}"]`)).filter((region) => region !== null);
  const at = shown.findIndex((region) => region.contains(document.activeElement));
  const next = shown[(at + (back ? -1 : 1) + shown.length) % shown.length];
  const inside = next?.querySelector<HTMLElement>('textarea:not([disabled]), [role="tree"], input, [role="tab"][tabindex="0"], button, [tabindex="0"]');
  inside?.focus();
}

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
