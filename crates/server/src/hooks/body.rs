//! Reading a body in bounded memory and bounded time.

use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use cartlane_engine::{Handle, Room};
use hyper::body::Frame;

use crate::Problem;

/// A sender has so long for its whole body; one that dribbles is let go.
const WITHIN: Duration = Duration::from_secs(10);

/// What is left of a body that is refused is read for so long: a sender that is cut while it writes sees a broken
/// connection, not the answer.
const DISCARD_WITHIN: Duration = Duration::from_millis(500);

/// The whole body, and the room that it takes in memory.
pub async fn read(engine: &Handle, request: Request, limit: usize) -> Result<(Bytes, Vec<Room>), Problem> {
    let reading = read_all(engine, request, limit);
    tokio::time::timeout(WITHIN, reading).await.unwrap_or_else(|_| {
        let detail = format!(
            "the body did not arrive within {} s; send it again",
            WITHIN.as_secs()
        );
        Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "http.body_timeout",
            detail,
        ))
    })
}

async fn read_all(engine: &Handle, request: Request, limit: usize) -> Result<(Bytes, Vec<Room>), Problem> {
    let too_large = || {
        let detail =
            format!("the body is larger than {limit} bytes; limits.body_bytes sets how much is taken");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "http.body_too_large", detail)
    };
    let mut body = request.into_body();
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        discard(&mut body).await;
        return Err(too_large());
    }
    let mut whole: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    let mut room = Vec::new();
    while let Some(frame) = next_frame(&mut body).await {
        let frame = frame.map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "http.body_cut",
                format!("the body was cut: {error}"),
            )
        })?;
        let Ok(chunk) = frame.into_data() else { continue };
        let so_far = whole.as_ref().map_or(joined.len(), Bytes::len);
        if so_far + chunk.len() > limit {
            discard(&mut body).await;
            return Err(too_large());
        }
        let taken = engine.room(chunk.len()).ok_or_else(|| {
            Problem::busy(
                "hook.overloaded",
                "too many deliveries are coming in; send it again in a few seconds",
                5,
            )
        })?;
        room.push(taken);
        if so_far == 0 {
            whole = Some(chunk); // most bodies come in one piece: no copy
            continue;
        }
        if let Some(first) = whole.take() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&chunk);
    }
    Ok((whole.unwrap_or_else(|| joined.freeze()), room))
}

async fn next_frame(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

async fn discard(body: &mut Body) {
    let rest = async { while let Some(Ok(_)) = next_frame(body).await {} };
    let _ = tokio::time::timeout(DISCARD_WITHIN, rest).await; // whoever sends longer is cut
}
