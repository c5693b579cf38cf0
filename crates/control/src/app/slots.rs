//! How many of a user's workspaces may be open or running at once, and what makes room for one more.
//!
//! **Invariants**: decided in the transaction that opens or starts one, over everything the user has, so that two
//! devices at once cannot both get the last place; what is open already stays open, also when the tier shrinks.

use coditect_api::error::ErrorKind;
use coditect_model::ambient::Timestamp;
use coditect_model::audit::Action;
use coditect_model::id::WorkspaceId;
use coditect_model::tier::Limits;
use coditect_model::workspace::Desired;
use coditect_store::Txn;

use super::PAGE_MAX;
use super::audit::Stamp;
use crate::control::Control;
use crate::error::AppError;
use crate::records::session::{self, SessionRecord};
use crate::records::user::UserRecord;
use crate::records::workspace::{self, Scope, Workspace};

/// What a request says about the others when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakeOver {
    /// They stay: the request is refused, with a list of them.
    No,
    /// As many as it takes are closed, those unused for longest first.
    Oldest,
    /// This one is closed.
    This(WorkspaceId),
}

impl TakeOver {
    /// As a request has it.
    pub(crate) fn parse(take_over: bool, close: Option<&str>) -> Result<Self, AppError> {
        match (take_over, close) {
            (false, None) => Ok(Self::No),
            (true, None) => Ok(Self::Oldest),
            (_, Some(text)) => {
                let id = text.parse().map_err(|_| AppError::value("close", "this is not a workspace id"))?;
                Ok(Self::This(id))
            }
        }
    }
}

/// A workspace that counts: somebody uses it, or it runs.
struct Open {
    workspace: Workspace,
    session: Option<SessionRecord>,
    used_at: Timestamp,
}

impl Control {
    /// Makes sure that the user may have `wanted` open. Answers the workspaces that are wished to stop for it; tell the
    /// board of them once the transaction is committed.
    pub(crate) async fn make_room(
        &self,
        txn: &Txn,
        owner: &UserRecord,
        limits: &Limits,
        wanted: WorkspaceId,
        take_over: TakeOver,
        stamp: Stamp,
    ) -> Result<Vec<Workspace>, AppError> {
        let mut open = self.open_workspaces(txn, owner).await?;
        let before = open.len();
        open.retain(|open| open.workspace.record.id != wanted);
        let most = usize::try_from(limits.concurrent_sessions).unwrap_or(usize::MAX);
        if open.len() < before || open.len() < most {
            return Ok(Vec::new());
        }
        open.sort_by_key(|open| open.used_at);
        let excess = open.len() + 1 - most;
        let (ending, staying): (Vec<Open>, Vec<Open>) = match take_over {
            TakeOver::No => (Vec::new(), open),
            TakeOver::Oldest => {
                let staying = open.split_off(excess);
                (open, staying)
            }
            TakeOver::This(id) => open.into_iter().partition(|open| open.workspace.record.id == id),
        };
        if staying.len() >= most {
            return Err(too_many(&owner.tier, most, &staying));
        }
        let mut ended = Vec::with_capacity(ending.len());
        for Open { mut workspace, session, .. } in ending {
            if let Some(session) = session {
                session::clear(txn, owner.tenant, owner.id, &session);
            }
            if workspace.record.desired == Desired::Running {
                workspace.record.desired = Desired::Stopped;
                workspace.record.generation = workspace.record.generation.next();
                workspace::put(txn, &workspace.record);
            }
            ended.push(workspace);
        }
        if !ended.is_empty() {
            let names: Vec<String> = ended.iter().map(|workspace| workspace.record.id.to_string()).collect();
            let entry = stamp.entry(Action::SessionTakenOver).on(wanted).with("closed", names.join(" "));
            stamp.write(txn, owner.tenant, &entry.with("limit", most));
        }
        Ok(ended)
    }

    /// Everything of a user's that counts.
    async fn open_workspaces(&self, txn: &Txn, owner: &UserRecord) -> Result<Vec<Open>, AppError> {
        let sessions = session::of_user(txn, owner.tenant, owner.id).await?;
        let active_since = self.clock.now().plus_s(-self.config.session_active_s);
        let (mut open, mut after) = (Vec::new(), None);
        loop {
            let page = workspace::page(txn, Scope::User(owner.tenant, owner.id), after, PAGE_MAX).await?;
            after = page.last().map(|last| last.record.id);
            let last = page.len() < PAGE_MAX;
            for mut workspace in page {
                let session = sessions.iter().find(|session| session.workspace == workspace.record.id).cloned();
                let active = session.as_ref().is_some_and(|session| session.last_seen_at > active_since);
                let failed = workspace.status.failed == Some(workspace.record.generation);
                let runs = workspace.record.desired == Desired::Running && !failed;
                if workspace.record.desired != Desired::Deleted && (active || runs) {
                    self.board.overlay(&mut workspace);
                    let started = workspace.status.started_at.unwrap_or(workspace.record.created_at);
                    let used_at = session.as_ref().map_or(started, |session| session.last_seen_at);
                    open.push(Open { workspace, session, used_at });
                }
            }
            if last {
                return Ok(open);
            }
        }
    }

    /// The workspaces that a request has wished to stop: those who wait for them see it, and the reconciler is told.
    pub(crate) fn taken_over(&self, ended: &[Workspace]) {
        for workspace in ended {
            tracing::info!(workspace = %workspace.record.id, "closed to make room for another");
            self.wished(workspace);
        }
    }
}

fn too_many(tier: &str, most: usize, open: &[Open]) -> AppError {
    let shown = |open: &Open| {
        let (record, session) = (&open.workspace.record, open.session.as_ref());
        let started = open.workspace.status.started_at.unwrap_or(record.created_at);
        serde_json::json!({
            "id": session.map(|session| session.id.to_string()),
            "workspace_id": record.id.to_string(),
            "workspace_name": record.name.as_str(),
            "state": open.workspace.state(),
            "opened_at": session.map_or(started, |session| session.created_at).0,
            "last_seen_at": open.used_at.0,
            "device": session.and_then(|session| session.device.clone()),
        })
    };
    let names: Vec<String> =
        open.iter().take(3).map(|open| format!("\u{201c}{}\u{201d}", open.workspace.record.name.as_str())).collect();
    let more = if open.len() > names.len() { format!(" and {} more", open.len() - names.len()) } else { String::new() };
    let s = if most == 1 { "" } else { "s" };
    AppError::new(
        ErrorKind::LimitExceeded,
        format!(
            "the tier `{tier}` allows {most} open workspace{s} at once (concurrent_sessions), and {}{more} {} open; close \
             one first, or ask again with `take_over`",
            names.join(", "),
            if open.len() == 1 { "is" } else { "are" },
        ),
    )
    .with("limit", "concurrent_sessions")
    .with("value", most)
    .with("tier", tier)
    .with("sessions", open.iter().map(shown).collect::<Vec<_>>())
}
