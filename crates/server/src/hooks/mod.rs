//! What the world reaches: the hooks' addresses and health.

mod body;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cartlane_engine::{Accepted, Handle};

use crate::Problem;

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
    hooks.engine.check_hook(&hook_key)?;
    Ok("this web hook address works\n")
}

/// Takes a delivery; 200 means that it is durable.
async fn receive_thrivecart_hook(
    State(hooks): State<Hooks>,
    Path(hook_key): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let (body, _room) = body::read(&hooks.engine, request, hooks.body_bytes).await?;
    let accepted = hooks
        .engine
        .accept(&hook_key, content_type.as_deref(), body)
        .await?;
    let text = match accepted {
        Accepted::Checked => "this web hook address works\n".to_owned(),
        Accepted::New(event) => format!("stored as {event}\n"),
        Accepted::Repeat(event) => format!("already stored as {event}\n"),
    };
    Ok(text.into_response())
}

/// 200 once the server takes deliveries.
async fn read_readiness(State(hooks): State<Hooks>) -> Response {
    if hooks.is_ready.load(Ordering::Relaxed) {
        "ready\n".into_response()
    } else {
        Problem::busy("http.not_ready", "the server is starting or stopping", 1).into_response()
    }
}
