import { type DragEvent, useState } from "react";
import { parentOf, shown } from "../paths";
import type { FileActions } from "./file-actions";
import { isDirectory, type Row } from "./tree-model";

/** Paths dragged within the tree. */
const DRAG_TYPE = "application/x-coditect-paths";

/** The folder a drop onto this row goes to. */
function dropTarget(row: Row | undefined, root: string): string {
  if (row?.kind !== "entry") return root;
  return isDirectory(row.entry) ? row.path : parentOf(row.path);
}

export interface TreeDrop {
  /** The folder that would receive what is held over the tree now. */
  target: string | null;
  onDragStart: (event: DragEvent) => void;
  onDragOver: (event: DragEvent) => void;
  onDragLeave: (event: DragEvent) => void;
  onDrop: (event: DragEvent) => void;
}

/** Moving entries by dragging them, and uploading what is dropped from the outside. */
export function useTreeDrop(rows: readonly Row[], selected: readonly string[], root: string, actions: FileActions): TreeDrop {
  const [target, setTarget] = useState<string | null>(null);
  const rowAt = (event: DragEvent) => {
    const path = (event.target as Element).closest<HTMLElement>("[data-path]")?.dataset.path;
    return rows.find((row) => row.path === path);
  };
  return {
    target,
    onDragStart(event) {
      const row = rowAt(event);
      if (row?.kind !== "entry") return;
      const paths = selected.includes(row.path) ? [...selected] : [row.path];
      event.dataTransfer.setData(DRAG_TYPE, JSON.stringify(paths));
      event.dataTransfer.setData("text/plain", paths.map(shown).join("\n"));
      event.dataTransfer.effectAllowed = "move";
    },
    onDragOver(event) {
      const files = event.dataTransfer.types.includes("Files");
      if (!files && !event.dataTransfer.types.includes(DRAG_TYPE)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = files ? "copy" : "move";
      setTarget(dropTarget(rowAt(event), root));
    },
    onDragLeave(event) {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setTarget(null);
    },
    onDrop(event) {
      event.preventDefault();
      setTarget(null);
      const directory = dropTarget(rowAt(event), root);
      const inner = event.dataTransfer.getData(DRAG_TYPE);
      if (inner) void actions.moveInto(JSON.parse(inner) as string[], directory);
      else void actions.uploadDrop(directory, event.dataTransfer);
    },
  };
}
