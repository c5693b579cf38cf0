//! The routes against a real file system.

mod archive;
mod change;
mod list;
mod read;
mod trash;
mod write;

use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Places, path, router_in};

/// A place of its own for one test, and the routes over it.
pub(super) struct Fixture {
    pub(super) directory: tempfile::TempDir,
    /// On a file system of its own.
    pub(super) temp: tempfile::TempDir,
    pub(super) routes: Router,
}

/// What was answered, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: http::HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir_in("/tmp").expect("a temporary directory");
        let workspace = directory.path().join("workspace");
        let home = directory.path().join("home");
        for place in [&workspace, &home] {
            std::fs::create_dir(place).expect("an empty directory takes a new one");
        }
        let temp = tempfile::tempdir_in("/dev/shm").expect("a temporary directory in memory");
        let routes = router_in(Places { workspace, home, temp: temp.path().to_owned() });
        Self { directory, temp, routes }
    }

    /// A path in the workspace.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.directory.path().join("workspace")
        } else {
            self.directory.path().join("workspace").join(name)
        }
    }

    pub(super) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("below the workspace")).expect("made");
        std::fs::write(&path, content).expect("written");
        path
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Response {
        self.routes.clone().oneshot(request).await.expect("routes answer everything")
    }

    pub(super) async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.send(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.expect("a whole body").to_bytes().to_vec();
        Answer { status, headers, bytes }
    }

    pub(super) async fn get(&self, route: &str, query: &[(&str, &str)]) -> Answer {
        self.answer(request(Method::GET, &uri(route, query), &[], Body::empty())).await
    }

    pub(super) async fn post(&self, route: &str, body: Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.answer(request(Method::POST, route, &json, Body::from(body.to_string()))).await
    }

    pub(super) async fn write(&self, path: &Path, headers: &[(&str, &str)], content: impl Into<Body>) -> Answer {
        let uri = uri("/v1/files/write", &[("path", &path::encode(path))]);
        self.answer(request(Method::PUT, &uri, headers, content.into())).await
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(super) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// Asserts an error of this kind and answers its message.
    #[track_caller]
    pub(super) fn refuses(&self, kind: &str) -> String {
        let body = self.json();
        assert_eq!(body["error"]["kind"], kind, "{body}");
        body["error"]["message"].as_str().expect("a message").to_owned()
    }
}

pub(super) fn request(method: Method, uri: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).expect("a valid request")
}

/// The route with its query, every value URL-encoded.
pub(super) fn uri(route: &str, query: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from(route);
    for (index, (name, value)) in query.iter().enumerate() {
        write!(uri, "{}{name}=", if index == 0 { '?' } else { '&' }).expect("into a String");
        for byte in value.bytes() {
            write!(uri, "%{byte:02X}").expect("into a String");
        }
    }
    uri
}

/// Names in a directory as the kernel has them.
pub(super) fn names(directory: &Path) -> Vec<String> {
    let items = directory.read_dir().expect("a directory").map(|item| item.expect("an entry").file_name());
    let mut names: Vec<String> = items.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Polls once, as a client that waits without knowing for how long.
pub(super) async fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))).await
}
