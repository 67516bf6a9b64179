//! Reads requests from their connections, and posts deliveries.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cartlane_model::Clock;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{Call, Reply, reply};
use super::oauth::Access;
use super::shop::{Delivery, Shop};
use super::{Options, control};
use crate::wire::collect;

const API: &str = "/api/external/";
const ADMIN: &str = "/_sandbox/";
const OAUTH: &str = "/authorization/";
/// ThriveCart's own patience is not published.
const PATIENCE: Duration = Duration::from_secs(10);

struct Server {
    shop: Mutex<Shop>,
    per_minute: usize,
    clock: Arc<dyn Clock>,
    client: reqwest::Client,
}

/// An emulated account that answers. Stops when dropped.
pub struct Running {
    addr: SocketAddr,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of its API, without a slash at its end.
    pub fn api_url(&self) -> String {
        format!("http://{}{}", self.addr, API.trim_end_matches('/'))
    }

    /// The base URL of what customers and the admin do, without a slash at its end.
    pub fn admin_url(&self) -> String {
        format!("http://{}{}", self.addr, ADMIN.trim_end_matches('/'))
    }

    /// Closes all connections and waits for it.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Starts to answer requests.
pub(super) async fn start(options: Options) -> std::io::Result<Running> {
    // An error means that a provider is installed already: any will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder();
    let client = builder
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(std::io::Error::other)?;
    let listener = TcpListener::bind(options.listen).await?;
    let access = Access::new(options.key, options.apps);
    let server = Arc::new(Server {
        shop: Mutex::new(Shop::new(options.account, options.secret, access, options.hooks)),
        per_minute: options.per_minute,
        clock: options.clock,
        client,
    });
    let running = Running {
        addr: listener.local_addr()?,
        shutdown: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let (shutdown, tasks) = (running.shutdown.clone(), running.tasks.clone());
    running.tasks.spawn(accept(server, listener, shutdown, tasks));
    Ok(running)
}

async fn accept(server: Arc<Server>, listener: TcpListener, shutdown: CancellationToken, tasks: TaskTracker) {
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(Arc::clone(&server), stream);
                let shutdown = shutdown.clone();
                tasks.spawn(async move { shutdown.run_until_cancelled(serving).await });
            }
            Err(error) => {
                tracing::warn!(%error, "sandbox can't accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve(server: Arc<Server>, stream: TcpStream) {
    let service = service_fn(|request| server.exchange(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "sandbox connection");
    }
}

impl Server {
    fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(&self, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        let path = request.uri().path().to_owned();
        let now = self.clock.now();
        Ok(if let Some(below) = path.strip_prefix(API) {
            let call = read(request, below).await;
            let answer = self.shop().answer(&call, self.per_minute, now);
            self.post_all(&answer.deliveries).await;
            let account = self.shop().account.clone();
            let mut response = response(&answer);
            let url = format!("https://{account}.thrivecart.com/");
            for (name, value) in [
                ("x-thrivecart-account-name", account),
                ("x-thrivecart-account-url", url),
                ("x-thrivecart-requestid", format!("sandbox-{}", now.0)),
            ] {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        } else if let Some(below) = path.strip_prefix(OAUTH) {
            let call = read(request, below).await;
            response(&self.shop().authorization(&call, now))
        } else if let Some(below) = path.strip_prefix(ADMIN) {
            let call = read(request, below).await;
            if call.path == "hooks" && call.method == "POST" {
                response(&self.add_hook(&call).await)
            } else {
                let mut answer = self.shop().control(&call, now);
                let posted = self.post_all(&answer.deliveries).await;
                if let Some(body) = answer.body.as_object_mut().filter(|_| call.method == "POST") {
                    body.insert("deliveries".into(), posted);
                }
                response(&answer)
            }
        } else {
            let message = format!("this is a sandbox of ThriveCart: {API}…, {OAUTH}… and {ADMIN}…");
            response(&reply(404, json!({"error": message})))
        })
    }

    /// An address must answer HEAD and an empty POST before it is taken.
    async fn add_hook(&self, call: &Call) -> Reply {
        let Some(hook) = control::wanted_hook(call) else {
            return reply(400, json!({"error": "url is missing"}));
        };
        for request in [self.client.head(&hook.url), self.client.post(&hook.url)] {
            let answer = request.send().await;
            if !answer.is_ok_and(|answer| answer.status().is_success()) {
                return reply(
                    400,
                    json!({"error": "the address does not answer HEAD and POST with 2xx"}),
                );
            }
        }
        self.shop().hooks.push(hook);
        reply(200, json!({}))
    }

    /// Posts deliveries, once each. Gives what became of them: 0 is no answer.
    async fn post_all(&self, deliveries: &[Delivery]) -> Value {
        let mut posted = Vec::new();
        for delivery in deliveries {
            let request = self
                .client
                .post(&delivery.url)
                .header("content-type", delivery.content_type)
                .body(delivery.body.clone());
            let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
            posted.push(json!({"webhook_id": delivery.webhook_id, "url": delivery.url, "status": status}));
        }
        posted.into()
    }
}

async fn read(request: Request<Incoming>, path: &str) -> Call {
    let (head, body) = request.into_parts();
    let bytes = collect(body).await.unwrap_or_default();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let query = head.uri.query().unwrap_or_default();
    let parsed =
        |bytes: &[u8]| -> Vec<(String, String)> { url::form_urlencoded::parse(bytes).into_owned().collect() };
    let fields = || -> Map<String, Value> {
        let fields = parsed(&bytes).into_iter();
        fields.map(|(name, value)| (name, value.into())).collect()
    };
    Call {
        method: head.method.as_str().to_owned(),
        path: path.to_owned(),
        query: parsed(query.as_bytes()),
        bearer: header("authorization").and_then(|value| Some(value.strip_prefix("Bearer ")?.to_owned())),
        mode: header("x-tc-mode")
            .filter(|mode| *mode == "test")
            .unwrap_or("live")
            .to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or_else(|_| fields().into()),
    }
}

fn response(reply: &Reply) -> Response<String> {
    let mut response = Response::new(reply.body.to_string());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    let location = reply.location.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(location)) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
