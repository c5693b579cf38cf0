//! Sessions: a user's ongoing use of one workspace. One per user and workspace, resumed from any device.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use coditect_api::error::ErrorKind;
use coditect_api::session::{LAYOUT_MAX_BYTES, Session, UpdateSession};
use coditect_model::ambient::Timestamp;
use coditect_model::audit::Action;
use coditect_model::id::{SessionId, WorkspaceId};
use coditect_store::Txn;

use super::authority::{Authority, own_workspace};
use super::slots::TakeOver;
use super::tier::limits_of;
use super::workspace::{Change, Seen, wish_running};
use crate::caller::Me;
use crate::control::Control;
use crate::error::AppError;
use crate::records::session::{self, LayoutRecord, SessionRecord};
use crate::records::workspace;

/// How exactly the last use is kept.
const LAST_SEEN_STEP_MS: i64 = 60_000;

/// A session with its layout and workspace.
pub(crate) struct Opened {
    pub(crate) session: SessionRecord,
    pub(crate) layout: LayoutRecord,
    pub(crate) seen: Seen,
}

impl Control {
    /// Opens the caller's session on a workspace of theirs, or resumes the one there is.
    pub(crate) async fn open_session(
        &self,
        me: Me,
        workspace: WorkspaceId,
        start: bool,
        take_over: TakeOver,
        device: &str,
    ) -> Result<Opened, AppError> {
        let (fresh, now) = (SessionId::random(&*self.entropy), self.clock.now());
        let stamp = self.stamp_me(me);
        let (opened, ended) = self
            .store
            .transact("open session", |txn| async move {
                let owner = Authority::me(&txn, me).await?;
                let mut found = own_workspace(&txn, &owner, workspace).await?;
                self.board.overlay(&mut found);
                let limits = limits_of(&txn, &self.config, &owner.tier).await?;
                let ended = self.make_room(&txn, &owner, &limits, workspace, take_over, stamp).await?;
                let mut entry = stamp.entry(Action::SessionOpened).on(workspace);
                let session = match session::of_workspace(&txn, me.tenant, me.user, workspace).await? {
                    Some(mut record) => {
                        if touch(&mut record, now) || record.device.as_deref() != Some(device) {
                            record.device = Some(device.to_owned());
                            session::put(&txn, me.tenant, me.user, &record);
                        }
                        entry = entry.with("resumed", true);
                        record
                    }
                    None => {
                        let device = Some(device.to_owned());
                        let record = SessionRecord { id: fresh, workspace, created_at: now, last_seen_at: now, device };
                        session::put(&txn, me.tenant, me.user, &record);
                        record
                    }
                };
                stamp.write(&txn, me.tenant, &entry.to(session.id));
                if start && matches!(wish_running(&mut found)?, Change::Wish) {
                    stamp.write(&txn, me.tenant, &stamp.entry(Action::WorkspaceStarted).on(workspace));
                    workspace::put(&txn, &found.record);
                }
                let layout = session::layout(&txn, me.tenant, me.user, workspace).await?;
                let seen = Seen { workspace: found, tier: owner.tier, limits };
                Ok::<_, AppError>((Opened { session, layout, seen }, ended))
            })
            .await?;
        self.taken_over(&ended);
        self.wished(&opened.seen.workspace);
        Ok(opened)
    }

    /// The session the caller used last, if any.
    pub(crate) async fn last_session(&self, me: Me) -> Result<Option<Opened>, AppError> {
        self.store
            .transact("last session", |txn| async move {
                let owner = Authority::me(&txn, me).await?;
                let sessions = session::of_user(&txn, me.tenant, me.user).await?;
                let Some(session) = sessions.into_iter().max_by_key(|session| session.last_seen_at) else {
                    return Ok(None);
                };
                let Some(mut workspace) = workspace::get(&txn, me.tenant, session.workspace).await? else {
                    return Ok(None);
                };
                self.board.overlay(&mut workspace);
                let layout = session::layout(&txn, me.tenant, me.user, session.workspace).await?;
                let limits = limits_of(&txn, &self.config, &owner.tier).await?;
                Ok(Some(Opened { session, layout, seen: Seen { workspace, tier: owner.tier, limits } }))
            })
            .await
    }

    pub(crate) async fn sessions(&self, me: Me) -> Result<Vec<(SessionRecord, LayoutRecord)>, AppError> {
        self.store
            .transact("list sessions", |txn| async move {
                Authority::me(&txn, me).await?;
                let mut sessions = Vec::new();
                for record in session::of_user(&txn, me.tenant, me.user).await? {
                    let layout = session::layout(&txn, me.tenant, me.user, record.workspace).await?;
                    sessions.push((record, layout));
                }
                Ok(sessions)
            })
            .await
    }

    pub(crate) async fn session(&self, me: Me, id: SessionId) -> Result<(SessionRecord, LayoutRecord), AppError> {
        self.store
            .transact("get session", |txn| async move {
                let record = own_session(&txn, me, id).await?;
                let layout = session::layout(&txn, me.tenant, me.user, record.workspace).await?;
                Ok((record, layout))
            })
            .await
    }

    /// Keeps a new layout, unless another device was faster.
    pub(crate) async fn update_session(
        &self,
        me: Me,
        id: SessionId,
        input: UpdateSession,
    ) -> Result<(SessionRecord, LayoutRecord), AppError> {
        if !input.layout.is_object() {
            return Err(AppError::value("layout", "the layout must be a JSON object"));
        }
        if input.layout.to_string().len() > LAYOUT_MAX_BYTES {
            return Err(AppError::new(
                ErrorKind::PayloadTooLarge,
                format!("a layout may have {LAYOUT_MAX_BYTES} bytes of JSON"),
            )
            .with("limit_bytes", LAYOUT_MAX_BYTES));
        }
        let (now, input) = (self.clock.now(), &input);
        self.store
            .transact("update session", |txn| async move {
                let mut record = own_session(&txn, me, id).await?;
                let present = session::layout(&txn, me.tenant, me.user, record.workspace).await?;
                let next =
                    LayoutRecord { version: input.layout_version.saturating_add(1), layout: input.layout.clone() };
                if present.version != input.layout_version {
                    // An earlier attempt of this very request was committed after all: it is as wished.
                    if present.version == next.version && present.layout == next.layout {
                        return Ok((record, present));
                    }
                    return Err(AppError::new(
                        ErrorKind::PreconditionFailed,
                        "another device has changed this layout; take its version and try again",
                    )
                    .with("current_version", present.version)
                    .with("current", present.layout));
                }
                // A layout kept by a tab that slept does not count as use: that would get around the limit.
                if self.is_active(&record, now) && touch(&mut record, now) {
                    session::put(&txn, me.tenant, me.user, &record);
                }
                session::put_layout(&txn, me.tenant, me.user, record.workspace, &next);
                Ok((record, next))
            })
            .await
    }

    /// Closes a session. Its layout and everything in the workspace stays.
    pub(crate) async fn close_session(&self, me: Me, id: SessionId) -> Result<(), AppError> {
        // Set by an attempt whose commit may have happened.
        let (seen, stamp) = (&AtomicBool::new(false), self.stamp_me(me));
        self.store
            .transact("close session", |txn| async move {
                match own_session(&txn, me, id).await {
                    Ok(record) => {
                        seen.store(true, Relaxed);
                        session::clear(&txn, me.tenant, me.user, &record);
                        let entry = stamp.entry(Action::SessionClosed).on(record.workspace).to(record.id);
                        stamp.write(&txn, me.tenant, &entry);
                        Ok(())
                    }
                    Err(error) if error.kind == ErrorKind::NotFound && seen.load(Relaxed) => Ok(()),
                    Err(error) => Err(error),
                }
            })
            .await
    }

    /// The session's workspace, and the session marked as in use: what a renewed grant needs. One that was not used for
    /// so long that it does not count any more needs room again.
    pub(crate) async fn use_session(&self, me: Me, id: SessionId) -> Result<Seen, AppError> {
        let (now, stamp) = (self.clock.now(), self.stamp_me(me));
        self.store
            .transact("use session", |txn| async move {
                let owner = Authority::me(&txn, me).await?;
                let mut record = own_session(&txn, me, id).await?;
                let mut workspace = own_workspace(&txn, &owner, record.workspace).await?;
                self.board.overlay(&mut workspace);
                let limits = limits_of(&txn, &self.config, &owner.tier).await?;
                if !self.is_active(&record, now) {
                    self.make_room(&txn, &owner, &limits, record.workspace, TakeOver::No, stamp).await?;
                }
                // A tab renews its grant every few minutes; what asks in between is not written down again.
                if touch(&mut record, now) {
                    session::put(&txn, me.tenant, me.user, &record);
                    let entry = stamp.entry(Action::GrantIssued).on(record.workspace).to(record.id);
                    stamp.write(&txn, me.tenant, &entry.with("for", "session"));
                }
                Ok(Seen { workspace, tier: owner.tier, limits })
            })
            .await
    }
}

impl Control {
    /// Whether a session counts against the tier: it was used lately.
    fn is_active(&self, record: &SessionRecord, now: Timestamp) -> bool {
        record.last_seen_at > now.plus_s(-self.config.session_active_s)
    }
}

/// Whether the last use has moved on by a step.
fn touch(record: &mut SessionRecord, now: Timestamp) -> bool {
    let moved = now.since_ms(record.last_seen_at) >= LAST_SEEN_STEP_MS;
    if moved {
        record.last_seen_at = now;
    }
    moved
}

async fn own_session(txn: &Txn, me: Me, id: SessionId) -> Result<SessionRecord, AppError> {
    Authority::me(txn, me).await?;
    session::get(txn, me.tenant, me.user, id).await?.ok_or_else(|| AppError::not_found("session"))
}

pub(crate) fn to_api(me: Me, record: &SessionRecord, layout: LayoutRecord) -> Session {
    Session {
        id: record.id.to_string(),
        workspace_id: record.workspace.to_string(),
        user_id: me.user.to_string(),
        created_at: record.created_at.0,
        last_seen_at: record.last_seen_at.0,
        device: record.device.clone(),
        layout_version: layout.version,
        layout: layout.layout,
    }
}
