import { ActionIcon, CloseButton, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactElement, useEffect, useState } from "react";
import type { TerminalHandle } from "./terminal-handle";
import classes from "./terminal-panel.module.css";

const DECORATIONS = {
  matchBackground: "#b8860b55",
  matchOverviewRuler: "#b8860b",
  activeMatchBackground: "#e0a82e99",
  activeMatchColorOverviewRuler: "#e0a82e",
};

/** Finds text in a terminal's screen and scrollback. */
export function TerminalSearch({ handle, onClose }: { handle: TerminalHandle; onClose: () => void }): ReactElement {
  const [query, setQuery] = useState("");
  const [count, setCount] = useState<{ index: number; total: number } | null>(null);
  useEffect(() => {
    const results = handle.search.onDidChangeResults(({ resultIndex, resultCount }) =>
      setCount({ index: resultIndex + 1, total: resultCount }),
    );
    return () => {
      results.dispose();
      handle.search.clearDecorations();
    };
  }, [handle]);
  const find = (text: string, back: boolean, incremental: boolean) => {
    if (text === "") return handle.search.clearDecorations();
    if (back) handle.search.findPrevious(text, { decorations: DECORATIONS });
    else handle.search.findNext(text, { decorations: DECORATIONS, incremental });
  };
  const close = () => {
    onClose();
    handle.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter") find(query, event.shiftKey, false);
    else return;
    event.preventDefault();
  };
  return (
    <div className={classes.search} role="search">
      <TextInput
        size="xs"
        aria-label="Find in the terminal"
        placeholder="Find"
        value={query}
        data-autofocus
        autoFocus
        onChange={({ currentTarget }) => {
          setQuery(currentTarget.value);
          find(currentTarget.value, false, true);
        }}
        onKeyDown={onKeyDown}
      />
      <span className={classes.count} role="status">
        {query === "" ? "" : count && count.total > 0 ? `${count.index} of ${count.total}` : "None"}
      </span>
      <ActionIcon variant="subtle" size="sm" aria-label="Previous match" onClick={() => find(query, true, false)}>
        <IconArrowUp size={14} />
      </ActionIcon>
      <ActionIcon variant="subtle" size="sm" aria-label="Next match" onClick={() => find(query, false, false)}>
        <IconArrowDown size={14} />
      </ActionIcon>
      <CloseButton size="sm" aria-label="Close the search" onClick={close} />
    </div>
  );
}
