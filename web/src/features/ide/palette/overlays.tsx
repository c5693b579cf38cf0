import { lazy, type ReactElement, Suspense } from "react";
import { useStore } from "zustand";
import { useIde } from "../shell/ide-context";
import { CommandPalette } from "./command-palette";
import { QuickOpen } from "./quick-open";

const HelpDialog = lazy(() => import("./help-dialog"));

/** Whatever lies over the page: file search, commands, or the list of keys. */
export function Overlays(): ReactElement | null {
  const ide = useIde();
  const overlay = useStore(ide.ui, (state) => state.overlay);
  const close = () => ide.show(null);
  if (overlay === "files") return <QuickOpen onClose={close} onCommands={() => ide.show("commands")} />;
  if (overlay === "commands") return <CommandPalette onClose={close} />;
  if (overlay === "help") {
    return (
      <Suspense fallback={null}>
        <HelpDialog onClose={close} />
      </Suspense>
    );
  }
  return null;
}
