import { type ReactElement, useEffect, useMemo, useState } from "react";
import { messageOf } from "../../../api/errors";
import type { NameMatch } from "../../../api/types";
import { FileIcon } from "../files/file-icon";
import { nameOf, parentOf, relative, ROOT, shown } from "../paths";
import { useIde, useLayout } from "../shell/ide-context";
import classes from "./palette.module.css";
import { Picker, type PickerItem } from "./picker";
import { highlighted, parseQuickOpen } from "./quick-open-query";

const WAIT_MS = 60;
const SHOWN_MAX = 60;

interface Found {
  path: string;
  indices: readonly number[];
}

/** Finds a file by parts of its name; without any, offers the files of this session. */
export function QuickOpen({ onClose, onCommands }: { onClose: () => void; onCommands: () => void }): ReactElement {
  const ide = useIde();
  const groups = useLayout((layout) => layout.groups);
  const closed = useLayout((layout) => layout.closed);
  const [text, setText] = useState("");
  const [found, setFound] = useState<{ name: string; matches: Found[] } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const { name, line, column } = parseQuickOpen(text);
  const recent = useMemo(() => {
    const open = groups.flatMap((group) => group.tabs.map(({ path }) => path));
    return [...new Set([...open, ...closed.toReversed()])];
  }, [groups, closed]);

  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      search(ide.client, name, abort.signal).then(
        (matches) => {
          setFound({ name, matches });
          setError(null);
        },
        (reason: unknown) => !abort.signal.aborted && setError(messageOf(reason)),
      );
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [ide.client, name]);

  const matches = useMemo(() => {
    const from = found?.matches ?? [];
    if (name !== "") return from;
    const known = new Set(recent);
    return [...recent.map((path): Found => ({ path, indices: [] })), ...from.filter(({ path }) => !known.has(path))];
  }, [found, name, recent]);
  const items: PickerItem[] = matches.slice(0, SHOWN_MAX).map(({ path, indices }) => ({
    id: path,
    content: <FileLine path={path} indices={indices} />,
    onPick: () => ide.openFile(path, { pinned: true, ...(line === null ? {} : { at: { line, column } }) }),
  }));
  const settled = found?.name === name;
  return (
    <Picker
      label="Go to file"
      placeholder="File name, or > for commands"
      testId="quick-open"
      query={text}
      items={items}
      pending={!settled && error === null}
      empty={error ?? (settled ? "No file has such a name." : "Searching…")}
      onQuery={(value) => (value === ">" ? onCommands() : setText(value))}
      onClose={onClose}
    />
  );
}

async function search(client: { lines: <T>(path: string, options: object) => AsyncIterable<T> }, query: string, signal: AbortSignal) {
  const matches: Found[] = [];
  const options = { query: { root: ROOT, query, limit: SHOWN_MAX }, signal };
  for await (const match of client.lines<NameMatch>("/v1/search/files", options)) matches.push(match);
  return matches;
}

function FileLine({ path, indices }: Found): ReactElement {
  const name = shown(nameOf(path));
  const whole = relative(path);
  const start = [...whole].length - [...name].length;
  const inName = indices.filter((index) => index >= start).map((index) => index - start);
  const directory = parentOf(path) === ROOT ? "" : relative(parentOf(path));
  const inDirectory = indices.filter((index) => index < start);
  return (
    <>
      <FileIcon name={name} />
      <span className={classes.itemName}>
        <Marked text={name} indices={inName} />
      </span>
      <span className={classes.itemHint}>
        <Marked text={directory} indices={inDirectory} />
      </span>
    </>
  );
}

function Marked({ text, indices }: { text: string; indices: readonly number[] }): ReactElement {
  return (
    <>{highlighted(text, indices).map((piece, index) => (piece.hit ? <mark key={index}>{piece.text}</mark> : piece.text))}</>
  );
}
