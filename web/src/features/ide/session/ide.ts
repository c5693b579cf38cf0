/**
 * Everything that lives as long as an open workspace does on this page, and how its parts hear of each other.
 *
 * Invariants: made once the session is open, disposed when the page is left; parts know each other only through here.
 */
import { createStore } from "zustand/vanilla";
import type { AgentClient } from "../../../api/agent-client";
import type { Event as AgentEvent, Port, Session } from "../../../api/types";
import { browserEnvironment } from "../../../terminal-core/environment";
import { EventsConnection } from "../../../terminal-core/events-connection";
import type { LinkState } from "../../../terminal-core/reconnecting-socket";
import { notifyFailed } from "../../../lib/notify";
import { Documents } from "../editor/documents";
import { FilesApi } from "../files/files-api";
import { TreeStore } from "../files/tree-store";
import { Uploads } from "../files/uploads";
import { LayoutStore } from "../layout/layout-store";
import { parentOf } from "../paths";
import { settingsStore } from "../settings/settings";
import { Terminals } from "../terminals/terminals";
import { TerminalsApi } from "../terminals/terminals-api";
import { Notices } from "./notices";
import type { WorkspaceLink } from "./workspace-link";

export interface ConnectionStatus {
  link: LinkState;
  roundTripMs: number | null;
}

export type Overlay = "files" | "commands" | "help" | null;

export interface IdeUi {
  /** The palette or dialog in front. */
  overlay: Overlay;
  /** Where the cursor of the active editor stands. */
  cursor: { line: number; column: number; selected: number } | null;
  /** Text the search panel starts with, and a count that tells one request from the next. */
  search: { query: string; asked: number };
  /** A conflict the user wants to decide later. */
  postponed: object | null;
}

/** A place in a file that an editor is to show once it has it. */
export interface Jump {
  path: string;
  line: number;
  column: number;
  endColumn?: number;
}

export interface PortsState {
  ports: readonly Port[];
  /** Ports that appeared and were not looked at. */
  fresh: ReadonlySet<number>;
}

export class Ide {
  readonly files: FilesApi;
  readonly layout: LayoutStore;
  readonly tree: TreeStore;
  readonly documents: Documents;
  readonly terminals: Terminals;
  readonly uploads: Uploads;
  readonly events: EventsConnection;
  readonly notices: Notices;
  readonly connection = createStore<ConnectionStatus>(() => ({ link: { kind: "idle" }, roundTripMs: null }));
  readonly ports = createStore<PortsState>(() => ({ ports: [], fresh: new Set() }));
  readonly ui = createStore<IdeUi>(() => ({ overlay: null, cursor: null, search: { query: "", asked: 0 }, postponed: null }));
  /** Consumed by the editor that shows the path. */
  readonly jump = createStore<{ jump: Jump | null }>(() => ({ jump: null }));
  onNewPort: (port: Port) => void = () => undefined;
  #portsKnown = false;
  readonly #stops: (() => void)[] = [];

  constructor(
    readonly link: WorkspaceLink,
    readonly client: AgentClient,
    session: Session,
    readonly report: (title: string, error: unknown) => void,
  ) {
    this.files = new FilesApi(client, link.workspaceId);
    this.layout = new LayoutStore(session);
    this.tree = new TreeStore(this.files, (path) => this.layout.layout.expanded.includes(path));
    const loadMonaco = async () => (await import("../editor/monaco")).monaco;
    this.documents = new Documents(this.files, link.workspaceId, loadMonaco, () => settingsStore.getState().autosave);
    this.terminals = new Terminals(new TerminalsApi(client), this.layout, report);
    this.uploads = new Uploads(client, (directory) => void this.tree.reread(directory));
    this.notices = new Notices(link.workspaceId, notifyFailed);
    this.events = new EventsConnection({
      env: browserEnvironment,
      address: (attempt) => client.socket("/v1/events", {}, attempt > 1),
      onEvent: (event) => this.#event(event),
      onState: (state, roundTripMs) => {
        this.connection.setState({ link: state, roundTripMs });
        if (state.kind === "waiting") void link.refresh().catch(() => undefined);
      },
      onConnected: (again) => this.#connected(again),
      onDead: () => this.terminals.kick(),
    });
  }

  start(): void {
    this.events.start();
    this.#stops.push(this.layout.store.subscribe(() => this.#follow()));
    this.#stops.push(this.tree.store.subscribe(() => this.#watch()));
    this.#follow();
    void this.tree.ensure(this.tree.root);
    const leaving = () => {
      this.documents.flushDrafts();
      this.layout.flush();
    };
    window.addEventListener("pagehide", leaving);
    this.#stops.push(() => window.removeEventListener("pagehide", leaving));
    void this.#reopenDrafts();
  }

  /** The session was opened again after the workspace had stopped. */
  resume(session: Session): void {
    this.layout.resume(session);
    this.events.kick();
    this.terminals.kick();
  }

  /** Shows a file, at a place in it if one is given. */
  openFile(path: string, options: { pinned?: boolean; group?: string; at?: Omit<Jump, "path"> } = {}): void {
    if (options.at) this.jump.setState({ jump: { path, ...options.at } });
    const group = options.group === undefined ? {} : { group: options.group };
    this.layout.dispatch({ type: "open", path, pinned: options.pinned ?? false, ...group });
  }

  /** Saves, or asks again for the decision that has to come first. */
  save(path: string): void {
    this.ui.setState({ postponed: null });
    this.documents.save(path);
  }

  /** Files were moved through this page. */
  moved(from: string, to: string): void {
    this.documents.followMove(from, to);
    this.layout.dispatch({ type: "moved", from, to });
    this.tree.refresh([parentOf(from), parentOf(to)]);
  }

  seenPorts(): void {
    this.ports.setState({ fresh: new Set() });
  }

  show(overlay: Overlay): void {
    this.ui.setState({ overlay });
  }

  dispose(): void {
    this.#stops.forEach((stop) => stop());
    this.events.stop();
    this.layout.stop();
    this.documents.dispose();
    this.terminals.dispose();
    this.tree.dispose();
    this.uploads.dispose();
    this.link.leave();
  }

  #event(event: AgentEvent): void {
    switch (event.type) {
      case "changed": {
        const paths = new Set(event.changes.map(({ path }) => path));
        this.documents.check(paths);
        this.tree.refresh(new Set([...paths].map(parentOf)));
        this.tree.refresh(paths);
        return;
      }
      case "overflow":
        this.documents.check();
        this.tree.refreshAll();
        return;
      case "ports":
        return this.#portsChanged(event.ports);
      case "terminals":
        return this.terminals.learn(event.terminals);
      case "notices":
        return this.notices.learn(event.notices);
      case "watch_failed":
      case "pong":
    }
  }

  #portsChanged(ports: readonly Port[]): void {
    const before = new Set(this.ports.getState().ports.map(({ port }) => port));
    const added = this.#portsKnown ? ports.filter(({ port }) => !before.has(port)) : [];
    this.#portsKnown = true;
    this.ports.setState(({ fresh }) => {
      const open = new Set(ports.map(({ port }) => port));
      return { ports, fresh: new Set([...fresh, ...added.map(({ port }) => port)].filter((port) => open.has(port))) };
    });
    added.forEach((port) => this.onNewPort(port));
  }

  #connected(again: boolean): void {
    this.link.reached();
    this.terminals.expectList();
    if (!again) return;
    this.documents.check();
    this.tree.refreshAll();
    if (settingsStore.getState().autosave) this.documents.saveAll();
  }

  /** Opens what the layout shows and closes what it does not. */
  #follow(): void {
    const { groups, expanded } = this.layout.layout;
    const open = new Set(groups.flatMap(({ tabs }) => tabs.map(({ path }) => path)));
    this.documents.keepOnly(open);
    for (const { active } of groups) if (active !== null) void this.documents.open(active);
    for (const path of expanded) if (this.#isReachable(path)) void this.tree.ensure(path);
    this.#watch();
  }

  /** Every directory above it is expanded too, so it is on the screen. */
  #isReachable(path: string): boolean {
    const { expanded } = this.layout.layout;
    for (let at = parentOf(path); at !== this.tree.root; at = parentOf(at)) {
      if (at === "/" || !expanded.includes(at)) return false;
    }
    return true;
  }

  #watch(): void {
    const documents = this.documents.paths.map(parentOf);
    this.events.watch([...new Set([this.tree.root, ...documents, ...this.tree.shownDirectories()])]);
  }

  /** Unsaved texts of an earlier page come back as tabs, so that nobody has to know where they were. */
  async #reopenDrafts(): Promise<void> {
    for (const path of await this.documents.drafted()) {
      // What has a tab already does not come before the file that the user was at.
      const hasTab = this.layout.layout.groups.some(({ tabs }) => tabs.some((tab) => tab.path === path));
      if (hasTab) void this.documents.open(path);
      else this.layout.dispatch({ type: "open", path, pinned: true });
    }
  }
}
