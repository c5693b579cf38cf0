import { createContext, useContext, useMemo, useState, type ReactElement, type ReactNode } from "react";
import { createPortal } from "react-dom";

export type HeaderSlotName = "start" | "center" | "end";

interface HeaderSlots {
  elements: Partial<Record<HeaderSlotName, HTMLElement | null>>;
  register: (name: HeaderSlotName, element: HTMLElement | null) => void;
}

const Context = createContext<HeaderSlots | null>(null);

/** Lets a page put its own controls into the frame's header: the frame has outlets, the page fills slots. */
export function HeaderSlotsProvider({ children }: { children: ReactNode }): ReactElement {
  const [elements, setElements] = useState<HeaderSlots["elements"]>({});
  const value = useMemo<HeaderSlots>(
    () => ({
      elements,
      register: (name, element) =>
        setElements((old) => (old[name] === element ? old : { ...old, [name]: element })),
    }),
    [elements],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Where a slot appears; used by the frame. */
export function HeaderOutlet({ name }: { name: HeaderSlotName }): ReactElement {
  const slots = useContext(Context);
  const register = slots?.register;
  const [ref] = useState(() => (element: HTMLElement | null) => register?.(name, element));
  return <div ref={ref} data-header-slot={name} style={{ display: "contents" }} />;
}

/** Shows its children in the header; used by pages. Renders nothing where there is no frame. */
export function HeaderSlot({ name, children }: { name: HeaderSlotName; children: ReactNode }): ReactNode {
  const element = useContext(Context)?.elements[name];
  return element ? createPortal(children, element) : null;
}
