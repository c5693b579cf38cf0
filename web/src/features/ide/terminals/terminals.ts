/**
 * The terminals of the open workspace: what the agent tells of them, and the handles this page shows.
 *
 * Invariants: a handle is made when its pane is first shown; the arrangement lives in the layout alone.
 */
import { createStore } from "zustand/vanilla";
import type { Terminal } from "../../../api/types";
import type { TerminalState } from "../../../terminal-core/terminal-connection";
import type { LayoutStore } from "../layout/layout-store";
import { settingsStore } from "../settings/settings";
import { TerminalHandle } from "./terminal-handle";
import { newTerminalId, type TerminalsApi } from "./terminals-api";
import { DARK_TERMINAL, LIGHT_TERMINAL } from "./xterm-themes";

export interface TerminalsState {
  /** What the agent has; null until it told. */
  known: readonly Terminal[] | null;
  links: Readonly<Record<string, TerminalState>>;
  /** The terminal whose search bar is open. */
  searching: string | null;
}

export class Terminals {
  readonly store = createStore<TerminalsState>(() => ({ known: null, links: {}, searching: null }));
  readonly #handles = new Map<string, TerminalHandle>();
  readonly #pending = new Set<string>();
  readonly #clientId = crypto.randomUUID();
  readonly #unsubscribe: () => void;
  #dark = false;
  /** The next list is the first of a connection: where there is none, a terminal is made. */
  #first = true;

  constructor(
    readonly api: TerminalsApi,
    private readonly layout: LayoutStore,
    private readonly report: (title: string, error: unknown) => void,
  ) {
    this.#unsubscribe = settingsStore.subscribe(() => this.#configure());
  }

  /** Makes a terminal, in a tab of its own or beside another one, and gives it the keyboard. */
  async create(beside?: string, cwd?: string, focus = true): Promise<void> {
    const id = newTerminalId();
    this.#pending.add(id);
    this.layout.dispatch({ type: "terminal-add", id, ...(beside === undefined ? {} : { beside }) });
    if (focus) this.handle(id).focus();
    try {
      await this.api.create({ id, ...(cwd === undefined ? {} : { cwd }) });
    } catch (error) {
      this.#pending.delete(id);
      this.#forget(id);
      this.layout.dispatch({ type: "terminal-remove", id });
      this.report("The terminal could not be opened", error);
    }
  }

  /** Ends it and everything that runs in it. */
  async close(id: string): Promise<void> {
    try {
      await this.api.delete(id);
    } catch (error) {
      return this.report("The terminal could not be closed", error);
    }
    this.#forget(id);
    this.layout.dispatch({ type: "terminal-remove", id });
  }

  /** A new shell in the place of one that ended. */
  async restart(id: string): Promise<void> {
    const next = newTerminalId();
    this.#pending.add(next);
    try {
      await this.api.create({ id: next, name: this.terminal(id)?.name ?? "" });
      this.layout.dispatch({ type: "terminal-replace", id, by: next });
      this.handle(next).focus();
      await this.api.delete(id);
      this.#forget(id);
    } catch (error) {
      this.#pending.delete(next);
      this.report("The terminal could not be started again", error);
    }
  }

  async rename(id: string, name: string): Promise<void> {
    try {
      const renamed = await this.api.rename(id, name);
      this.store.setState(({ known }) => ({
        known: known?.map((terminal) => (terminal.id === id ? { ...terminal, name: renamed.name } : terminal)) ?? null,
      }));
    } catch (error) {
      this.report("The terminal could not be renamed", error);
    }
  }

  terminal(id: string): Terminal | undefined {
    return this.store.getState().known?.find((terminal) => terminal.id === id);
  }

  /** The agent's list: the arrangement follows. */
  learn(known: readonly Terminal[]): void {
    const ids = known.map(({ id }) => id);
    for (const id of ids) this.#pending.delete(id);
    this.layout.dispatch({ type: "terminals-known", ids, pending: [...this.#pending] });
    for (const id of [...this.#handles.keys()]) {
      if (!ids.includes(id) && !this.#pending.has(id)) this.#forget(id);
    }
    this.store.setState({ known });
    if (this.#first) this.#begin(known.length === 0 && this.#pending.size === 0);
    this.#first = false;
  }

  expectList(): void {
    this.#first = true;
  }

  handle(id: string): TerminalHandle {
    const present = this.#handles.get(id);
    if (present) return present;
    const handle = new TerminalHandle({
      id,
      api: this.api,
      clientId: this.#clientId,
      settings: settingsStore.getState(),
      theme: this.#dark ? DARK_TERMINAL : LIGHT_TERMINAL,
      onState: (state) => this.store.setState(({ links }) => ({ links: { ...links, [id]: state } })),
      onRefused: () => this.report("Input is waiting", new Error(refusal(this.store.getState().links[id]))),
      onSearch: () => this.search(id),
    });
    this.#handles.set(id, handle);
    return handle;
  }

  search(id: string | null): void {
    this.store.setState({ searching: id });
  }

  setDark(dark: boolean): void {
    this.#dark = dark;
    this.#configure();
  }

  /** The network is known to be another one: every connection is made anew. */
  kick(): void {
    for (const handle of this.#handles.values()) handle.connection.kick();
  }

  dispose(): void {
    this.#unsubscribe();
    for (const id of [...this.#handles.keys()]) this.#forget(id);
  }

  /** Where no file is open, one can type into a terminal at once. */
  #begin(none: boolean): void {
    const { panel, groups, terminals } = this.layout.layout;
    if (!panel.open) return;
    const focus = groups.every(({ active }) => active === null) && !this.#begun;
    this.#begun = true;
    if (none) return void this.create(undefined, undefined, focus);
    const shown = terminals.tabs.find(({ id }) => id === terminals.active);
    if (shown && focus) this.handle(shown.active).focus();
  }

  #begun = false;

  #configure(): void {
    const theme = this.#dark ? DARK_TERMINAL : LIGHT_TERMINAL;
    for (const handle of this.#handles.values()) handle.configure(settingsStore.getState(), theme);
  }

  #forget(id: string): void {
    this.#handles.get(id)?.dispose();
    this.#handles.delete(id);
    this.store.setState(({ links: { [id]: _gone, ...links } }) => ({ links }));
  }
}

function refusal(state: TerminalState | undefined): string {
  if (!state || state.exitCode !== null) return "This terminal has ended. Start it again to type.";
  return "The terminal has not taken what was typed before, so this was not sent. Wait until it is connected again.";
}
