/** What a terminal is called: by its user, else by its program, else by its place. Pure. */
import type { Terminal } from "../../../api/types";

const SHOWN_MAX = 28;

export function terminalName(terminal: Terminal | undefined, index: number): string {
  const given = terminal?.name.trim() || terminal?.title.trim() || "";
  if (given === "") return index < 0 ? "Terminal" : `Terminal ${index + 1}`;
  return given.length > SHOWN_MAX ? `${given.slice(0, SHOWN_MAX - 1)}…` : given;
}
