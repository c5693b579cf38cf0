import { FocusTrap, Portal } from "@mantine/core";
import { type KeyboardEvent, type ReactElement, type ReactNode, useEffect, useId, useRef, useState } from "react";
import classes from "./palette.module.css";

export interface PickerItem {
  id: string;
  content: ReactNode;
  onPick: () => void;
}

export interface PickerProps {
  label: string;
  placeholder: string;
  testId: string;
  query: string;
  items: readonly PickerItem[];
  /** Said in the place of the list when it is empty. */
  empty: string | null;
  /** The items do not belong to the query yet: Enter waits for those that do. */
  pending?: boolean;
  onQuery: (query: string) => void;
  onClose: () => void;
}

/** A line to type in over a list to choose from: a combobox in the middle of the page. */
export function Picker(props: PickerProps): ReactElement {
  const { label, placeholder, testId, query, items, empty, pending = false, onQuery, onClose } = props;
  const [index, setIndex] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const base = useId();
  const at = Math.min(index, Math.max(0, items.length - 1));
  const before = useRef<Element | null>(document.activeElement);
  useEffect(() => setIndex(0), [query]);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, items]);
  const close = () => {
    onClose();
    if (before.current instanceof HTMLElement) before.current.focus();
  };
  const pick = (item: PickerItem | undefined) => {
    if (!item) return;
    close();
    item.onPick();
  };
  const [awaited, setAwaited] = useState(false);
  useEffect(() => setAwaited(false), [query]);
  useEffect(() => {
    if (!awaited || pending) return;
    setAwaited(false);
    pick(items[0]);
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && items.length > 0) setIndex((at + step + items.length) % items.length);
    else if (event.key === "Enter" && pending) setAwaited(true);
    else if (event.key === "Enter") pick(items[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <Portal>
      <div className={classes.backdrop} onPointerDown={(event) => event.target === event.currentTarget && close()}>
        <FocusTrap>
          <div className={classes.picker} role="dialog" aria-modal="true" aria-label={label} data-testid={testId}>
            <input
              className={classes.input}
              role="combobox"
              aria-label={label}
              aria-expanded={items.length > 0}
              aria-controls={`${base}-list`}
              aria-activedescendant={items[at] ? `${base}-${at}` : undefined}
              aria-autocomplete="list"
              placeholder={placeholder}
              value={query}
              data-autofocus
              spellCheck={false}
              autoComplete="off"
              onChange={({ currentTarget }) => onQuery(currentTarget.value)}
              onKeyDown={onKeyDown}
            />
            <div ref={list} id={`${base}-list`} className={classes.list} role="listbox" aria-label={label}>
              {items.map((item, position) => (
                <div
                  key={item.id}
                  id={`${base}-${position}`}
                  className={classes.item}
                  role="option"
                  aria-selected={position === at}
                  onPointerMove={() => position !== at && setIndex(position)}
                  onClick={() => pick(item)}
                >
                  {item.content}
                </div>
              ))}
            </div>
            {items.length === 0 && empty !== null && (
              <p className={classes.empty} role="status">
                {empty}
              </p>
            )}
          </div>
        </FocusTrap>
      </div>
    </Portal>
  );
}
