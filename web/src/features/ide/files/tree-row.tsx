import { UnstyledButton } from "@mantine/core";
import { IconChevronRight, IconLink } from "@tabler/icons-react";
import { type CSSProperties, memo, type MouseEvent, type ReactElement } from "react";
import { nameOf, nameProblem, shown } from "../paths";
import { RenameField } from "../shell/rename-field";
import { FileIcon } from "./file-icon";
import classes from "./file-tree.module.css";
import { isDirectory, type Row } from "./tree-model";

export interface TreeRowProps {
  id: string;
  row: Row;
  top: number;
  selected: boolean;
  focused: boolean;
  renaming: boolean;
  dropping: boolean;
  onClick: (event: MouseEvent) => void;
  onDoubleClick: () => void;
  onRenamed: (name: string | null) => void;
  onRetry: () => void;
}

function Plain({ row, style }: { row: Extract<Row, { kind: "more" | "message" }>; style: CSSProperties }): ReactElement {
  const text = row.kind === "more" ? `Reading ${row.left.toLocaleString("en")} more…` : row.text;
  return (
    <div className={classes.message} style={style} role="presentation" data-error={(row.kind === "message" && row.error) || undefined}>
      {text}
    </div>
  );
}

function NewEntry(props: TreeRowProps & { row: Extract<Row, { kind: "create" }>; style: CSSProperties }): ReactElement {
  const { row, style, onRenamed } = props;
  return (
    <div className={classes.row} style={style} role="presentation">
      <span className={classes.chevron} />
      <FileIcon name="" kind={row.folder ? "directory" : "file"} />
      <RenameField
        label={row.folder ? "Name of the new folder" : "Name of the new file"}
        initial=""
        placeholder={row.folder ? "New folder" : "New file"}
        problem={(value) => nameProblem(value, true)}
        onDone={onRenamed}
      />
    </div>
  );
}

/** One line of the tree. */
export const TreeRow = memo(function TreeRow(props: TreeRowProps): ReactElement {
  const { id, row, top, selected, focused, renaming, dropping, onClick, onDoubleClick, onRenamed } = props;
  const style = { transform: `translateY(${top}px)`, "--depth": row.depth } as CSSProperties;
  if (row.kind === "message" && row.error) {
    return (
      <UnstyledButton className={classes.message} style={style} data-error onClick={props.onRetry}>
        {row.text} Try again
      </UnstyledButton>
    );
  }
  if (row.kind === "more" || row.kind === "message") return <Plain row={row} style={style} />;
  if (row.kind === "create") return <NewEntry {...props} row={row} style={style} />;
  const { entry, expanded } = row;
  const folder = isDirectory(entry);
  const name = shown(nameOf(row.path));
  return (
    <div
      id={id}
      className={classes.row}
      style={style}
      role="treeitem"
      aria-level={row.depth + 1}
      aria-setsize={row.count}
      aria-posinset={row.position}
      aria-selected={selected}
      aria-expanded={folder ? expanded : undefined}
      aria-label={name}
      draggable={!renaming}
      title={entry.kind === "symlink" ? `${name} (link)` : undefined}
      data-testid="tree-row"
      data-path={row.path}
      data-focused={focused || undefined}
      data-dropping={dropping || undefined}
      data-hidden={name.startsWith(".") || undefined}
      onClick={onClick}
      onDoubleClick={onDoubleClick}
    >
      <span className={classes.chevron} data-open={expanded || undefined} aria-hidden="true">
        {folder && <IconChevronRight size={14} />}
      </span>
      <FileIcon name={name} kind={folder ? (expanded ? "open-directory" : "directory") : entry.target_kind === undefined && entry.kind === "symlink" ? "link" : "file"} />
      {renaming ? (
        <RenameField
          label={`New name of ${name}`}
          initial={name}
          selectStem={!folder}
          problem={(value) => nameProblem(value, false)}
          onDone={onRenamed}
        />
      ) : (
        <span className={classes.name}>{name}</span>
      )}
      {entry.kind === "symlink" && <IconLink size={12} className={classes.link} aria-hidden="true" />}
    </div>
  );
});
