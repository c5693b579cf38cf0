import type { KeyboardEvent, PointerEvent, ReactElement } from "react";
import classes from "./resize-handle.module.css";

const KEY_STEP = 24;

export interface ResizeHandleProps {
  label: string;
  /** Which edge of the resized part the handle lies on. */
  edge: "right" | "top";
  size: number;
  min: number;
  max: number;
  onResize: (size: number) => void;
}

/** A line between two parts of the page that can be dragged, or moved with the arrow keys. */
export function ResizeHandle({ label, edge, size, min, max, onResize }: ResizeHandleProps): ReactElement {
  const set = (next: number) => onResize(Math.max(min, Math.min(max, next)));
  const down = (event: PointerEvent<HTMLDivElement>) => {
    event.preventDefault();
    const target = event.currentTarget;
    const start = edge === "right" ? event.clientX : event.clientY;
    target.setPointerCapture(event.pointerId);
    target.dataset.dragging = "";
    const move = (moved: globalThis.PointerEvent) =>
      set(size + (edge === "right" ? moved.clientX - start : start - moved.clientY));
    const up = () => {
      delete target.dataset.dragging;
      target.removeEventListener("pointermove", move);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("lostpointercapture", up, { once: true });
  };
  const key = (event: KeyboardEvent) => {
    const [less, more] = edge === "right" ? ["ArrowLeft", "ArrowRight"] : ["ArrowDown", "ArrowUp"];
    if (event.key === less) set(size - KEY_STEP);
    else if (event.key === more) set(size + KEY_STEP);
    else return;
    event.preventDefault();
  };
  return (
    <div
      className={classes.handle}
      data-edge={edge}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={edge === "right" ? "vertical" : "horizontal"}
      aria-valuenow={Math.round(size)}
      aria-valuemin={min}
      aria-valuemax={Math.round(max)}
      onPointerDown={down}
      onKeyDown={key}
    />
  );
}
