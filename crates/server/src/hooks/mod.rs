//! What the world reaches: the hooks' addresses and health.

mod body;
mod oauth;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cartlane_engine::{Accepted, Envelope, Handle, Sender};

use crate::Problem;

const WORKS: &str = "this web hook address works\n";

/// What the handlers share.
#[derive(Clone)]
struct Hooks {
    engine: Handle,
    body_bytes: usize,
    is_ready: Arc<AtomicBool>,
}

/// The routes. `is_ready` is what `/readyz` tells; `body_bytes` is the longest body that is taken.
pub fn router(engine: Handle, body_bytes: usize, is_ready: Arc<AtomicBool>) -> Router {
    Router::new()
        .route(
            "/hooks/thrivecart/{hook_key}",
            get(check_thrivecart_hook).post(receive_thrivecart_hook),
        )
        .route(
            "/hooks/ghl/{hook_key}",
            get(check_ghl_hook).post(receive_ghl_hook),
        )
        .route("/oauth/ghl/callback", get(oauth::end_authorization))
        .route("/oauth/thrivecart/callback", get(oauth::end_authorization))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(read_readiness))
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "http.not_found",
                "there is nothing at this address",
            )
        })
        .with_state(Hooks {
            engine,
            body_bytes,
            is_ready,
        })
}

/// Answers `ThriveCart`'s check of an address (HEAD, GET).
async fn check_thrivecart_hook(
    State(hooks): State<Hooks>,
    Path(hook_key): Path<String>,
) -> Result<&'static str, Problem> {
    hooks.engine.check_hook(Sender::ThriveCart, &hook_key)?;
    Ok(WORKS)
}

/// Answers whoever opens the address of GHL's web hooks.
async fn check_ghl_hook(
    State(hooks): State<Hooks>,
    Path(hook_key): Path<String>,
) -> Result<&'static str, Problem> {
    hooks.engine.check_hook(Sender::Ghl, &hook_key)?;
    Ok(WORKS)
}

/// Takes a delivery; 200 means that it is durable.
async fn receive_thrivecart_hook(
    State(hooks): State<Hooks>,
    Path(hook_key): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    receive(&hooks, Sender::ThriveCart, &hook_key, request).await
}

/// Takes a delivery; 200 means that it is durable, 429 that it should come again.
async fn receive_ghl_hook(
    State(hooks): State<Hooks>,
    Path(hook_key): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let received = receive(&hooks, Sender::Ghl, &hook_key, request).await;
    received.map_err(Problem::for_ghl)
}

async fn receive(
    hooks: &Hooks,
    sender: Sender,
    hook_key: &str,
    request: Request,
) -> Result<Response, Problem> {
    let envelope = envelope(request.headers());
    let (body, _room) = body::read(&hooks.engine, request, hooks.body_bytes).await?;
    let accepted = hooks.engine.accept(sender, hook_key, envelope, body).await?;
    let text = match accepted {
        Accepted::Checked => WORKS.to_owned(),
        Accepted::New(event) => format!("stored as {event}\n"),
        Accepted::Repeat(event) => format!("already stored as {event}\n"),
    };
    Ok(text.into_response())
}

fn envelope(headers: &HeaderMap) -> Envelope {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    Envelope {
        content_type: text(header::CONTENT_TYPE.as_str()),
        signature: text("x-ghl-signature"),
        older_signature: text("x-wh-signature"),
    }
}

/// 200 once the server takes deliveries.
async fn read_readiness(State(hooks): State<Hooks>) -> Response {
    if hooks.is_ready.load(Ordering::Relaxed) {
        "ready\n".into_response()
    } else {
        Problem::busy("http.not_ready", "the server is starting or stopping", 1).into_response()
    }
}
