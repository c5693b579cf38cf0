/** Every key of the query cache, in one place. */
export const queryKeys = {
  me: ["me"] as const,
  workspaces: ["workspaces"] as const,
  workspace: (id: string) => ["workspaces", id] as const,
  allWorkspaces: ["all-workspaces"] as const,
  sessions: ["sessions"] as const,
  invitations: ["invitations"] as const,
  users: ["users"] as const,
  tiers: ["tiers"] as const,
  audit: ["audit"] as const,
  auditTenants: ["audit-tenants"] as const,
  health: ["health"] as const,
  openapi: ["openapi"] as const,
};
