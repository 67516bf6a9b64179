//! Requests as they come off the wire and bodies as they go onto it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use serde_json::Value;
use tokio::time::Sleep;

use crate::reply::Reply;

const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const SLOW_CHUNKS: u32 = 20;
const FORM: &str = "application/x-www-form-urlencoded";

/// A file in a form of parts.
pub(crate) struct Upload {
    /// The part's name.
    pub(crate) name: String,
    /// Empty where nothing is in it.
    pub(crate) bytes: Bytes,
}

/// A request, read in full.
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Path and query as sent.
    pub(crate) target: String,
    /// Decoded as forms are: an unencoded `+` is a space.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) bearer: Option<String>,
    pub(crate) version: Option<String>,
    /// None where it is missing or empty.
    pub(crate) user_agent: Option<String>,
    /// Null where there is none.
    pub(crate) body: Value,
    /// Whether the body, if any, can be read: as JSON, or as a form of either kind, which becomes an object of texts.
    pub(crate) body_is_json: bool,
    pub(crate) is_form: bool,
    /// The files of a form of parts; none where the body is no such form.
    pub(crate) uploads: Option<Vec<Upload>>,
}

impl Call {
    /// Reads a request; none where its body breaks off or is too large.
    pub(crate) async fn read(request: Request<Incoming>) -> Option<Self> {
        let (head, body) = request.into_parts();
        let bytes = collect(body).await?;
        let is_form = text(&head.headers, "content-type").is_some_and(|kind| kind.starts_with(FORM));
        let boundary = text(&head.headers, "content-type").and_then(|kind| multer::parse_boundary(kind).ok());
        let (parsed, uploads) = match boundary {
            Some(boundary) => match parts(&bytes, boundary).await {
                Ok((fields, uploads)) => (Some(fields), Some(uploads)),
                Err(_) => (None, Some(Vec::new())),
            },
            None if is_form => (Some(form(&bytes)), None),
            None => (serde_json::from_slice(&bytes).ok(), None),
        };
        let header = |name: &str| text(&head.headers, name);
        let query = head.uri.query().unwrap_or_default();
        Some(Self {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            target: head
                .uri
                .path_and_query()
                .map_or_else(String::new, ToString::to_string),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            bearer: header("authorization")
                .and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned)),
            version: header("version"),
            user_agent: header("user-agent"),
            body_is_json: bytes.is_empty() || parsed.is_some(),
            body: parsed.unwrap_or_default(),
            is_form,
            uploads,
        })
    }
}

fn form(bytes: &[u8]) -> Value {
    let pairs = url::form_urlencoded::parse(bytes).into_owned();
    Value::Object(pairs.map(|(name, value)| (name, Value::String(value))).collect())
}

/// The values of a form of parts, of which one that is there several times is a list, and its files.
async fn parts(bytes: &[u8], boundary: String) -> multer::Result<(Value, Vec<Upload>)> {
    let mut form = multer::Multipart::with_reader(bytes, boundary);
    let (mut values, mut uploads) = (serde_json::Map::new(), Vec::new());
    while let Some(part) = form.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            let bytes = part.bytes().await?;
            uploads.push(Upload { name, bytes });
            continue;
        }
        let value = Value::from(part.text().await?);
        match values.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => drop(values.insert(name, value)),
        }
    }
    Ok((Value::Object(values), uploads))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

pub(crate) async fn collect(mut body: Incoming) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > BODY_BYTES_MAX {
            return None;
        }
    }
    Some(bytes.freeze())
}

/// The body of an answer: all at once, or dribbling.
pub(crate) struct WireBody {
    rest: Bytes,
    pace: Option<Pace>,
}

struct Pace {
    chunk_bytes: usize,
    every: Duration,
    pause: Pin<Box<Sleep>>,
}

impl WireBody {
    fn new(bytes: Bytes, slow: Option<Duration>) -> Self {
        let pace = slow.map(|total| Pace {
            chunk_bytes: bytes.len().div_ceil(SLOW_CHUNKS as usize).max(1),
            every: total / SLOW_CHUNKS,
            pause: Box::pin(tokio::time::sleep(total / SLOW_CHUNKS)),
        });
        Self { rest: bytes, pace }
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let Some(pace) = &mut this.pace else {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.rest)))));
        };
        ready!(pace.pause.as_mut().poll(cx));
        let next = tokio::time::Instant::now() + pace.every;
        pace.pause.as_mut().reset(next);
        let chunk = this.rest.split_to(pace.chunk_bytes.min(this.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// An answer ready to be sent; `slow` is how long its body takes.
pub(crate) fn response(
    mut reply: Reply,
    trace_id: Option<&str>,
    slow: Option<Duration>,
) -> Response<WireBody> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::with_capacity(10);
    headers.extend(std::mem::take(&mut reply.headers));
    let (bytes, content_type) = reply.encode(trace_id);
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static(content_type),
    );
    let mut response = Response::new(WireBody::new(bytes, slow));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
