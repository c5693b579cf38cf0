//! A client of the API for the command line.

use coditect_api::error::{ErrorBody, ErrorDetail, ErrorKind};
use coditect_api::page::Page;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::Remote;
use crate::config::Config;
use crate::output::Failure;

/// File in the data directory that holds the operator's token of the running server, readable by its user only.
pub(crate) const OPERATOR_TOKEN_FILE: &str = "operator.token";

/// Talks to one server as one principal.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    /// A client for the server named on the command line, or the one of this configuration.
    pub(crate) fn new(remote: &Remote, config: &Config) -> Result<Self, Failure> {
        let base = match &remote.server {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => config
                .listen
                .first()
                .map(|address| format!("http://{address}"))
                .ok_or_else(|| Failure::Usage("name the server with --server URL: `listen` is empty".to_owned()))?,
        };
        let token = match &remote.token {
            Some(token) => token.clone(),
            None if remote.server.is_some() => {
                return Err(Failure::Usage("--server needs --token too (or CODITECT_TOKEN)".to_owned()));
            }
            None => {
                let path = config.data_dir.join(OPERATOR_TOKEN_FILE);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    Failure::Unreachable(format!(
                        "no server seems to run with the data directory {}: {}: {error}. Start it with `coditect serve`, or \
                         name another one with --server and --token.",
                        config.data_dir.display(),
                        path.display()
                    ))
                })?;
                text.trim().to_owned()
            }
        };
        let http = reqwest::Client::builder().build().map_err(anyhow::Error::from)?;
        Ok(Self { http, base, token })
    }

    /// The server's address with `ws` for `http`.
    pub(crate) fn websocket_base(&self) -> String {
        self.base.replacen("http", "ws", 1)
    }

    /// `GET`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// `POST` with a JSON body.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// `PUT` with a JSON body.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.send(self.http.put(format!("{}{path}", self.base)).json(body)).await
    }

    /// `PATCH` with a JSON body.
    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.send(self.http.patch(format!("{}{path}", self.base)).json(body)).await
    }

    /// `DELETE`, answered with nothing.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.answer(self.http.delete(format!("{}{path}", self.base))).await.map(drop)
    }

    /// Every item of a paged list. `path` has a query already.
    pub(crate) async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page: Page<T> = match &after {
                None => self.get(path).await?,
                Some(after) => self.get(&format!("{path}&after={after}")).await?,
            };
            items.extend(page.items);
            match page.next {
                Some(next) if Some(&next) != after.as_ref() => after = Some(next),
                _ => return Ok(items),
            }
        }
    }

    /// `GET` of something long, to be read as it comes.
    pub(crate) async fn stream(&self, path: &str) -> Result<reqwest::Response, Failure> {
        self.answer(self.http.get(format!("{}{path}", self.base))).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        let bytes = self.answer(request).await?.bytes().await.map_err(anyhow::Error::from)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| anyhow::anyhow!("the server's answer makes no sense: {error}").into())
    }

    /// The answer to a request, when it is a success.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
        let response = request.bearer_auth(&self.token).send().await.map_err(|error| {
            Failure::Unreachable(format!("the server at {} cannot be reached: {}", self.base, root_cause(&error)))
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = response.bytes().await.map_err(anyhow::Error::from)?;
        let detail =
            serde_json::from_slice::<ErrorBody>(&bytes).map(|body| body.error).unwrap_or_else(|_| ErrorDetail {
                kind: ErrorKind::Internal,
                message: format!("{} answered {status}; is it a Coditect server?", self.base),
                request_id: String::new(),
                details: serde_json::Map::new(),
            });
        Err(Failure::Answer(Box::new(detail)))
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
