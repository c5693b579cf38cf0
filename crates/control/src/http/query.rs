//! What stands in the address: ids in the path, parameters behind it.

use axum::extract::{FromRequestParts, Path, Query};
use coditect_model::id::{Id, Kind};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::{PAGE_DEFAULT, PAGE_MAX};
use crate::error::AppError;

/// Longest a request waits for a workspace, in milliseconds.
const WAIT_MAX_MS: u64 = 30_000;

/// The one id in a path.
pub(super) struct PathId<K: Kind>(pub(super) Id<K>);

impl<S: Send + Sync, K: Kind> FromRequestParts<S> for PathId<K> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| AppError::request("the address cannot be read"))?;
        text.parse().map(Self).map_err(|error: coditect_model::id::ParseIdError| AppError::request(error.to_string()))
    }
}

/// Longest name in a path, in bytes.
const NAME_MAX_BYTES: usize = 256;

/// The one name in a path, whatever it is: who uses it checks it.
pub(super) struct PathName(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) if text.len() <= NAME_MAX_BYTES => Ok(Self(text)),
            _ => Err(AppError::request("the address cannot be read")),
        }
    }
}

/// The parameters of a query.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let Query(params) = Query::<T>::from_request_parts(parts, state).await.map_err(|rejection| {
            let text: String = rejection.body_text().chars().filter(|c| !c.is_control()).take(200).collect();
            AppError::request(format!("a parameter of the address is not right: {text}"))
        })?;
        Ok(Self(params))
    }
}

/// How long to wait for what was asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Milliseconds to wait for the workspace to be as asked, at most 30000. The answer shows it as it is then.
    #[serde(default)]
    #[param(maximum = 30000)]
    pub(super) wait_ms: u64,
}

impl Wait {
    pub(super) fn checked(&self) -> Result<u64, AppError> {
        if self.wait_ms <= WAIT_MAX_MS {
            Ok(self.wait_ms)
        } else {
            Err(AppError::request(format!("`wait_ms` may be at most {WAIT_MAX_MS}")))
        }
    }
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// `next` of the page before.
    pub(super) after: Option<String>,
    /// Entries of a page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<usize>,
    /// Everything in the installation. Administrators only.
    #[serde(default)]
    pub(super) all: bool,
    /// Everything in the caller's tenant. Its owners only. (Users are always those of the tenant.)
    #[serde(default)]
    pub(super) tenant: bool,
}

impl ListParams {
    pub(super) fn page<K: Kind>(&self) -> Result<(Option<Id<K>>, usize), AppError> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(AppError::request(format!("`limit` lies between 1 and {PAGE_MAX}")));
        }
        let after = match self.after.as_deref() {
            Some(text) => Some(text.parse().map_err(|_| AppError::request("`after` is not `next` of another page"))?),
            None => None,
        };
        Ok((after, limit))
    }
}
