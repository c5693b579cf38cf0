import { ActionIcon, TextInput, Tooltip } from "@mantine/core";
import { IconDots, IconLetterCase, IconRegex, IconTextSize } from "@tabler/icons-react";
import { type ReactElement, useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { useIde } from "../shell/ide-context";
import { PanelHead } from "../shell/panel-head";
import { NO_SEARCH, type SearchOptions, type SearchResult } from "./search-model";
import classes from "./search-panel.module.css";
import { SearchResults } from "./search-results";
import { useSearch } from "./use-search";

function summary(result: SearchResult, running: boolean): string {
  if (result.lines === 0) return running ? "Searching…" : "Nothing was found.";
  const lines = `${result.lines} ${result.lines === 1 ? "line" : "lines"}`;
  const files = `${result.files.length} ${result.files.length === 1 ? "file" : "files"}`;
  const more = result.end?.truncated ? " and more; narrow the search" : running ? "…" : "";
  return `${lines} in ${files}${more}`;
}

// The panel comes and goes with the sidebar; what was searched stays for as long as the page does.
let remembered: SearchOptions = NO_SEARCH;

/** Searches the text of all files. */
export function SearchPanel(): ReactElement {
  const ide = useIde();
  const request = useStore(ide.ui, (state) => state.search);
  const [options, setOptions] = useState<SearchOptions>(remembered);
  const [details, setDetails] = useState(options.include !== "" || options.exclude !== "" || options.ignored);
  const input = useRef<HTMLInputElement>(null);
  const { result, running, error } = useSearch(options, request.asked);
  const change = (part: Partial<SearchOptions>) =>
    setOptions((old) => {
      remembered = { ...old, ...part };
      return remembered;
    });
  useEffect(() => {
    if (request.query !== "") change({ query: request.query });
    input.current?.focus();
    input.current?.select();
  }, [request]);
  const flags = [
    { key: "caseSensitive", label: "Match case", icon: <IconLetterCase size={15} /> },
    { key: "word", label: "Whole words", icon: <IconTextSize size={15} /> },
    { key: "regex", label: "Regular expression", icon: <IconRegex size={15} /> },
  ] as const;
  return (
    <div className={classes.panel} data-testid="search-panel" role="search" aria-label="Search in files">
      <PanelHead title="Search">
        <Tooltip label="Which files">
          <ActionIcon
            variant={details ? "light" : "subtle"}
            color={details ? undefined : "gray"}
            size={26}
            aria-label="Which files"
            aria-expanded={details}
            onClick={() => setDetails(!details)}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Tooltip>
      </PanelHead>
      <div className={classes.form}>
        <TextInput
          ref={input}
          size="xs"
          aria-label="Text to search for"
          placeholder="Search"
          value={options.query}
          error={error}
          spellCheck={false}
          onChange={({ currentTarget }) => change({ query: currentTarget.value })}
          rightSectionWidth={78}
          rightSection={
            <div className={classes.flags}>
              {flags.map(({ key, label, icon }) => (
                <Tooltip key={key} label={label}>
                  <ActionIcon
                    size={22}
                    variant={options[key] ? "light" : "subtle"}
                    color={options[key] ? undefined : "gray"}
                    aria-label={label}
                    aria-pressed={options[key]}
                    onClick={() => change({ [key]: !options[key] })}
                  >
                    {icon}
                  </ActionIcon>
                </Tooltip>
              ))}
            </div>
          }
        />
        {details && (
          <>
            <TextInput
              size="xs"
              label="Only in"
              placeholder="src/**, *.rs"
              value={options.include}
              onChange={({ currentTarget }) => change({ include: currentTarget.value })}
            />
            <TextInput
              size="xs"
              label="Not in"
              placeholder="tests/**, *.lock"
              value={options.exclude}
              onChange={({ currentTarget }) => change({ exclude: currentTarget.value })}
            />
            <label className={classes.check}>
              <input type="checkbox" checked={options.ignored} onChange={({ currentTarget }) => change({ ignored: currentTarget.checked })} />
              Also files that are ignored
            </label>
          </>
        )}
        {options.query !== "" && error === null && (
          <p className={classes.summary} role="status">
            {summary(result, running)}
          </p>
        )}
      </div>
      <SearchResults result={result} />
    </div>
  );
}
