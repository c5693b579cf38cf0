//! `GET /v1/trash`, `POST /v1/trash/restore`, `POST /v1/trash/empty`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coditect_api::files::{FileEntry, RestoreTrash, TrashEntry};
use coditect_api::page::Page;
use http::StatusCode;

use crate::error::Result;
use crate::files::extract::Body;
use crate::files::work::{LONG, SHORT, run};
use crate::files::{Params, Places};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::files) struct TrashQuery {
    after: Option<String>,
    limit: Option<usize>,
}

pub(in crate::files) async fn list(
    State(places): State<Arc<Places>>,
    Params(query): Params<TrashQuery>,
) -> Result<Json<Page<TrashEntry>>> {
    let limit = query.limit.unwrap_or(super::PAGE_MAX);
    run(&SHORT, move |cancel| super::list(&places, query.after.as_deref(), limit, cancel).map(Json)).await
}

pub(in crate::files) async fn restore(
    State(places): State<Arc<Places>>,
    Body(body): Body<RestoreTrash>,
) -> Result<Json<FileEntry>> {
    run(&LONG, move |cancel| super::restore(&places, &body.id, cancel).map(Json)).await
}

pub(in crate::files) async fn empty(State(places): State<Arc<Places>>) -> Result<StatusCode> {
    run(&LONG, move |cancel| super::empty(&places, cancel).map(|()| StatusCode::NO_CONTENT)).await
}
