//! Answers that several routes share.

use coditect_api::page::Page;
use coditect_api::session::OpenedSession;

use crate::app::session::{Opened, to_api};
use crate::caller::Me;
use crate::control::Control;
use crate::error::AppError;

/// What a handler answers.
pub(super) type Answer<T> = Result<T, AppError>;

/// A page that has a next one when it is full.
pub(super) fn page<T>(items: Vec<T>, limit: usize, id: impl Fn(&T) -> String) -> Page<T> {
    let next = if items.len() == limit { items.last().map(id) } else { None };
    Page { items, next }
}

/// A session with its workspace and a fresh grant for it.
pub(super) async fn opened(control: &Control, me: Me, opened: Opened) -> Answer<OpenedSession> {
    Ok(OpenedSession {
        session: to_api(me, &opened.session, opened.layout),
        workspace: control.show(&opened.seen).await,
        access: control.access(me, &opened.seen.workspace)?,
    })
}
