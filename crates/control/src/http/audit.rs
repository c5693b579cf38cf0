//! `/api/v5/audit*`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use coditect_api::audit::{AuditPage, AuditVerification};
use coditect_api::error::ErrorBody;
use coditect_model::ambient::Timestamp;
use coditect_model::audit::chain::Head;
use coditect_model::id::TenantId;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;

use super::answer::Answer;
use super::query::Params;
use crate::app::audit::{Filter, Which};
use crate::app::{PAGE_DEFAULT, PAGE_MAX};
use crate::caller::Caller;
use crate::control::Control;
use crate::error::AppError;

/// Which log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// `actions` (the default: logins, workspaces, grants), `files` (what happened to files), or `installation` (what
    /// belongs to no tenant; administrators).
    pub(super) log: Option<String>,
    /// The tenant; absent: the caller's own. Others: administrators.
    pub(super) tenant_id: Option<String>,
}

impl LogParams {
    fn which(&self) -> Result<(Which, Option<TenantId>), AppError> {
        let which = match self.log.as_deref() {
            None | Some("actions") => Which::Actions,
            Some("files") => Which::Files,
            Some("installation") => Which::Installation,
            Some(_) => return Err(AppError::value("log", "the log must be `actions`, `files` or `installation`")),
        };
        let tenant = match self.tenant_id.as_deref() {
            Some(text) => Some(text.parse().map_err(|_| AppError::value("tenant_id", "this is not a tenant id"))?),
            None => None,
        };
        Ok((which, tenant))
    }
}

/// Which part of which log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// `actions` (the default: logins, workspaces, grants), `files` (what happened to files), or `installation` (what
    /// belongs to no tenant; administrators).
    pub(super) log: Option<String>,
    /// The tenant; absent: the caller's own. Others: administrators.
    pub(super) tenant_id: Option<String>,
    /// Only what this actor did: `usr_…`, `operator`, `anonymous`, `workspace`, `platform`.
    pub(super) actor: Option<String>,
    /// Only this action (`login.failed`) or kind of action (`login`).
    pub(super) action: Option<String>,
    /// Only what was done to this workspace.
    pub(super) workspace: Option<String>,
    /// Only what happened at this time or later, milliseconds since the epoch.
    pub(super) from: Option<i64>,
    /// Only what happened at this time or earlier, milliseconds since the epoch.
    pub(super) to: Option<i64>,
    /// `next` of the page before: only what lies before this place.
    pub(super) before: Option<u64>,
    /// Entries of a page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<usize>,
}

/// A page of an audit log, newest first.
#[utoipa::path(get, path = "/api/v5/audit", tag = "audit", params(AuditParams),
    responses((status = 200, description = "A page", body = AuditPage),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn list_audit(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Answer<Json<AuditPage>> {
    let log = LogParams { log: params.log, tenant_id: params.tenant_id }.which()?;
    let limit = params.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(AppError::request(format!("`limit` lies between 1 and {PAGE_MAX}")));
    }
    let filter = Filter {
        actor: match params.actor.as_deref() {
            Some(text) => Some(text.parse().map_err(|_| AppError::value("actor", "this is not an actor"))?),
            None => None,
        },
        action: params.action,
        workspace: match params.workspace.as_deref() {
            Some(text) => Some(text.parse().map_err(|_| AppError::value("workspace", "this is not a workspace id"))?),
            None => None,
        },
        from: params.from.map(Timestamp),
        to: params.to.map(Timestamp),
    };
    Ok(Json(control.audit_page(&caller, log, &filter, params.before, limit).await?))
}

/// Checks a whole log against its signed head.
#[utoipa::path(get, path = "/api/v5/audit/verification", tag = "audit", params(LogParams),
    responses((status = 200, description = "What it came to", body = AuditVerification),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn verify_audit(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Params(params): Params<LogParams>,
) -> Answer<Json<AuditVerification>> {
    let (which, tenant) = params.which()?;
    Ok(Json(control.audit_verification(&caller, which, tenant).await?))
}

/// A whole log as JSON lines: the signed head first, then every entry with its hashes. `coditect audit verify --file`
/// checks it.
#[utoipa::path(get, path = "/api/v5/audit/export", tag = "audit", params(LogParams),
    responses((status = 200, description = "JSON lines", body = String, content_type = "application/x-ndjson"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn export_audit(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Params(params): Params<LogParams>,
) -> Answer<Response> {
    let (which, tenant) = params.which()?;
    let head = control.export_head(&caller, which, tenant).await?;
    let name = format!("attachment; filename=\"audit-{}.jsonl\"", head.log.to_string().replace('/', "-"));
    let first = line(&serde_json::json!({ "head": head, "public_key": control.audit_key.public }))?;
    let start = Export { control, next: head.cut.seq + 1, head, first: Some(first) };
    let mut response = Body::from_stream(futures_util::stream::try_unfold(start, Export::step)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(AppError::internal)?);
    Ok(response)
}

fn line(value: &impl serde::Serialize) -> Result<Bytes, AppError> {
    let mut bytes = serde_json::to_vec(value).map_err(AppError::internal)?;
    bytes.push(b'\n');
    Ok(bytes.into())
}

/// An export under way: one page of entries in memory at a time.
struct Export {
    control: Arc<Control>,
    head: Head,
    next: u64,
    first: Option<Bytes>,
}

impl Export {
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, AppError> {
        if let Some(first) = self.first.take() {
            return Ok(Some((first, self)));
        }
        let links = self.control.export_page(self.head.log, self.next, self.head.last.seq).await?;
        let Some(last) = links.last() else { return Ok(None) };
        if links[0].seq != self.next {
            // The retention has just removed them: a file that says otherwise would look as if somebody had.
            return Err(AppError::unavailable("the log was cut while it was exported; export it again"));
        }
        self.next = last.seq + 1;
        let mut lines = Vec::new();
        for link in &links {
            lines.extend_from_slice(&line(link)?);
        }
        Ok(Some((lines.into(), self)))
    }
}
