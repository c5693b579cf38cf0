//! The OpenAPI document: generated from the handlers, served, and the source of the web client's types.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

/// What does not stand on a handler. The agent's types are here too: its API is reached through the router under
/// `/w/{label}/v1`, and clients generate all their types from this one document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Coditect",
        description = "Workspaces, sessions and accounts. A workspace's own API (files, terminals, search) lies under \
                       `/w/{label}/v1` and takes the grant that opening a session answers."
    ),
    modifiers(&Security),
    security(("bearer" = []), ("cookie" = [])),
    tags(
        (name = "auth", description = "Accounts and tokens"),
        (name = "sessions", description = "A user's ongoing use of a workspace"),
        (name = "workspaces", description = "Workspaces"),
        (name = "users", description = "Users and tiers, for owners and administrators"),
        (name = "invitations", description = "Invitations into a tenant"),
        (name = "audit", description = "Who did what, for owners and administrators"),
        (name = "health", description = "For load balancers and people on call"),
    ),
    components(schemas(
        coditect_api::agent::AgentStatus,
        coditect_api::agent::Port,
        coditect_api::agent::EventsRequest,
        coditect_api::agent::Event,
        coditect_api::agent::Notice,
        coditect_api::agent::NoticeKind,
        coditect_api::agent::Change,
        coditect_api::agent::ChangeKind,
        coditect_api::agent::Exec,
        coditect_api::agent::ExecEvent,
        coditect_api::files::FileKind,
        coditect_api::files::FileEntry,
        coditect_api::files::Listing,
        coditect_api::files::PathBody,
        coditect_api::files::FromTo,
        coditect_api::files::DeleteFile,
        coditect_api::files::Deleted,
        coditect_api::files::TrashEntry,
        coditect_api::files::RestoreTrash,
        coditect_api::search::NameMatch,
        coditect_api::search::ContentEvent,
        coditect_api::terminal::Terminal,
        coditect_api::terminal::CreateTerminal,
        coditect_api::terminal::UpdateTerminal,
        coditect_api::terminal::ClientFrame,
        coditect_api::terminal::ServerFrame,
    ))
)]
struct Base;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token, for programs"))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKeyValue::with_description(
            "__Host-coditect_access",
            "The browser's cookie; requests that change something need our own Origin beside it",
        );
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The document of the whole API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    document.merge(super::routes().into_openapi());
    document
}

/// This document.
#[utoipa::path(get, path = "/api/v5/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn openapi_document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        openapi().to_json().expect("the document is plain data with string keys: it always serialises")
    });
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], TEXT.as_str()).into_response()
}
