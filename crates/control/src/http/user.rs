//! `/api/v5/users*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coditect_api::error::ErrorBody;
use coditect_api::page::Page;
use coditect_api::user::{CreateUser, ResetPassword, UpdateUser, User, UserWithPassword};
use coditect_model::id;
use http::StatusCode;

use super::answer::{Answer, page};
use super::body::{Body, MaybeBody};
use super::query::{ListParams, Params, PathId};
use crate::caller::Caller;
use crate::control::Control;
use crate::records::user::UserRecord;

/// The users of the caller's tenant (its owners), or with `all` everybody (administrators).
#[utoipa::path(get, path = "/api/v5/users", tag = "users", params(ListParams),
    responses((status = 200, description = "A page", body = Page<User>),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn list_users(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Answer<Json<Page<User>>> {
    let (after, limit) = params.page()?;
    let users = control.users(&caller, params.all, after, limit).await?;
    Ok(Json(page(users.iter().map(UserRecord::to_api).collect(), limit, |user: &User| user.id.clone())))
}

/// Makes an account for somebody: an administrator anywhere, an owner in the own tenant.
#[utoipa::path(post, path = "/api/v5/users", tag = "users", request_body = CreateUser,
    responses((status = 201, description = "The account", body = UserWithPassword),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn create_user(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Body(input): Body<CreateUser>,
) -> Answer<(StatusCode, Json<UserWithPassword>)> {
    let (user, password) = control.create_user(&caller, input).await?;
    Ok((StatusCode::CREATED, Json(UserWithPassword { user: user.to_api(), password })))
}

/// A user: oneself, one of the own tenant (its owners), anybody (administrators).
#[utoipa::path(get, path = "/api/v5/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, description = "The user", body = User),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn get_user(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::User>,
) -> Answer<Json<User>> {
    Ok(Json(control.user(&caller, id).await?.to_api()))
}

/// Changes a user: the own name, or anything as an administrator. Disabling, and taking administration away, ends every
/// login of that user.
#[utoipa::path(patch, path = "/api/v5/users/{id}", tag = "users", params(("id" = String, Path)),
    request_body = UpdateUser,
    responses((status = 200, description = "The user", body = User),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn update_user(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::User>,
    Body(input): Body<UpdateUser>,
) -> Answer<Json<User>> {
    Ok(Json(control.update_user(&caller, id, input).await?.to_api()))
}

/// Sets somebody's password and ends every login of theirs. Administrators.
#[utoipa::path(post, path = "/api/v5/users/{id}/password", tag = "users", params(("id" = String, Path)),
    request_body = ResetPassword,
    responses((status = 200, description = "The account, with the password that was made", body = UserWithPassword),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn reset_password(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::User>,
    MaybeBody(input): MaybeBody<ResetPassword>,
) -> Answer<Json<UserWithPassword>> {
    let (user, password) = control.reset_password(&caller, id, input).await?;
    Ok(Json(UserWithPassword { user: user.to_api(), password }))
}
