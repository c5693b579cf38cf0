// Generated from crates/control/tests/golden/openapi.json by `npm run generate`; do not edit.
// The wire contract of control and agent. Times are milliseconds since the epoch.

export type Desired = "running" | "stopped" | "deleted";

export type State = "starting" | "running" | "stopping" | "stopped" | "failed" | "deleting";

/** One page of a list. */
export interface Page<T> {
  items: T[];
  /** Pass it as `?after=` for the next page; absent on the last. */
  next?: string;
}

/** Where a workspace is reached, and a short-lived grant for it. */
export interface Access {
  /** Send as `Authorization: Bearer`, or as WebSocket subprotocol `grant.{grant}` beside `coditect.v1`. */
  grant: string;
  /** When the grant expires, milliseconds since the epoch; ask for the next one before. */
  grant_expires_at: number;
  /** The host that runs it (`host_…`), when it runs. */
  host_id?: string;
  /** Path prefix of the agent's API on this origin: `/w/{label}`. */
  path: string;
  /**
   * Origin of a port of the workspace, with `{port}` to be replaced:
   * `http://{port}--{label}.coditect.localhost:8080`.
   */
  port_origin: string;
  /** Absolute address of the same, for programs. */
  url: string;
}

/** `GET /v1/status`. */
export interface AgentStatus {
  /** The user's home directory. */
  home: string;
  /** Number of open terminals. */
  terminals: number;
  /** Seconds since the sandbox started. */
  uptime_s: number;
  /** The user's name in the sandbox. */
  user: string;
  /** Version of the agent binary. */
  version: string;
  /** `ws_…`: which workspace this agent believes it serves; checked at adoption. */
  workspace_id: string;
}

/** One change in a watched directory. */
export interface Change {
  /** What happened to it. */
  kind: ChangeKind;
  /** Absolute path of the entry. */
  path: string;
}

/** What happened to an entry. */
export type ChangeKind = "created" | "modified" | "removed";

/** `POST /api/v5/auth/password`: change one's own password. Ends every other login. */
export interface ChangePassword {
  /** The present one. */
  current: string;
  /** The new one. */
  new: string;
}

/** `POST /api/v5/auth/claim-admin`: a logged-in user redeems the one-time token printed at first start. */
export interface ClaimAdmin {
  /** The token. */
  setup_token: string;
}

/** Client to agent, JSON text. */
export type ClientFrame = { cols: number; rows: number; type: "resize" } | { offset: number; type: "ack" };

/** One line of the answer to a content search. */
export type ContentEvent =
  | { line: number; path: string; ranges: [number, number][]; text: string; type: "match" }
  | { files: number; matches: number; truncated: boolean; type: "end" };

/** `POST /api/v5/invitations`, by an owner of the tenant. */
export interface CreateInvitation {
  /** Only this address may use it. Absent: whoever has the code. */
  email?: string;
  /** `member` (the default) or `owner`. */
  role?: string;
}

/** `POST /v1/terminals`. */
export interface CreateTerminal {
  /** Columns; 0: 80. */
  cols?: number;
  /** Working directory; absent: `/workspace`. */
  cwd?: string;
  /**
   * Made by the client before the request (`term_…`), so that asking twice makes one terminal; absent: the agent
   * makes one.
   */
  id?: string;
  /** Name shown on its tab. */
  name?: string;
  /** Rows; 0: 24. */
  rows?: number;
}

/** `POST /api/v5/workspaces/{id}/tickets`: asks for an address that signs the browser in on a workspace origin. */
export interface CreateTicket {
  /** Path and query to open there; must start with one `/`. */
  path?: string;
  /** A port of the workspace; absent for the workspace's files origin (downloads). */
  port?: number;
}

/** `POST /api/v5/users`: an administrator makes an account (a tenant's owner makes one in the own tenant). */
export interface CreateUser {
  /** Makes an administrator of the installation. Administrators only. */
  admin?: boolean;
  /** E-mail address. */
  email: string;
  /** What the person is called. */
  name: string;
  /** Absent: one is made and answered once. */
  password?: string;
  /** Absent: a tenant of their own (administrators), the caller's tenant (owners). */
  tenant_id?: string;
  /** Absent: the default tier. Administrators only. */
  tier?: string;
}

/** `POST /api/v5/workspaces`. */
export interface CreateWorkspace {
  /** 1 to 64 characters. */
  name: string;
  /** Starts it at once (the default). */
  start?: boolean;
}

/** `POST /v1/files/delete`. */
export interface DeleteFile {
  /** What. */
  path: string;
  /** Removes it for good instead of moving it to the trash. */
  permanently?: boolean;
}

/** Answer to [`DeleteFile`]: where it went. */
export interface Deleted {
  /** Entry of the trash that `POST /v1/trash/restore` takes; absent when removed for good. */
  trash_id?: string;
}

/** The body of every answer that is not a success. */
export interface ErrorBody {
  /** The error. */
  error: ErrorDetail;
}

/** The one member of [`ErrorBody`]. */
export interface ErrorDetail {
  /** More for programs, such as `field`, `retry_after_s`, `limit`, `current_version`. */
  details?: Record<string, unknown>;
  /** For programs. */
  kind: ErrorKind;
  /** For people: what happened and what to do about it. */
  message: string;
  /** Finds the request in the log (`req_…`). */
  request_id: string;
}

/** What went wrong, as a closed set that programs may match on. */
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

/** Agent to client on the events WebSocket, JSON text. */
export type Event =
  | { changes: Change[]; type: "changed" }
  | { type: "overflow" }
  | { path: string; reason: string; type: "watch_failed" }
  | { ports: Port[]; type: "ports" }
  | { terminals: Terminal[]; type: "terminals" }
  | { id: number; type: "pong" };

/** Client to agent on the events WebSocket (`GET /v1/events`), JSON text. */
export type EventsRequest = { paths: string[]; type: "watch" } | { id: number; type: "ping" };

/**
 * First text frame of a client on `GET /v1/exec` (WebSocket): run a command without a terminal.
 * Then: binary frames are its standard input, an empty one ends it.
 */
export interface Exec {
  /** Program and arguments; no shell in between. */
  argv: string[];
  /** Working directory; absent: `/workspace`. */
  cwd?: string;
  /** Added to the environment. */
  env?: Record<string, string>;
}

/**
 * Agent to client on the exec WebSocket, JSON text. Output comes in binary frames whose first byte is 1 (standard
 * output) or 2 (standard error).
 */
export type ExecEvent = { reason: string; type: "failed" } | { code: number; type: "exit" };

/** One entry of a directory, or the answer to `stat`. */
export interface FileEntry {
  /** Changes whenever the content may have changed; what `If-Match` takes. Regular files only. */
  etag?: string;
  /** What it is; a symbolic link is not followed. */
  kind: FileKind;
  /** Permission bits. */
  mode: number;
  /** Last change of the content, milliseconds since the epoch. */
  modified_at: number;
  /** Last part of the path, for showing. */
  name: string;
  /**
   * The whole path, percent-encoded where it is not UTF-8 or holds `%`: pass it back as it is (then URL-encoded
   * as any query value).
   */
  path: string;
  /** Bytes. */
  size: number;
  target_kind?: FileKind;
  /** Whether the user may write it. */
  writable: boolean;
}

/** What an entry is. */
export type FileKind = "file" | "directory" | "symlink" | "other";

/** `POST /v1/files/move` and `POST /v1/files/copy`. */
export interface FromTo {
  /** What. */
  from: string;
  /** Replaces what is there; otherwise 409. */
  overwrite?: boolean;
  /** The new path (not the directory to put it in). */
  to: string;
}

/** Liveness: the process answers. */
export interface Health {
  /** Always `ok`. */
  status: string;
  /** Seconds since the process started. */
  uptime_s: number;
  /** Version of the binary. */
  version: string;
}

/** `POST /api/v5/auth/validate` and `GET /api/v5/auth/me`: whose credentials these are. */
export interface Identity {
  /** When the access token expires, milliseconds since the epoch. */
  expires_at: number;
  /** The user. */
  user: User;
}

/** An invitation. One use. */
export interface Invitation {
  /** The secret to hand to the invited person, shown only in the answer to its creation. */
  code?: string;
  /** Milliseconds since the epoch. */
  created_at: number;
  /** The only address that may use it. */
  email?: string;
  /** Milliseconds since the epoch. */
  expires_at: number;
  /** `inv_…` */
  id: string;
  /** `member` or `owner`. */
  role: string;
  /** Link to the registration page with the code in its fragment; beside `code`. */
  url?: string;
}

/** Quotas of a tier. */
export interface Limits {
  /** Sessions of one user at once. */
  concurrent_sessions: number;
  /** Thousandths of a core, for each workspace. */
  cpu_millis: number;
  /** Bytes of memory, for each workspace. */
  memory_bytes: number;
  /** Open files of one process. */
  open_files: number;
  /** Processes and threads, for each workspace. */
  pids: number;
  /** Bytes of volume, for each workspace. */
  storage_bytes: number;
  /** Terminals of one workspace. */
  terminals: number;
  /** Workspaces of one user. */
  workspaces: number;
}

/** `GET /v1/files/list?path=&after=&limit=&hidden=`: directories first, then by name. */
export interface Listing {
  /** This page of entries, at most [`LIST_PAGE_MAX`]. */
  entries: FileEntry[];
  /** Pass as `after` for the next page; absent on the last. */
  next?: string;
  /** The directory. */
  path: string;
  /** Entries in the whole directory. */
  total: number;
}

/** `POST /api/v5/auth/login`. */
export interface LogIn {
  /** Where the tokens go. */
  delivery?: TokenDelivery;
  /** E-mail address. */
  email: string;
  /** Password. */
  password: string;
}

/** Answer to register, login and refresh. */
export interface LoggedIn {
  /** With delivery `body`. */
  access_token?: string;
  /** Seconds until the access token expires; refresh before that. */
  expires_in_s: number;
  /** With delivery `body`. */
  refresh_token?: string;
  session?: OpenedSession;
  /** Who logged in. */
  user: User;
}

/** One line of the answer to a file-name search, best first. */
export interface NameMatch {
  /** Matched characters, as indices into the path relative to the searched directory. */
  indices: number[];
  /** Absolute path, as in `FileEntry::path`. */
  path: string;
  /** Higher is better. */
  score: number;
}

/** `POST /api/v5/sessions`: opens the user's session on a workspace, or resumes the one there is. */
export interface OpenSession {
  /** Starts the workspace if it is not running (the default). */
  start?: boolean;
  /** `ws_…` */
  workspace_id: string;
}

/** Answer to [`OpenSession`]: everything a client needs to talk to the workspace. */
export interface OpenedSession {
  /** Where the workspace is and the right to talk to it. */
  access: Access;
  /** The session. */
  session: Session;
  /** Its workspace. */
  workspace: Workspace;
}

/** `POST /v1/files/mkdir`, and of an empty file `POST /v1/files/create` (409 when it exists). */
export interface PathBody {
  /** Makes missing parents too. */
  parents?: boolean;
  /** Absolute path, as in [`FileEntry::path`]. */
  path: string;
}

/** A TCP port that something in the workspace listens on. */
export interface Port {
  /** Its command name. */
  command?: string;
  /** The listening process, when it can be told. */
  pid?: number;
  /** The port. */
  port: number;
}

/** Readiness: whether traffic should come here. */
export interface Readiness {
  /** Each part and whether it is ready. */
  parts: Record<string, boolean>;
  /** `ready`, `starting` or `stopping`. */
  status: string;
}

/** `POST /api/v5/auth/refresh`. Browsers send an empty object: theirs is in a cookie. */
export interface Refresh {
  /** The refresh token. It works once: the answer carries the next one. A second use ends the whole login. */
  refresh_token?: string;
}

/** `POST /api/v5/auth/register`. */
export interface Register {
  /** Where the tokens go. */
  delivery?: TokenDelivery;
  /** E-mail address. */
  email: string;
  /** Code of an invitation: register into that tenant instead of a new one. */
  invitation?: string;
  /** What the person is called. */
  name: string;
  /** Password, [`PASSWORD_MIN_CHARS`] characters to [`PASSWORD_MAX_BYTES`] bytes. */
  password: string;
  /** The one-time token printed at first start: makes this account an administrator. */
  setup_token?: string;
}

/** `POST /api/v5/users/{id}/password`: reset by an administrator. Ends every login of that user. */
export interface ResetPassword {
  /** Absent: one is made and answered once. */
  password?: string;
}

/** `POST /v1/trash/restore`. */
export interface RestoreTrash {
  /** Which. */
  id: string;
}

/** Agent to client, JSON text. */
export type ServerFrame =
  | { input_offset: number; offset: number; terminal: Terminal; type: "hello" }
  | { bytes: number; cols: number; offset: number; rows: number; type: "screen" }
  | { offset: number; type: "input_ack" }
  | { cols: number; rows: number; type: "size" }
  | { title: string; type: "title" }
  | { code: number; type: "exit" };

/** A session. */
export interface Session {
  /** Milliseconds since the epoch. */
  created_at: number;
  /** `ses_…` */
  id: string;
  /** Last use, milliseconds since the epoch, to the minute. */
  last_seen_at: number;
  /** Open tabs, panes and terminals; written and read by the web app alone. */
  layout: Record<string, unknown>;
  /** Counts the changes of `layout`; send it back in `PUT`. */
  layout_version: number;
  /** `usr_…` */
  user_id: string;
  /** `ws_…` */
  workspace_id: string;
}

/** A round trip to the store: one write, one read. */
export interface StoreHealth {
  /** Which backend answers (`sqlite`, `memory`). */
  backend: string;
  /** Duration of the round trip in microseconds. */
  round_trip_us: number;
  /** `ok`. */
  status: string;
}

/** A terminal. */
export interface Terminal {
  /** Clients attached now. */
  clients: number;
  /** Columns. */
  cols: number;
  /** Milliseconds since the epoch. */
  created_at: number;
  /** Set when the shell has ended; the last screen stays readable until the terminal is deleted. */
  exit_code?: number;
  /** `term_…` */
  id: string;
  /** Given by the user; empty: show the title. */
  name: string;
  /** Process id of the shell inside the sandbox. */
  pid: number;
  /** Rows. */
  rows: number;
  /** Set by the program through OSC 0 or 2. */
  title: string;
}

/** Answer to [`CreateTicket`]. */
export interface TicketUrl {
  /** Open it within 30 seconds; it works once. */
  url: string;
}

/** A licence tier: a named set of quotas. */
export interface Tier {
  /** What a user of it may use. */
  limits: Limits;
  /** Its name, as in `User::tier`. */
  name: string;
}

/** How the caller keeps its tokens. */
export type TokenDelivery = "body" | "cookie";

/** One entry of `GET /v1/trash`. */
export interface TrashEntry {
  /** Milliseconds since the epoch. */
  deleted_at: number;
  /** Names it. */
  id: string;
  /** What it is. */
  kind: FileKind;
  /** Where it was. */
  path: string;
}

/** `PUT /api/v5/sessions/{id}`. */
export interface UpdateSession {
  /** The new layout, at most [`LAYOUT_MAX_BYTES`]. */
  layout: Record<string, unknown>;
  /** The layout version this one was made from; 412 when another device was faster. */
  layout_version: number;
}

/** `PATCH /v1/terminals/{id}`. */
export interface UpdateTerminal {
  /** New name. */
  name: string;
}

/** `PATCH /api/v5/users/{id}`. A user may change the own `name`; the rest is for administrators. */
export interface UpdateUser {
  /** Grants or takes the administration of the installation. */
  admin?: boolean;
  /** Disables or enables the account; disabling ends every login. */
  disabled?: boolean;
  /** New display name. */
  name?: string;
  /** New tier. */
  tier?: string;
}

/** `PATCH /api/v5/workspaces/{id}`. */
export interface UpdateWorkspace {
  /** New name. */
  name?: string;
}

/** What a running workspace uses now. */
export interface Usage {
  /** CPU in thousandths of a core over the last sampling interval. */
  cpu_millis: number;
  /** CPU time used so far, in milliseconds. */
  cpu_ms: number;
  /** Memory in bytes, page cache included. */
  memory_bytes: number;
  /** Processes and threads. */
  pids: number;
  /** Bytes on the volume, when known. */
  storage_bytes?: number;
}

/** A user. */
export interface User {
  /** Administers the installation. */
  admin: boolean;
  /** Milliseconds since the epoch. */
  created_at: number;
  /** Cannot log in. */
  disabled: boolean;
  /** The canonical e-mail address. */
  email: string;
  /** `usr_…` */
  id: string;
  /** Last log-in, milliseconds since the epoch. */
  last_login_at?: number;
  /** What the person is called. */
  name: string;
  /** `member` or `owner` of the tenant. */
  role: string;
  /** `ten_…` */
  tenant_id: string;
  /** Name of the user's tier. */
  tier: string;
}

/** Answer to [`CreateUser`] and to a password reset by someone else. */
export interface UserWithPassword {
  /** The password that was made, shown this once; absent when the caller chose it. */
  password?: string;
  /** The account. */
  user: User;
}

/** A workspace. */
export interface Workspace {
  /** Milliseconds since the epoch. */
  created_at: number;
  /** What was asked for: `running`, `stopped` or `deleted`. */
  desired: Desired;
  /** `ws_…` */
  id: string;
  /** The 26 characters behind the prefix: names the workspace's origins. */
  label: string;
  /** The limits its owner's tier gives it. */
  limits: WorkspaceLimits;
  /** What its owner calls it. */
  name: string;
  /** `usr_…` */
  owner_id: string;
  /** Why it failed, when it did. */
  reason?: string;
  /** When it last started, milliseconds since the epoch. */
  started_at?: number;
  /** What is so: `starting`, `running`, `stopping`, `stopped`, `failed` or `deleting`. */
  state: State;
  usage?: Usage;
}

/** The limits in force. */
export interface WorkspaceLimits {
  /** Thousandths of a core. */
  cpu_millis: number;
  /** Bytes. */
  memory_bytes: number;
  /** Processes and threads. */
  pids: number;
  /** Bytes. */
  storage_bytes: number;
}
