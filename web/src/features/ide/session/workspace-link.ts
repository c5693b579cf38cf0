/**
 * The open session of a workspace: opening, starting again, and knowing whether it can be reached.
 *
 * Invariants: there is one client for as long as the page lives; a session that was opened again replaces its access.
 * Not here: what is shown of it.
 */
import { createStore } from "zustand/vanilla";
import { AgentClient } from "../../../api/agent-client";
import { api } from "../../../api/client";
import { ApiError, messageOf } from "../../../api/errors";
import { queryClient } from "../../../api/query-client";
import { queryKeys } from "../../../api/query-keys";
import type { Access, OpenedSession, Session, Workspace } from "../../../api/types";

const POLL_FIRST_MS = 150;
const POLL_LAST_MS = 1000;
const START_MAX_MS = 60_000;
const OPEN_RETRY_MS = 1500;

export type Phase =
  | { kind: "opening"; step: string }
  | { kind: "open" }
  | { kind: "stopped"; starting: boolean }
  | { kind: "failed"; message: string; missing: boolean; others: OtherWorkspace[] };

/** Another workspace that is open or runs, and counts against the limit of the tier. */
export interface OtherWorkspace {
  id: string;
  name: string;
  /** It has programs that would end. */
  running: boolean;
  /** What it was opened with last, when it was opened. */
  device: string | null;
  openedAt: number;
  lastSeenAt: number;
}

export interface LinkStatus {
  phase: Phase;
  workspace: Workspace | null;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}

const STEPS: Partial<Record<Workspace["state"], string>> = {
  starting: "Starting the workspace",
  stopping: "Waiting for the last stop to finish",
  stopped: "Starting the workspace",
};

export class WorkspaceLink {
  readonly store = createStore<LinkStatus>(() => ({
    phase: { kind: "opening", step: "Opening your session" },
    workspace: null,
  }));
  client: AgentClient | null = null;
  session: Session | null = null;
  readonly #left = new AbortController();

  constructor(readonly workspaceId: string) {}

  /** Opens the session and waits until the workspace runs; `close` names a workspace that is closed for it. */
  async open(close?: string): Promise<OpenedSession | null> {
    try {
      const opened = await this.#opened(close);
      this.#learn(opened.workspace);
      const running = await this.#running(opened.workspace);
      if (!running) return null;
      const access = opened.workspace.state === "running" ? opened.access : await this.#renew(opened.session.id);
      this.session = opened.session;
      if (this.client) this.client.replace(access);
      else this.client = new AgentClient(access, () => this.#renew(opened.session.id));
      this.store.setState({ phase: { kind: "open" } });
      return { ...opened, access };
    } catch (error) {
      if (!this.#left.signal.aborted) this.#fail(error);
      return null;
    }
  }

  /** What the control plane says of the workspace now; decides between a lost connection and a stopped workspace. */
  async refresh(): Promise<void> {
    const workspace = await api.get<Workspace>(`/workspaces/${this.workspaceId}`, { signal: this.#left.signal });
    this.#learn(workspace);
    const { phase } = this.store.getState();
    if (phase.kind === "opening" || phase.kind === "failed") return;
    if (workspace.state === "running") return;
    if (workspace.state === "failed") {
      const message = workspace.reason ?? "The workspace ended unexpectedly.";
      return this.store.setState({ phase: { kind: "failed", message, missing: false, others: [] } });
    }
    if (phase.kind === "open") {
      this.store.setState({ phase: { kind: "stopped", starting: workspace.state === "starting" } });
    }
  }

  starting(): void {
    const { phase } = this.store.getState();
    const next: Phase = phase.kind === "stopped" ? { ...phase, starting: true } : { kind: "opening", step: "Starting the workspace" };
    this.store.setState({ phase: next });
  }

  /** The agent answers, so the workspace runs, whoever started it. */
  reached(): void {
    if (this.store.getState().phase.kind !== "stopped") return;
    this.store.setState({ phase: { kind: "open" } });
    void this.refresh().catch(() => undefined);
  }

  leave(): void {
    this.#left.abort();
  }

  async #opened(close?: string): Promise<OpenedSession> {
    const body = { workspace_id: this.workspaceId, start: true, ...(close === undefined ? {} : { close }) };
    for (;;) {
      try {
        return await api.post<OpenedSession>("/sessions", body, { signal: this.#left.signal });
      } catch (error) {
        if (!(error instanceof ApiError) || !error.retryable) throw error;
        this.store.setState({ phase: { kind: "opening", step: `${error.message} Trying again` } });
        await pause(OPEN_RETRY_MS, this.#left.signal);
      }
    }
  }

  async #running(first: Workspace): Promise<boolean> {
    let workspace = first;
    const started = Date.now();
    for (let wait = POLL_FIRST_MS; workspace.state !== "running"; wait = Math.min(POLL_LAST_MS, wait * 1.5)) {
      if (workspace.state === "failed" && workspace.desired === "running") {
        throw new Error(workspace.reason ?? "The workspace did not start.");
      }
      if (workspace.state === "deleting") throw new Error("The workspace is being deleted.");
      if (Date.now() - started > START_MAX_MS) {
        throw new Error("The workspace did not start within a minute. Try again, or ask the administrator.");
      }
      const { phase } = this.store.getState();
      const step = STEPS[workspace.state] ?? "Starting the workspace";
      if (phase.kind === "opening") this.store.setState({ phase: { kind: "opening", step } });
      await pause(wait, this.#left.signal);
      workspace = await api.get<Workspace>(`/workspaces/${this.workspaceId}`, { signal: this.#left.signal });
      this.#learn(workspace);
    }
    return true;
  }

  async #renew(sessionId: string): Promise<Access> {
    return api.post<Access>(`/sessions/${sessionId}/grant`);
  }

  #learn(workspace: Workspace): void {
    this.store.setState({ workspace });
    queryClient.setQueryData(queryKeys.workspace(this.workspaceId), workspace);
  }

  #fail(error: unknown): void {
    const missing = error instanceof ApiError && error.kind === "not_found";
    const others = error instanceof ApiError && error.kind === "limit_exceeded" ? otherWorkspaces(error) : [];
    this.store.setState({ phase: { kind: "failed", message: messageOf(error), missing, others } });
  }
}

/** The workspaces that an answer about the limit lists. */
export function otherWorkspaces(error: ApiError): OtherWorkspace[] {
  const listed = error.details["sessions"];
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((item: unknown): OtherWorkspace[] => {
    const other = item as Record<string, unknown>;
    const { workspace_id: id, workspace_name: name, device } = other;
    if (typeof id !== "string" || typeof name !== "string") return [];
    return [
      {
        id,
        name,
        running: other["state"] !== "stopped",
        device: typeof device === "string" ? device : null,
        openedAt: Number(other["opened_at"] ?? 0),
        lastSeenAt: Number(other["last_seen_at"] ?? 0),
      },
    ];
  });
}
