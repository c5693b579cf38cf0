// The wire contract, with the names of crates/api. Times are milliseconds since the epoch.

export type ErrorKind =
  | "invalid_request"
  | "invalid_value"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "conflict"
  | "precondition_failed"
  | "payload_too_large"
  | "unsupported_media_type"
  | "range_not_satisfiable"
  | "rate_limited"
  | "limit_exceeded"
  | "storage_full"
  | "misdirected_request"
  | "unavailable"
  | "bad_gateway"
  | "timeout"
  | "internal";

export interface ErrorDetail {
  kind: ErrorKind;
  message: string;
  request_id: string;
  details?: Record<string, unknown>;
}

export interface ErrorBody {
  error: ErrorDetail;
}

export interface Page<T> {
  items: T[];
  next?: string;
}

export interface User {
  id: string;
  tenant_id: string;
  email: string;
  name: string;
  tier: string;
  /** `member` or `owner` of the tenant. */
  role: string;
  admin: boolean;
  disabled: boolean;
  created_at: number;
  last_login_at?: number;
}

export interface CreateUser {
  email: string;
  name: string;
  password?: string;
  tenant_id?: string;
  tier?: string;
  admin?: boolean;
}

export interface UpdateUser {
  name?: string;
  tier?: string;
  disabled?: boolean;
  admin?: boolean;
}

export interface ResetPassword {
  password?: string;
}

export interface UserWithPassword {
  user: User;
  password?: string;
}

export type TokenDelivery = "body" | "cookie";

export interface Register {
  email: string;
  password: string;
  name: string;
  invitation?: string;
  setup_token?: string;
  delivery?: TokenDelivery;
}

export interface LogIn {
  email: string;
  password: string;
  delivery?: TokenDelivery;
}

export interface LoggedIn {
  user: User;
  expires_in_s: number;
  access_token?: string;
  refresh_token?: string;
  session?: OpenedSession;
}

export interface Identity {
  user: User;
  expires_at: number;
}

export interface ClaimAdmin {
  setup_token: string;
}

export interface Refresh {
  refresh_token?: string;
}

export interface ChangePassword {
  current: string;
  new: string;
}

export type Desired = "running" | "stopped" | "deleted";
export type State = "starting" | "running" | "stopping" | "stopped" | "failed" | "deleting";

export interface Usage {
  /** CPU time used so far. */
  cpu_ms: number;
  /** Thousandths of a core over the last sampling interval. */
  cpu_millis: number;
  memory_bytes: number;
  pids: number;
  storage_bytes?: number;
}

export interface WorkspaceLimits {
  cpu_millis: number;
  memory_bytes: number;
  storage_bytes: number;
  pids: number;
}

export interface Workspace {
  id: string;
  /** The 26 characters behind the prefix: names the workspace's origins. */
  label: string;
  name: string;
  owner_id: string;
  desired: Desired;
  state: State;
  reason?: string;
  created_at: number;
  started_at?: number;
  usage?: Usage;
  limits: WorkspaceLimits;
}

export interface CreateWorkspace {
  name: string;
  start?: boolean;
}

export interface UpdateWorkspace {
  name?: string;
}

export interface CreateTicket {
  port?: number;
  path?: string;
}

export interface TicketUrl {
  url: string;
}

export interface Session {
  id: string;
  workspace_id: string;
  user_id: string;
  created_at: number;
  last_seen_at: number;
  layout_version: number;
  layout: unknown;
}

export interface OpenSession {
  workspace_id: string;
  start?: boolean;
}

export interface Access {
  /** Path prefix of the agent's API on this origin: `/w/{label}`. */
  path: string;
  url: string;
  /** Origin of a port, with `{port}` to be replaced. */
  port_origin: string;
  host_id?: string;
  grant: string;
  grant_expires_at: number;
}

export interface OpenedSession {
  session: Session;
  workspace: Workspace;
  access: Access;
}

export interface UpdateSession {
  layout_version: number;
  layout: unknown;
}

export interface CreateInvitation {
  email?: string;
  role?: string;
}

export interface Invitation {
  id: string;
  email?: string;
  role: string;
  created_at: number;
  expires_at: number;
  code?: string;
  url?: string;
}

/** A named set of quotas (`GET /api/v5/tiers`). */
export interface Tier {
  name: string;
  limits: Limits;
}

export interface Limits {
  cpu_millis: number;
  memory_bytes: number;
  storage_bytes: number;
  concurrent_sessions: number;
  pids: number;
  open_files: number;
  terminals: number;
  workspaces: number;
}

export interface Health {
  status: string;
  version: string;
  uptime_s: number;
}

export interface StoreHealth {
  status: string;
  backend: string;
  round_trip_us: number;
}

export interface Readiness {
  status: string;
  parts: Record<string, boolean>;
}

// Agent: `/w/{label}/v1/*`.

export interface AgentStatus {
  workspace_id: string;
  version: string;
  uptime_s: number;
  terminals: number;
  home: string;
  user: string;
}

export interface Port {
  port: number;
  pid?: number;
  command?: string;
}

export type EventsRequest = { type: "watch"; paths: string[] } | { type: "ping"; id: number };

export type ChangeKind = "created" | "modified" | "removed";

export interface Change {
  path: string;
  kind: ChangeKind;
}

export type Event =
  | { type: "changed"; changes: Change[] }
  | { type: "overflow" }
  | { type: "watch_failed"; path: string; reason: string }
  | { type: "ports"; ports: Port[] }
  | { type: "terminals"; terminals: Terminal[] }
  | { type: "pong"; id: number };

export type FileKind = "file" | "directory" | "symlink" | "other";

export interface FileEntry {
  name: string;
  /** Pass it back as it is, URL-encoded as any query value. */
  path: string;
  kind: FileKind;
  target_kind?: FileKind;
  size: number;
  modified_at: number;
  mode: number;
  etag?: string;
  writable: boolean;
}

export interface Listing {
  path: string;
  entries: FileEntry[];
  total: number;
  next?: string;
}

export interface PathBody {
  path: string;
  parents?: boolean;
}

export interface FromTo {
  from: string;
  to: string;
  overwrite?: boolean;
}

export interface DeleteFile {
  path: string;
  permanently?: boolean;
}

export interface Deleted {
  trash_id?: string;
}

export interface TrashEntry {
  id: string;
  path: string;
  kind: FileKind;
  deleted_at: number;
}

export interface RestoreTrash {
  id: string;
}

export interface NameMatch {
  path: string;
  score: number;
  indices: number[];
}

export type ContentEvent =
  | { type: "match"; path: string; line: number; text: string; ranges: [number, number][] }
  | { type: "end"; files: number; matches: number; truncated: boolean };

export interface Terminal {
  id: string;
  name: string;
  title: string;
  cols: number;
  rows: number;
  pid: number;
  created_at: number;
  clients: number;
  exit_code?: number;
}

export interface CreateTerminal {
  id?: string;
  name?: string;
  cols?: number;
  rows?: number;
  cwd?: string;
}

export interface UpdateTerminal {
  name: string;
}

export type ClientFrame = { type: "resize"; cols: number; rows: number } | { type: "ack"; offset: number };

export type ServerFrame =
  | { type: "hello"; terminal: Terminal; offset: number; input_offset: number }
  | { type: "screen"; offset: number; bytes: number; cols: number; rows: number }
  | { type: "input_ack"; offset: number }
  | { type: "size"; cols: number; rows: number }
  | { type: "title"; title: string }
  | { type: "exit"; code: number };
