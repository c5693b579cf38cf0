//! The files origin: downloads by plain navigation, away from the control origin and always saved, never shown.

use axum::body::Body;
use coditect_api::error::ErrorKind;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;

use crate::answer::Failure;
use crate::authority::Route;
use crate::destination::Site;
use crate::dispatch::Call;
use crate::logins::Guard;
use crate::serve::Shared;

/// What may be fetched here.
const DOWNLOADS: [&str; 2] = ["/v1/files/read", "/v1/files/archive"];
/// Longest part of a `Content-Disposition` that is kept, in bytes.
const DISPOSITION_MAX_BYTES: usize = 2048;

impl Shared {
    /// Passes a download on to the agent.
    pub(crate) async fn download(
        &self,
        call: &Call,
        site: Site,
        route: Route,
        request: Request<Incoming>,
        login: Guard,
    ) -> Result<Response<Body>, Failure> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Failure::new(ErrorKind::MethodNotAllowed, "Files are only downloaded from here."));
        }
        if !DOWNLOADS.contains(&request.uri().path()) {
            return Err(Failure::new(ErrorKind::NotFound, "There is nothing to download at this address."));
        }
        let target = request.uri().path_and_query().map(|target| target.as_str().parse());
        let Some(Ok(target)) = target else {
            return Err(Failure::new(ErrorKind::InvalidRequest, "The address cannot be understood."));
        };
        let mut answer = self.relay_to_agent(call, site.workspace, route, request, target, None, login).await?;
        if answer.status().is_success() {
            force_download(answer.headers_mut());
        }
        Ok(answer)
    }
}

/// Whatever the agent says of type and disposition, the browser saves it.
pub(crate) fn force_download(headers: &mut HeaderMap) {
    let gzip = headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/gzip");
    let kind = if gzip { "application/gzip" } else { "application/octet-stream" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = headers
        .get(header::CONTENT_DISPOSITION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(';'))
        .map(|(_, parameters)| parameters.trim())
        .filter(|parameters| parameters.len() <= DISPOSITION_MAX_BYTES);
    let forced = name.and_then(|name| HeaderValue::from_str(&format!("attachment; {name}")).ok());
    headers.insert(header::CONTENT_DISPOSITION, forced.unwrap_or(HeaderValue::from_static("attachment")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_inline() {
        for (given, forced) in [
            (Some("inline; filename=\"a.html\""), "attachment; filename=\"a.html\""),
            (Some("inline"), "attachment"),
            (None, "attachment"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            if let Some(given) = given {
                headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(given));
            }
            force_download(&mut headers);
            assert_eq!(headers[header::CONTENT_DISPOSITION], forced);
            assert_eq!(headers[header::CONTENT_TYPE], "application/octet-stream");
        }
    }
}
