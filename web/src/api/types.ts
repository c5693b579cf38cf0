// The wire contract under the names of crates/api, from the types that `cargo xtask generate` makes of the server's own
// OpenAPI document. Times are milliseconds since the epoch.

import type { components } from "./generated";

type Schemas = components["schemas"];

/** As it travels: the server leaves out what is absent and never writes null. */
type Plain<T> = { [Key in keyof T]: Plain<Exclude<T[Key], null>> };

/** Some members with a closer type than the document has for them. */
type Closer<T, Members> = Omit<Plain<T>, keyof Members> & Members;

/** One page of a list; pass `next` as `?after=` for the next one. */
export type Page<T> = Closer<Schemas["Page_Workspace"], { items: T[] }>;

/** What a workspace's owner asked for. */
export type Desired = "running" | "stopped" | "deleted";

/** What is so. */
export type State = "starting" | "running" | "stopping" | "stopped" | "failed" | "deleting";

export type Workspace = Closer<Schemas["Workspace"], { desired: Desired; state: State }>;

/** Every member has a default. */
export type CreateTerminal = Partial<Plain<Schemas["CreateTerminal"]>>;

/** Written and read by the web app alone. */
export type Layout = Record<string, unknown>;

export type Session = Closer<Schemas["Session"], { layout: Layout }>;
export type UpdateSession = Closer<Schemas["UpdateSession"], { layout: Layout }>;
export type OpenedSession = Closer<Schemas["OpenedSession"], { session: Session; workspace: Workspace }>;
export type LoggedIn = Closer<Schemas["LoggedIn"], { session?: OpenedSession }>;

export type ErrorDetail = Closer<Schemas["ErrorDetail"], { details?: Record<string, unknown> }>;
export type ErrorBody = Closer<Schemas["ErrorBody"], { error: ErrorDetail }>;

export type Access = Plain<Schemas["Access"]>;
export type AgentStatus = Plain<Schemas["AgentStatus"]>;
export type AuditEntry = Plain<Schemas["AuditEntry"]>;
export type AuditHead = Plain<Schemas["AuditHead"]>;
export type AuditPage = Plain<Schemas["AuditPage"]>;
export type AuditVerification = Plain<Schemas["AuditVerification"]>;
export type Change = Plain<Schemas["Change"]>;
export type ChangeKind = Plain<Schemas["ChangeKind"]>;
export type ChangePassword = Plain<Schemas["ChangePassword"]>;
export type ClaimAdmin = Plain<Schemas["ClaimAdmin"]>;
export type ClientFrame = Plain<Schemas["ClientFrame"]>;
export type ContentEvent = Plain<Schemas["ContentEvent"]>;
export type CreateInvitation = Plain<Schemas["CreateInvitation"]>;
export type CreateTicket = Plain<Schemas["CreateTicket"]>;
export type CreateUser = Plain<Schemas["CreateUser"]>;
export type CreateWorkspace = Plain<Schemas["CreateWorkspace"]>;
export type DeleteFile = Plain<Schemas["DeleteFile"]>;
export type Deleted = Plain<Schemas["Deleted"]>;
export type ErrorKind = Plain<Schemas["ErrorKind"]>;
export type Event = Plain<Schemas["Event"]>;
export type EventsRequest = Plain<Schemas["EventsRequest"]>;
export type Exec = Plain<Schemas["Exec"]>;
export type ExecEvent = Plain<Schemas["ExecEvent"]>;
export type FileEntry = Plain<Schemas["FileEntry"]>;
export type FileKind = Plain<Schemas["FileKind"]>;
export type FromTo = Plain<Schemas["FromTo"]>;
export type Health = Plain<Schemas["Health"]>;
export type Identity = Plain<Schemas["Identity"]>;
export type Invitation = Plain<Schemas["Invitation"]>;
export type Limits = Plain<Schemas["Limits"]>;
export type Listing = Plain<Schemas["Listing"]>;
export type LogIn = Plain<Schemas["LogIn"]>;
export type NameMatch = Plain<Schemas["NameMatch"]>;
export type Notice = Plain<Schemas["Notice"]>;
export type OpenSession = Plain<Schemas["OpenSession"]>;
export type PathBody = Plain<Schemas["PathBody"]>;
export type Port = Plain<Schemas["Port"]>;
export type Readiness = Plain<Schemas["Readiness"]>;
export type Refresh = Plain<Schemas["Refresh"]>;
export type Register = Plain<Schemas["Register"]>;
export type ResetPassword = Plain<Schemas["ResetPassword"]>;
export type RestoreTrash = Plain<Schemas["RestoreTrash"]>;
export type ServerFrame = Plain<Schemas["ServerFrame"]>;
export type SetTier = Plain<Schemas["SetTier"]>;
export type StoreHealth = Plain<Schemas["StoreHealth"]>;
export type Terminal = Plain<Schemas["Terminal"]>;
export type TicketUrl = Plain<Schemas["TicketUrl"]>;
export type Tier = Plain<Schemas["Tier"]>;
export type TierSource = Plain<Schemas["TierSource"]>;
export type TokenDelivery = Plain<Schemas["TokenDelivery"]>;
export type TrashEntry = Plain<Schemas["TrashEntry"]>;
export type UpdateTerminal = Plain<Schemas["UpdateTerminal"]>;
export type UpdateUser = Plain<Schemas["UpdateUser"]>;
export type UpdateWorkspace = Plain<Schemas["UpdateWorkspace"]>;
export type Usage = Plain<Schemas["Usage"]>;
export type User = Plain<Schemas["User"]>;
export type UserWithPassword = Plain<Schemas["UserWithPassword"]>;
export type WorkspaceLimits = Plain<Schemas["WorkspaceLimits"]>;
