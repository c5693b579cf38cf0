/** How components reach the open workspace. */
import { createContext, useContext } from "react";
import { useStore } from "zustand";
import type { Layout } from "../layout/layout";
import type { Ide } from "../session/ide";

export const IdeContext = createContext<Ide | null>(null);

export function useIde(): Ide {
  const ide = useContext(IdeContext);
  if (!ide) throw new Error("This component belongs inside an open workspace.");
  return ide;
}

export function useLayout<T>(select: (layout: Layout) => T): T {
  return useStore(useIde().layout.store, select);
}
