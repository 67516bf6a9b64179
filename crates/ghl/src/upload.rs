//! Files on their way to GHL: the form that an operation's body becomes.

use bytes::Bytes;
use cartlane_catalog::{Catalog, File, FileBytes, PartContent, Request};
use cartlane_outbound::form::{self, Part};
use http::HeaderValue;

use crate::files::Files;
use crate::{Outcome, Rejection};

/// All files of one call together. GHL's own limits are this at most (`forms`: 50 MB, `medias`: 25 MB).
const MOST_BYTES: u64 = 50 << 20;
/// What a file is called that has no name.
const NAMELESS: &str = "file";

/// Content type and bytes of the form that the request is sent as; `None` where it is sent as JSON.
pub(crate) async fn body(
    request: &Request,
    files: Option<&Files>,
) -> Result<Option<(HeaderValue, Bytes)>, Outcome> {
    let operation = Catalog::builtin().get(&request.operation_id);
    let parts = operation
        .zip(request.body.as_ref())
        .and_then(|(operation, body)| operation.parts(body));
    let Some(parts) = parts else { return Ok(None) };
    let mut sent = Vec::new();
    let mut bytes: u64 = 0;
    for part in parts.map_err(unsendable)? {
        let part = match part.content {
            PartContent::Text(text) => Part {
                name: part.name,
                file_name: None,
                content_type: None,
                bytes: text.into(),
            },
            PartContent::File(file) => read(part.name, file, files).await?,
        };
        bytes += u64::try_from(part.bytes.len()).unwrap_or(u64::MAX);
        if bytes > MOST_BYTES {
            return Err(unsendable(format!("it is larger than {MOST_BYTES} bytes")));
        }
        sent.push(part);
    }
    form::body(sent).await.map(Some).map_err(unsendable)
}

async fn read(part: String, file: File, files: Option<&Files>) -> Result<Part, Outcome> {
    let (bytes, kept) = match file.bytes {
        FileBytes::Here(bytes) => (bytes.into(), None),
        FileBytes::Kept(id) => {
            let files = files.ok_or_else(|| unsendable("no files are kept here".into()))?;
            let (bytes, kept) = files.read(id, MOST_BYTES).await.map_err(unsendable)?;
            (bytes, Some(kept))
        }
    };
    let (own_name, own_type) = kept.map_or((None, None), |kept| (kept.name, Some(kept.content_type)));
    let name = file.name.or(own_name).unwrap_or_else(|| NAMELESS.to_owned());
    let by_name = || mime_guess::from_path(&name).first().map(|kind| kind.to_string());
    Ok(Part {
        name: part,
        content_type: file.content_type.or(own_type).or_else(by_name),
        file_name: Some(name),
        bytes,
    })
}

fn unsendable(why: String) -> Outcome {
    Outcome::Rejected(Rejection::UnsendableFile(why))
}
