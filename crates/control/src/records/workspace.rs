//! Workspaces: what is wanted and what is so, in two keys so that an owner's wish and a host's report do not collide.

use coditect_api::workspace::{PendingLimit, Usage, WorkspaceLimits};
use coditect_model::ambient::Timestamp;
use coditect_model::id::{TenantId, UserId, WorkspaceId};
use coditect_model::name::WorkspaceName;
use coditect_model::tier::Limits;
use coditect_model::workspace::{Desired, Generation, State};
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// The number of the wish a workspace is made with.
pub(crate) const FIRST_GENERATION: Generation = Generation(1);

/// Definition and wish.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkspaceRecord {
    pub(crate) id: WorkspaceId,
    pub(crate) tenant: TenantId,
    pub(crate) owner: UserId,
    pub(crate) name: WorkspaceName,
    pub(crate) created_at: Timestamp,
    pub(crate) desired: Desired,
    pub(crate) generation: Generation,
}
record!(WorkspaceRecord, 1, "workspace");

/// What the reconciler last saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusRecord {
    /// `Running`, `Stopped` or `Failed`; what lies between follows from the wish.
    pub(crate) state: State,
    /// The wish this was seen for.
    pub(crate) observed: Generation,
    /// The generation the living sandbox was started for: what grants and hosts are fenced with.
    pub(crate) sandbox: Option<Generation>,
    /// The wish whose start failed.
    pub(crate) failed: Option<Generation>,
    pub(crate) reason: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    /// The limits that the living sandbox was last given.
    #[serde(default)]
    pub(crate) applied: Option<AppliedLimits>,
}
record!(StatusRecord, 1, "workspace status");

impl Default for StatusRecord {
    fn default() -> Self {
        Self {
            state: State::Stopped,
            // A workspace is made at rest, as its first wish.
            observed: FIRST_GENERATION,
            sandbox: None,
            failed: None,
            reason: None,
            started_at: None,
            applied: None,
        }
    }
}

/// Limits that a living sandbox was given, and what of them does not hold yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppliedLimits {
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) pending: Vec<PendingLimit>,
}

impl AppliedLimits {
    /// Whether there is anything to do to make these the limits of a living sandbox.
    pub(crate) fn differ(applied: Option<&Self>, wanted: &Limits) -> bool {
        applied.is_none_or(|applied| applied.limits != *wanted || applied.pending.iter().any(|limit| limit.retried))
    }
}

/// A workspace with its status.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) record: WorkspaceRecord,
    pub(crate) status: StatusRecord,
}

impl Workspace {
    /// The state shown to people: the reconciler's report in the light of the present wish.
    pub(crate) fn state(&self) -> State {
        let reported = self.status.state;
        match self.record.desired {
            Desired::Deleted => State::Deleting,
            Desired::Running => match reported {
                State::Running => State::Running,
                State::Failed if self.status.failed == Some(self.record.generation) => State::Failed,
                State::Failed | State::Stopped | State::Starting | State::Stopping | State::Deleting => State::Starting,
            },
            Desired::Stopped => match reported {
                // Until it has been looked at for this wish, a start of the one before may still be under way.
                State::Stopped | State::Failed if self.status.observed == self.record.generation => State::Stopped,
                State::Running
                | State::Starting
                | State::Stopping
                | State::Stopped
                | State::Failed
                | State::Deleting => State::Stopping,
            },
        }
    }

    /// Whether waiting longer would not change anything.
    pub(crate) fn settled(&self) -> bool {
        matches!(self.state(), State::Running | State::Stopped | State::Failed)
    }

    /// What grants for it carry: the living sandbox's generation, or the one that is about to be.
    pub(crate) fn grant_generation(&self) -> Generation {
        match self.state() {
            State::Running => self.status.sandbox.unwrap_or(self.record.generation),
            State::Starting | State::Stopping | State::Stopped | State::Failed | State::Deleting => {
                self.record.generation
            }
        }
    }

    pub(crate) fn to_api(
        &self,
        tier: &str,
        limits: &Limits,
        usage: Option<Usage>,
    ) -> coditect_api::workspace::Workspace {
        let state = self.state();
        let reason = match state {
            State::Failed | State::Stopped => self.status.reason.clone(),
            State::Running | State::Starting | State::Stopping | State::Deleting => None,
        };
        coditect_api::workspace::Workspace {
            id: self.record.id.to_string(),
            label: self.record.id.label(),
            name: self.record.name.as_str().to_owned(),
            owner_id: self.record.owner.to_string(),
            desired: self.record.desired,
            state,
            reason,
            created_at: self.record.created_at.0,
            started_at: self.status.started_at.map(|at| at.0),
            usage,
            tier: tier.to_owned(),
            limits: WorkspaceLimits {
                cpu_millis: limits.cpu_millis,
                memory_bytes: limits.memory_bytes,
                storage_bytes: limits.storage_bytes,
                pids: limits.pids,
            },
            pending_limits: match (state, &self.status.applied) {
                (State::Running, Some(applied)) => applied.pending.clone(),
                _ => Vec::new(),
            },
        }
    }
}

/// The tenant of a workspace: for the router and the reconciler, who are given bare ids, and for administrators.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct WorkspacePlace {
    pub(crate) tenant: TenantId,
    pub(crate) workspace: WorkspaceId,
}
record!(WorkspacePlace, 1, "index entry of a workspace");

pub(crate) async fn get(txn: &Txn, tenant: TenantId, id: WorkspaceId) -> Result<Option<Workspace>, AppError> {
    let Some(record) = super::get(txn, &keys::tenant_workspace(tenant, id)).await? else { return Ok(None) };
    let status = super::get(txn, &keys::workspace_status(tenant, id)).await?.unwrap_or_default();
    Ok(Some(Workspace { record, status }))
}

pub(crate) async fn place(txn: &Txn, id: WorkspaceId) -> Result<Option<WorkspacePlace>, AppError> {
    super::get(txn, &keys::workspace_tenant(id)).await
}

/// A workspace of any tenant. Never with an id that a tenant's user sent.
pub(crate) async fn get_anywhere(txn: &Txn, id: WorkspaceId) -> Result<Option<Workspace>, AppError> {
    match place(txn, id).await? {
        Some(place) => get(txn, place.tenant, id).await,
        None => Ok(None),
    }
}

/// Writes a new workspace with its index entries.
pub(crate) fn insert(txn: &Txn, record: &WorkspaceRecord) {
    let place = WorkspacePlace { tenant: record.tenant, workspace: record.id };
    super::put(txn, &keys::workspace_tenant(record.id), &place);
    super::put(txn, &keys::user_workspace(record.tenant, record.owner, record.id), &place);
    put(txn, record);
}

/// Writes definition and wish, and puts the workspace on the reconciler's list.
pub(crate) fn put(txn: &Txn, record: &WorkspaceRecord) {
    super::put(txn, &keys::tenant_workspace(record.tenant, record.id), record);
    let place = WorkspacePlace { tenant: record.tenant, workspace: record.id };
    super::put(txn, &keys::workspace_work(record.id), &place);
}

/// Changes the definition alone (its name).
pub(crate) fn put_definition(txn: &Txn, record: &WorkspaceRecord) {
    super::put(txn, &keys::tenant_workspace(record.tenant, record.id), record);
}

/// Writes the reconciler's report; a workspace at rest leaves its list.
pub(crate) fn put_status(txn: &Txn, workspace: &Workspace) {
    let record = &workspace.record;
    super::put(txn, &keys::workspace_status(record.tenant, record.id), &workspace.status);
    if record.desired == Desired::Stopped && workspace.status.state == State::Stopped {
        txn.clear(&keys::workspace_work(record.id));
    }
}

/// Removes every trace of a workspace.
pub(crate) fn clear(txn: &Txn, record: &WorkspaceRecord) {
    txn.clear(&keys::tenant_workspace(record.tenant, record.id));
    txn.clear(&keys::workspace_status(record.tenant, record.id));
    txn.clear(&keys::user_workspace(record.tenant, record.owner, record.id));
    txn.clear(&keys::workspace_tenant(record.id));
    txn.clear(&keys::workspace_work(record.id));
}

/// How many workspaces a user has.
pub(crate) async fn count_of_user(
    txn: &Txn,
    tenant: TenantId,
    user: UserId,
    at_most: usize,
) -> Result<usize, AppError> {
    let range = keys::user_workspaces(tenant, user);
    Ok(super::list::<WorkspacePlace>(txn, range, at_most).await?.len())
}

/// Whose workspaces to list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    User(TenantId, UserId),
    Tenant(TenantId),
    All,
}

/// A page of workspaces after `after`.
pub(crate) async fn page(
    txn: &Txn,
    scope: Scope,
    after: Option<WorkspaceId>,
    limit: usize,
) -> Result<Vec<Workspace>, AppError> {
    let (mut range, last) = match scope {
        Scope::User(tenant, user) => {
            (keys::user_workspaces(tenant, user), after.map(|id| keys::user_workspace(tenant, user, id)))
        }
        Scope::Tenant(tenant) => (keys::tenant_workspaces(tenant), after.map(|id| keys::tenant_workspace(tenant, id))),
        Scope::All => (keys::all_workspaces(), after.map(keys::workspace_tenant)),
    };
    if let Some(last) = last {
        range = range.after(&last);
    }
    let places: Vec<WorkspacePlace> = match scope {
        Scope::Tenant(_) => {
            let records = super::list::<WorkspaceRecord>(txn, range, limit).await?;
            records.iter().map(|record| WorkspacePlace { tenant: record.tenant, workspace: record.id }).collect()
        }
        Scope::User(..) | Scope::All => super::list(txn, range, limit).await?,
    };
    let mut workspaces = Vec::with_capacity(places.len());
    for place in places {
        workspaces.extend(get(txn, place.tenant, place.workspace).await?);
    }
    Ok(workspaces)
}

/// Every workspace the reconciler has to look after, `limit` at a time.
pub(crate) async fn pending(txn: &Txn, after: Option<WorkspaceId>, limit: usize) -> Result<Vec<WorkspaceId>, AppError> {
    let mut range = keys::pending_workspaces();
    if let Some(after) = after {
        range = range.after(&keys::workspace_work(after));
    }
    let places = super::list::<WorkspacePlace>(txn, range, limit).await?;
    Ok(places.iter().map(|place| place.workspace).collect())
}
