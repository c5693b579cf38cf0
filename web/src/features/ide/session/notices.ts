/**
 * What happened to a workspace from outside, told once in each browser: programs ended for memory, processes refused.
 *
 * Invariants: the agent sends its latest notices at every connection; what was told is remembered by time, across pages
 * and starts of the workspace.
 */
import type { Notice } from "../../../api/types";
import { formatBytes } from "../../../lib/format";
import { readStored, writeStored } from "../../../lib/storage";

/** Of what was missed while nobody looked, the latest few are told. */
const TOLD_AT_ONCE_MAX = 3;

function counted(process: string | undefined, count: number): string {
  const name = process === undefined ? null : `“${process}”`;
  if (count > 1) return name ? `${name} and ${count - 1} more programs were ended` : `${count} programs were ended`;
  return `${name ?? "A program"} was ended`;
}

/** Title and text of a notice, for people. */
export function wordsOf(notice: Notice): { title: string; text: string } {
  switch (notice.kind) {
    case "out_of_memory": {
      const ended = counted(notice.process, notice.count);
      return notice.limit_bytes === undefined
        ? { title: "The machine is out of memory", text: `${ended}.` }
        : { title: "Out of memory", text: `${ended}: this workspace reached its ${formatBytes(notice.limit_bytes)} of memory.` };
    }
    case "process_limit":
      return {
        title: "Too many processes",
        text: `A program could not start another: this workspace reached its limit of ${notice.limit} processes and threads.`,
      };
  }
}

export class Notices {
  readonly #key: string;

  constructor(
    workspaceId: string,
    private readonly tell: (title: string, text: string) => void,
  ) {
    this.#key = `notices:${workspaceId}`;
  }

  learn(notices: readonly Notice[]): void {
    const toldUntil = Number(readStored(this.#key) ?? 0);
    const fresh = notices.filter(({ at }) => at > toldUntil);
    const last = fresh.at(-1);
    if (!last) return;
    writeStored(this.#key, String(last.at));
    for (const notice of fresh.slice(-TOLD_AT_ONCE_MAX)) {
      const { title, text } = wordsOf(notice);
      this.tell(title, text);
    }
  }
}
