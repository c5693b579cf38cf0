import { useVirtualizer } from "@tanstack/react-virtual";
import { IconChevronRight } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactElement, useMemo, useRef, useState } from "react";
import { FileIcon } from "../files/file-icon";
import { nameOf, parentOf, relative, ROOT, shown } from "../paths";
import { useIde } from "../shell/ide-context";
import { linePieces, type SearchMatch, type SearchResult, type SearchRow, searchRows } from "./search-model";
import classes from "./search-panel.module.css";

const ROW_PX = 24;

/** The found lines, file by file. */
export function SearchResults({ result }: { result: SearchResult }): ReactElement {
  const ide = useIde();
  const scroller = useRef<HTMLDivElement>(null);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState(0);
  const rows = useMemo(() => searchRows(result, folded), [result, folded]);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  const open = (match: SearchMatch, pinned: boolean) => {
    const [start, end] = match.ranges[0] ?? [0, 0];
    // A line that was cut does not say where its match stands in the file.
    const whole = match.text.length < 400;
    const at = whole ? { line: match.line, column: start + 1, endColumn: end + 1 } : { line: match.line, column: 1 };
    ide.openFile(match.path, { pinned, at });
  };
  const act = (row: SearchRow | undefined, pinned: boolean) => {
    if (row?.kind === "line") open(row.match, pinned);
    else if (row) {
      const next = new Set(folded);
      if (!next.delete(row.path)) next.add(row.path);
      setFolded(next);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      const next = Math.max(0, Math.min(rows.length - 1, focused + step));
      setFocused(next);
      list.scrollToIndex(next);
    } else if (event.key === "Enter" || event.key === " ") act(rows[focused], event.key === "Enter");
    else return;
    event.preventDefault();
  };
  return (
    <div
      ref={scroller}
      className={classes.results}
      role="tree"
      aria-label="Found lines"
      tabIndex={rows.length > 0 ? 0 : -1}
      aria-activedescendant={rows.length > 0 ? `found:${focused}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: list.getTotalSize(), position: "relative" }}>
        {list.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (!row) return null;
          return (
            <div
              key={index}
              id={`found:${index}`}
              className={classes.row}
              role="treeitem"
              aria-level={row.kind === "file" ? 1 : 2}
              aria-expanded={row.kind === "file" ? row.open : undefined}
              aria-selected={index === focused}
              data-testid={row.kind === "file" ? "search-file" : "search-line"}
              style={{ transform: `translateY(${start}px)` }}
              onClick={() => {
                setFocused(index);
                act(row, false);
              }}
              onDoubleClick={() => row.kind === "line" && open(row.match, true)}
            >
              {row.kind === "file" ? <FileRow row={row} /> : <LineRow match={row.match} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function FileRow({ row }: { row: Extract<SearchRow, { kind: "file" }> }): ReactElement {
  const name = shown(nameOf(row.path));
  return (
    <>
      <IconChevronRight size={13} className={classes.chevron} data-open={row.open || undefined} aria-hidden="true" />
      <FileIcon name={name} size={15} />
      <span className={classes.fileName}>{name}</span>
      <span className={classes.directory}>{parentOf(row.path) === ROOT ? "" : relative(parentOf(row.path))}</span>
      <span className={classes.count}>{row.count}</span>
    </>
  );
}

function LineRow({ match }: { match: SearchMatch }): ReactElement {
  return (
    <>
      <span className={classes.line}>
        {linePieces(match).map((piece, index) => (piece.hit ? <mark key={index}>{piece.text}</mark> : piece.text))}
      </span>
      <span className={classes.lineNumber}>{match.line}</span>
    </>
  );
}
