//! Forms of parts (`multipart/form-data`), which carry files.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::HeaderValue;

/// One part of a form.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// The file's name, where it is a file.
    pub file_name: Option<String>,
    /// What it is; for a value nothing is said.
    pub content_type: Option<String>,
    /// The value, or the file.
    pub bytes: Bytes,
}

/// The body that a form is sent as, and its content type.
///
/// # Errors
/// A content type that is none.
pub async fn body(parts: Vec<Part>) -> Result<(HeaderValue, Bytes), String> {
    let mut form = reqwest::multipart::Form::new();
    for part in parts {
        let mut sent = reqwest::multipart::Part::stream(part.bytes);
        if let Some(name) = part.file_name {
            sent = sent.file_name(name);
        }
        if let Some(kind) = part.content_type {
            sent = sent
                .mime_str(&kind)
                .map_err(|_| format!("`{kind}` is no content type"))?;
        }
        form = form.part(part.name, sent);
    }
    let kind = format!("multipart/form-data; boundary={}", form.boundary());
    let kind = HeaderValue::from_str(&kind).map_err(|error| error.to_string())?;
    let mut body = BytesMut::new();
    let mut chunks = form.into_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| error.to_string())?);
    }
    Ok((kind, body.freeze()))
}
