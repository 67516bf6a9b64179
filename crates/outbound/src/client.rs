//! Sending one request, and telling apart what its failure means.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;

use crate::guard::{PublicOnly, literal_fault};

/// Idle connections are given up before the servers and balancers of public APIs close them (30 s and more):
/// a request on a connection that is just being closed has an unclear outcome.
const IDLE_CONNECTION_MS: u64 = 20_000;
const IDLE_CONNECTIONS_PER_HOST: usize = 128;

/// How the client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long connecting (name, TCP, TLS) may take.
    pub connect_timeout_ms: u64,
    /// How long a request may take in all, to the last byte of the answer.
    pub request_timeout_ms: u64,
    /// The largest answer that is read, after decompression.
    pub max_body_bytes: usize,
    /// Whether private networks may be reached: for tests, and for a sandbox on this machine.
    pub allow_private_networks: bool,
    /// Value of the `User-Agent` header. Cloudflare refuses those of common libraries.
    pub user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            max_body_bytes: 8 * 1024 * 1024,
            allow_private_networks: false,
            user_agent: concat!("Cartlane/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}

/// A request. Its `Debug` text shows neither values of headers nor query nor body.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: Url,
    /// Headers; the user agent is added.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

impl Request {
    /// A GET without headers.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&HeaderName> = self.headers.keys().collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .field("headers", &headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, decompressed.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was written: the address is refused, its name unknown, the connection refused, TLS failed.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The time was up. Whether the request took effect is unknown.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended before the answer did. Whether the request took effect is unknown.
    #[error("the connection was cut: {0}")]
    Cut(String),
    /// The answer is larger than is read. The request was answered, so it probably took effect.
    #[error("the answer is too large")]
    TooLarge,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// [`crate::install_crypto_provider`] was not called.
    #[error("no TLS provider is installed; call install_crypto_provider first")]
    NoCryptoProvider,
    /// An option is wrong, or the system's certificates cannot be read.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[source] reqwest::Error),
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    max_body_bytes: usize,
    allow_private_networks: bool,
}

impl Client {
    /// A client with these options.
    pub fn new(options: &Options) -> Result<Self, BuildError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(BuildError::NoCryptoProvider);
        }
        let builder = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .connect_timeout(Duration::from_millis(options.connect_timeout_ms))
            .timeout(Duration::from_millis(options.request_timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            // reqwest would repeat what an HTTP/2 server refuses to take up; that is not its business.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .pool_idle_timeout(Duration::from_millis(IDLE_CONNECTION_MS))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .http2_adaptive_window(true);
        let builder = if options.allow_private_networks {
            builder
        } else {
            builder.dns_resolver(PublicOnly)
        };
        Ok(Self {
            http: builder.build().map_err(BuildError::Client)?,
            max_body_bytes: options.max_body_bytes,
            allow_private_networks: options.allow_private_networks,
        })
    }

    /// Sends a request, once, and reads the whole answer. Any status is an answer.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        self.open(request).await?.read().await
    }

    /// Sends a request, once, and reads the head of the answer. Any status is an answer.
    pub async fn open(&self, request: Request) -> Result<Answer, Error> {
        let Request {
            method,
            url,
            mut headers,
            body,
        } = request;
        if let Some(fault) = literal_fault(&url).filter(|_| !self.allow_private_networks) {
            return Err(Error::NotSent(fault));
        }
        if let Some(credential) = headers.get_mut(http::header::AUTHORIZATION) {
            credential.set_sensitive(true);
        }
        let sending = self.http.request(method, url).headers(headers).body(body).send();
        let mut answer = Box::pin(sending)
            .await
            .map_err(|error| classify(&error.without_url()))?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        Ok(Answer {
            status,
            headers,
            rest: answer,
            max_body_bytes: self.max_body_bytes,
        })
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    rest: reqwest::Response,
    max_body_bytes: usize,
}

impl Answer {
    /// The next piece of the body, decompressed; `None` after the last. The client's size cap does not count here.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.rest.chunk().await;
        chunk.map_err(|error| classify_body(&error.without_url()))
    }

    /// The whole answer, up to the client's size cap.
    pub async fn read(mut self) -> Result<Response, Error> {
        let announced = self
            .rest
            .content_length()
            .and_then(|bytes| usize::try_from(bytes).ok());
        if announced.is_some_and(|bytes| bytes > self.max_body_bytes) {
            return Err(Error::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > self.max_body_bytes {
                return Err(Error::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: self.status,
            headers: self.headers,
            body: body.freeze(),
        })
    }
}

/// What a failure before the answer's headers means.
///
/// Only a failure to connect proves that nothing was written. A reset on a connection that was used before
/// does not: hyper itself opens a new connection where it never began to write, and what it then still
/// reports was begun.
fn classify(error: &reqwest::Error) -> Error {
    if error.is_connect() || error.is_builder() {
        Error::NotSent(chain(error))
    } else {
        classify_body(error)
    }
}

/// What a failure while the answer comes in means: never that nothing was sent.
fn classify_body(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::TimedOut
    } else {
        Error::Cut(chain(error))
    }
}

/// The innermost cause says what happened; those around it say that it happened while sending.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match error.source() {
        Some(outer) if error.is_connect() => format!("{outer}: {cause}"),
        _ => cause.to_string(),
    }
}
