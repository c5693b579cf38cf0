//! Workspaces: requests write what is wanted; the reconciler (`tasks::reconcile`) makes it so.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use coditect_api::error::ErrorKind;
use coditect_model::audit::Action;
use coditect_model::id::WorkspaceId;
use coditect_model::name::WorkspaceName;
use coditect_model::tier::{DEFAULT_TIER, Limits};
use coditect_model::workspace::Desired;
use coditect_store::Txn;

use super::audit::Stamp;
use super::authority::{Authority, Right};
use super::slots::TakeOver;
use super::tier::limits_of;
use crate::caller::{Caller, Me};
use crate::config::ControlConfig;
use crate::control::Control;
use crate::error::AppError;
use crate::records::workspace::{self, FIRST_GENERATION, Scope, StatusRecord, Workspace, WorkspaceRecord};
use crate::records::{session, user};

/// A workspace with its owner's tier.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) workspace: Workspace,
    pub(crate) tier: String,
    pub(crate) limits: Limits,
}

impl Control {
    pub(crate) async fn create_workspace(&self, me: Me, name: &str, start: bool) -> Result<Seen, AppError> {
        let name = WorkspaceName::parse(name).map_err(|error| AppError::value("name", error.to_string()))?;
        let (id, now) = (WorkspaceId::random(&*self.entropy), self.clock.now());
        let (name, stamp) = (&name, self.stamp_me(me));
        let seen = self
            .store
            .transact("create workspace", |txn| async move {
                let owner = Authority::me(&txn, me).await?;
                if let Some(workspace) = workspace::get(&txn, me.tenant, id).await? {
                    // An earlier attempt was committed after all.
                    return with_tier(&txn, &self.config, workspace).await;
                }
                let limits = limits_of(&txn, &self.config, &owner.tier).await?;
                let most = usize::try_from(limits.workspaces).unwrap_or(usize::MAX);
                if workspace::count_of_user(&txn, me.tenant, me.user, most).await? >= most {
                    return Err(AppError::new(
                        ErrorKind::LimitExceeded,
                        format!("the tier `{}` allows {most} workspaces; delete one first", owner.tier),
                    )
                    .with("limit", "workspaces")
                    .with("tier", owner.tier)
                    .with("value", limits.workspaces));
                }
                if start {
                    self.make_room(&txn, &owner, &limits, id, TakeOver::No, stamp).await?;
                }
                let record = WorkspaceRecord {
                    id,
                    tenant: me.tenant,
                    owner: me.user,
                    name: name.clone(),
                    created_at: now,
                    desired: if start { Desired::Running } else { Desired::Stopped },
                    generation: FIRST_GENERATION,
                };
                workspace::insert(&txn, &record);
                let entry = stamp.entry(Action::WorkspaceCreated).on(id).with("name", name.as_str());
                stamp.write(&txn, me.tenant, &entry.with("start", start));
                let workspace = Workspace { record, status: StatusRecord::default() };
                Ok(Seen { workspace, tier: owner.tier, limits })
            })
            .await?;
        tracing::info!(workspace = %id, user = %me.user, start, "workspace made");
        if start {
            self.wished(&seen.workspace);
        }
        Ok(seen)
    }

    pub(crate) async fn workspaces(
        &self,
        caller: &Caller,
        list: WorkspaceList,
        after: Option<WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Seen>, AppError> {
        self.store
            .transact("list workspaces", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let scope = match (list, &authority) {
                    (WorkspaceList::All, _) => {
                        authority.require_admin()?;
                        Scope::All
                    }
                    (_, Authority::Operator) => Scope::All,
                    (WorkspaceList::Tenant, Authority::User(_)) => Scope::Tenant(authority.tenant_owner()?.tenant),
                    (WorkspaceList::Own, Authority::User(me)) => Scope::User(me.tenant, me.id),
                };
                let mut seen = Vec::new();
                for mut workspace in workspace::page(&txn, scope, after, limit).await? {
                    self.board.overlay(&mut workspace);
                    seen.push(with_tier(&txn, &self.config, workspace).await?);
                }
                Ok(seen)
            })
            .await
    }

    pub(crate) async fn workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<Seen, AppError> {
        self.store
            .transact("get workspace", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let (mut workspace, _) = authority.workspace(&txn, id).await?;
                self.board.overlay(&mut workspace);
                with_tier(&txn, &self.config, workspace).await
            })
            .await
    }

    pub(crate) async fn rename_workspace(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        name: Option<&str>,
    ) -> Result<Seen, AppError> {
        let name = match name {
            Some(text) => Some(WorkspaceName::parse(text).map_err(|error| AppError::value("name", error.to_string()))?),
            None => None,
        };
        let name = &name;
        self.change(caller, id, ("rename workspace", Action::WorkspaceRenamed), |right, workspace| {
            require(right, &[Right::Owner])?;
            if let Some(name) = name {
                workspace.record.name = name.clone();
                return Ok(Change::Definition);
            }
            Ok(Change::None)
        })
        .await
    }

    /// Wishes a workspace running, if its owner may have one more.
    pub(crate) async fn start_workspace(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        take_over: TakeOver,
    ) -> Result<Seen, AppError> {
        // Set by an attempt whose commit may have happened: the next one finds nothing left to change.
        let (wished, stamp) = (&AtomicBool::new(false), self.stamp(caller));
        let (seen, ended) = self
            .store
            .transact("start workspace", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let (mut workspace, right) = authority.workspace(&txn, id).await?;
                require(right, &[Right::Owner, Right::Administrator, Right::Operator])?;
                if right != Right::Owner && take_over != TakeOver::No {
                    return Err(AppError::forbidden("only its owner may close other workspaces for this one"));
                }
                self.board.overlay(&mut workspace);
                let ended = self.wish_running_within_limit(&txn, &mut workspace, take_over, stamp).await?;
                if ended.is_some() {
                    wished.store(true, Relaxed);
                    let entry = stamp.entry(Action::WorkspaceStarted).on(id);
                    let entry = entry.with("name", workspace.record.name.as_str());
                    stamp.write(&txn, workspace.record.tenant, &entry);
                }
                Ok::<_, AppError>((with_tier(&txn, &self.config, workspace).await?, ended.unwrap_or_default()))
            })
            .await?;
        if wished.load(Relaxed) {
            tracing::info!(workspace = %id, by = caller.name(), wish = "start workspace", "wish written");
        }
        self.taken_over(&ended);
        self.wished(&seen.workspace);
        Ok(seen)
    }

    /// Writes the wish that a workspace runs, if that is new, within what its owner's tier allows. Answers what was
    /// closed for it when it wrote one.
    pub(crate) async fn wish_running_within_limit(
        &self,
        txn: &Txn,
        workspace: &mut Workspace,
        take_over: TakeOver,
        stamp: Stamp,
    ) -> Result<Option<Vec<Workspace>>, AppError> {
        if !matches!(wish_running(workspace)?, Change::Wish) {
            return Ok(None);
        }
        let record = &workspace.record;
        let ended = match user::get(txn, record.tenant, record.owner).await? {
            Some(owner) => {
                let limits = limits_of(txn, &self.config, &owner.tier).await?;
                self.make_room(txn, &owner, &limits, record.id, take_over, stamp).await?
            }
            None => Vec::new(),
        };
        workspace::put(txn, record);
        Ok(Some(ended))
    }

    pub(crate) async fn stop_workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<Seen, AppError> {
        self.change(caller, id, ("stop workspace", Action::WorkspaceStopped), |_, workspace| {
            match workspace.record.desired {
                Desired::Running => {
                    workspace.record.desired = Desired::Stopped;
                    workspace.record.generation = workspace.record.generation.next();
                    Ok(Change::Wish)
                }
                Desired::Stopped => Ok(Change::None),
                Desired::Deleted => Err(AppError::conflict("this workspace is being deleted")),
            }
        })
        .await
    }

    /// Wishes a workspace away, and closes its owner's session on it.
    pub(crate) async fn delete_workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<Seen, AppError> {
        // Set by an attempt whose commit may have happened.
        let (changed, stamp) = (&AtomicBool::new(false), self.stamp(caller));
        let seen = self
            .store
            .transact("delete workspace", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let (mut workspace, right) = authority.workspace(&txn, id).await?;
                require(right, &[Right::Owner])?;
                self.board.overlay(&mut workspace);
                if workspace.record.desired != Desired::Deleted {
                    changed.store(true, Relaxed);
                    workspace.record.desired = Desired::Deleted;
                    workspace.record.generation = workspace.record.generation.next();
                    workspace::put(&txn, &workspace.record);
                    let entry =
                        stamp.entry(Action::WorkspaceDeleted).on(id).with("name", workspace.record.name.as_str());
                    stamp.write(&txn, workspace.record.tenant, &entry);
                    session::clear_workspace(&txn, workspace.record.tenant, workspace.record.owner, id).await?;
                }
                with_tier(&txn, &self.config, workspace).await
            })
            .await?;
        if changed.load(Relaxed) {
            tracing::info!(workspace = %id, by = caller.name(), "workspace wished away");
            self.live.forget(id);
            self.wished(&seen.workspace);
        }
        Ok(seen)
    }

    /// Reads a workspace, lets `decide` change it, writes what it changed, and tells the reconciler of a new wish.
    async fn change<F>(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        (name, action): (&'static str, Action),
        decide: F,
    ) -> Result<Seen, AppError>
    where
        F: Fn(Right, &mut Workspace) -> Result<Change, AppError> + Send + Sync,
    {
        // Set by an attempt whose commit may have happened: the next one finds nothing left to change.
        let (wished, stamp) = (&AtomicBool::new(false), self.stamp(caller));
        let decide = &decide;
        let seen = self
            .store
            .transact(name, |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let (mut workspace, right) = authority.workspace(&txn, id).await?;
                self.board.overlay(&mut workspace);
                let change = decide(right, &mut workspace)?;
                match change {
                    Change::None => {}
                    Change::Definition => workspace::put_definition(&txn, &workspace.record),
                    Change::Wish => {
                        wished.store(true, Relaxed);
                        workspace::put(&txn, &workspace.record);
                    }
                }
                if !matches!(change, Change::None) {
                    let entry = stamp.entry(action).on(id).with("name", workspace.record.name.as_str());
                    stamp.write(&txn, workspace.record.tenant, &entry);
                }
                with_tier(&txn, &self.config, workspace).await
            })
            .await?;
        if wished.load(Relaxed) {
            tracing::info!(workspace = %id, by = caller.name(), wish = name, "wish written");
        }
        self.wished(&seen.workspace);
        Ok(seen)
    }

    /// A wish is committed: requests that wait see it, and the reconciler looks at it now rather than at its next
    /// round.
    pub(crate) fn wished(&self, workspace: &Workspace) {
        self.board.wish(workspace);
        if !workspace.settled() {
            self.nudge(workspace.record.id);
        }
    }

    /// Waits until a workspace is as wished, its start has failed, or the time is up; answers it as it is then, and
    /// nothing when it is gone.
    pub(crate) async fn settle(&self, workspace: Workspace, wait_ms: u64) -> Option<Workspace> {
        if workspace.settled() {
            return Some(workspace);
        }
        let wait = Duration::from_millis(wait_ms.min(self.config.wake_timeout_ms));
        let mut watch = self.board.watch(workspace.record.id);
        let generation = workspace.record.generation;
        let settled = watch.wait_for(|seen: &Option<Arc<Workspace>>| {
            seen.as_ref().is_none_or(|seen| seen.settled() || seen.record.generation > generation)
        });
        match tokio::time::timeout(wait, settled).await {
            Ok(Ok(seen)) => seen.as_deref().cloned(),
            // Time is up, or the board has dropped its end with the workspace gone: what it shows now is the answer.
            Ok(Err(_)) | Err(_) => match self.board.get(workspace.record.id) {
                Some(seen) => Some(Workspace::clone(&seen)),
                None => Some(workspace),
            },
        }
    }

    /// The workspace as the API shows it, with its use when it runs.
    pub(crate) async fn show(&self, seen: &Seen) -> coditect_api::workspace::Workspace {
        let usage = match seen.workspace.state() {
            coditect_model::workspace::State::Running => self.hosts.usage(seen.workspace.record.id).await,
            _ => None,
        };
        seen.workspace.to_api(&seen.tier, &seen.limits, usage)
    }
}

/// Which workspaces to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkspaceList {
    Own,
    Tenant,
    All,
}

/// What a decision changed.
pub(crate) enum Change {
    None,
    Definition,
    Wish,
}

/// Wishes a workspace running: a new wish unless it is already wished and has not failed.
pub(crate) fn wish_running(workspace: &mut Workspace) -> Result<Change, AppError> {
    let failed = workspace.status.failed == Some(workspace.record.generation);
    match workspace.record.desired {
        Desired::Running if !failed => Ok(Change::None),
        Desired::Running | Desired::Stopped => {
            workspace.record.desired = Desired::Running;
            workspace.record.generation = workspace.record.generation.next();
            Ok(Change::Wish)
        }
        Desired::Deleted => Err(AppError::conflict("this workspace is being deleted")),
    }
}

fn require(right: Right, allowed: &[Right]) -> Result<(), AppError> {
    if allowed.contains(&right) {
        Ok(())
    } else {
        Err(AppError::forbidden("only the owner of this workspace may do that"))
    }
}

pub(crate) async fn with_tier(txn: &Txn, config: &ControlConfig, workspace: Workspace) -> Result<Seen, AppError> {
    let owner = user::get(txn, workspace.record.tenant, workspace.record.owner).await?;
    let tier = owner.map_or_else(|| DEFAULT_TIER.to_owned(), |owner| owner.tier);
    let limits = limits_of(txn, config, &tier).await?;
    Ok(Seen { workspace, tier, limits })
}
