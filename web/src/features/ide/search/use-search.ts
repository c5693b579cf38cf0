import { useEffect, useState } from "react";
import { messageOf } from "../../../api/errors";
import type { ContentEvent } from "../../../api/types";
import { ROOT } from "../paths";
import { useIde } from "../shell/ide-context";
import { NO_RESULT, type SearchOptions, searchQuery, type SearchResult, withEvents } from "./search-model";

const WAIT_MS = 250;
/** Streamed answers are shown in portions, so that a search with many hits does not draw for each. */
const SHOW_EVERY_MS = 60;

export interface SearchStatus {
  result: SearchResult;
  running: boolean;
  error: string | null;
}

/** Searches while `options` change; a newer search ends the older one, in the workspace too. */
export function useSearch(options: SearchOptions, asked: number): SearchStatus {
  const { client } = useIde();
  const [status, setStatus] = useState<SearchStatus>({ result: NO_RESULT, running: false, error: null });
  useEffect(() => {
    if (options.query === "") {
      setStatus({ result: NO_RESULT, running: false, error: null });
      return undefined;
    }
    const abort = new AbortController();
    const run = async () => {
      let result = NO_RESULT;
      let waiting: ContentEvent[] = [];
      let shownAt = performance.now();
      const show = (running: boolean) => {
        result = withEvents(result, waiting);
        waiting = [];
        shownAt = performance.now();
        if (!abort.signal.aborted) setStatus({ result, running, error: null });
      };
      show(true);
      const request = { query: searchQuery(options, ROOT), signal: abort.signal };
      for await (const event of client.lines<ContentEvent>("/v1/search/content", request)) {
        waiting.push(event);
        if (performance.now() - shownAt > SHOW_EVERY_MS) show(true);
      }
      show(false);
    };
    const timer = setTimeout(() => {
      run().catch((error: unknown) => {
        if (!abort.signal.aborted) setStatus((old) => ({ ...old, running: false, error: messageOf(error) }));
      });
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [client, options, asked]);
  return status;
}
