import { type KeyboardEvent, type ReactElement, useEffect, useRef } from "react";
import classes from "./rename-field.module.css";

export interface RenameFieldProps {
  label: string;
  initial: string;
  placeholder?: string;
  /** How much of the text is selected at first: up to the last dot, or all. */
  selectStem?: boolean;
  problem?: (value: string) => string | null;
  /** The new text, or null when it was given up. */
  onDone: (value: string | null) => void;
}

/** A name edited in its place: Enter takes it, Escape gives up, leaving takes it when it is good. */
export function RenameField({ label, initial, placeholder, selectStem, problem, onDone }: RenameFieldProps): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => {
    const element = input.current;
    if (!element) return;
    element.focus();
    const dot = initial.lastIndexOf(".");
    element.setSelectionRange(0, selectStem && dot > 0 ? dot : initial.length);
  }, [initial, selectStem]);
  const finish = (value: string | null) => {
    if (done.current) return;
    done.current = true;
    onDone(value);
  };
  const check = (): string | null => {
    const text = problem?.(input.current?.value ?? "") ?? null;
    input.current?.setCustomValidity(text ?? "");
    input.current?.setAttribute("aria-invalid", String(text !== null));
    return text;
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    event.stopPropagation();
    if (event.key === "Escape") finish(null);
    if (event.key !== "Enter") return;
    if (check() === null) finish(event.currentTarget.value);
    else input.current?.reportValidity();
  };
  return (
    <input
      ref={input}
      className={classes.field}
      aria-label={label}
      placeholder={placeholder}
      defaultValue={initial}
      spellCheck={false}
      autoComplete="off"
      data-testid="rename-field"
      onInput={check}
      onKeyDown={onKeyDown}
      onClick={(event) => event.stopPropagation()}
      onBlur={(event) => finish(check() === null && event.currentTarget.value !== initial ? event.currentTarget.value : null)}
    />
  );
}
