//! Answers that are no JSON, such as recordings and transcriptions, kept as files; uploads can send them on.
//!
//! ```text
//! <directory>/file_01k…        the bytes
//! <directory>/file_01k….json   what they are: id, operation, content type, size, name, time
//! ```
//!
//! What always holds: a file is streamed to the disk and never whole in memory; one that is there under its id is complete
//! and synced, with its description beside it; one beyond the cap is not kept. The vendor's name for it is never part of a
//! path.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use cartlane_model::{FileId, UnixMs};
use cartlane_outbound as outbound;
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use crate::{Outcome, Rejection};

/// Where files are kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    directory: PathBuf,
    max_bytes: u64,
}

/// A file that is kept: what a step's output and the description beside it have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its id, and its name in the directory.
    pub id: FileId,
    /// The operation that brought it.
    pub operation: String,
    /// What the answer said it is.
    pub content_type: String,
    /// Its size.
    pub bytes: u64,
    /// What the vendor calls it, for people.
    pub name: Option<String>,
    /// When it was kept.
    pub kept_at: UnixMs,
}

impl Files {
    /// Files in `directory`, each at most `max_bytes` long. The directory is made with the first one.
    pub fn new(directory: PathBuf, max_bytes: u64) -> Self {
        Self { directory, max_bytes }
    }

    /// Where the file's bytes are.
    pub fn path(&self, id: FileId) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// The bytes of a kept file, and what it is.
    ///
    /// # Errors
    /// Why there is none: it is unknown, larger than `most_bytes`, or cannot be read.
    pub(crate) async fn read(&self, id: FileId, most_bytes: u64) -> Result<(Bytes, Kept), String> {
        let path = self.path(id);
        let read = async {
            let description = tokio::fs::read(path.with_extension("json")).await?;
            let kept: Kept = serde_json::from_slice(&description)?;
            if kept.bytes > most_bytes {
                return Ok(Err(format!("{id} is larger than {most_bytes} bytes")));
            }
            Ok(Ok((tokio::fs::read(&path).await?.into(), kept)))
        };
        let read: std::io::Result<_> = read.await;
        read.unwrap_or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Err(format!("no file {id} is kept here")),
            _ => Err(format!("{id} cannot be read: {error}")),
        })
    }

    /// Streams the body of an answer into a file; what its failure means for the call.
    pub(crate) async fn keep(
        &self,
        answer: &mut outbound::Answer,
        operation: &str,
        now: UnixMs,
    ) -> Result<Kept, Outcome> {
        let id = FileId::new(now);
        let part = self.directory.join(format!("{id}.part"));
        let written = self.write(answer, &part).await;
        let kept = match written {
            Ok(bytes) => {
                let kept = Kept {
                    id,
                    operation: operation.to_owned(),
                    content_type: header(&answer.headers, &CONTENT_TYPE)
                        .unwrap_or_else(|| "application/octet-stream".into()),
                    bytes,
                    name: header(&answer.headers, &CONTENT_DISPOSITION).and_then(|text| file_name(&text)),
                    kept_at: now,
                };
                self.finish(&part, &kept)
                    .await
                    .map(|()| kept)
                    .map_err(|error| failed(&error))
            }
            Err(outcome) => Err(outcome),
        };
        if kept.is_err() {
            drop(tokio::fs::remove_file(&part).await); // it may not even be there
        }
        kept
    }

    async fn write(&self, answer: &mut outbound::Answer, part: &Path) -> Result<u64, Outcome> {
        let made = tokio::fs::create_dir_all(&self.directory).await;
        made.map_err(|error| failed(&error))?;
        let mut file = tokio::fs::File::create(part)
            .await
            .map_err(|error| failed(&error))?;
        let mut bytes: u64 = 0;
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| Outcome::Unclear(error.to_string()))?
        {
            bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            if bytes > self.max_bytes {
                return Err(Outcome::Rejected(Rejection::FileTooLarge {
                    limit_bytes: self.max_bytes,
                }));
            }
            file.write_all(&chunk).await.map_err(|error| failed(&error))?;
        }
        file.sync_all().await.map_err(|error| failed(&error))?;
        Ok(bytes)
    }

    /// The description first, so that no file is there without it.
    async fn finish(&self, part: &Path, kept: &Kept) -> std::io::Result<()> {
        let path = self.path(kept.id);
        let description = serde_json::to_vec_pretty(kept)?;
        tokio::fs::write(path.with_extension("json"), description).await?;
        tokio::fs::rename(part, path).await
    }
}

fn failed(error: &std::io::Error) -> Outcome {
    Outcome::Unclear(format!(
        "the answer is a file, which could not be stored: {error}"
    ))
}

fn header(headers: &HeaderMap, name: &http::HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.chars().take(200).collect())
}

/// `attachment; filename="call.wav"`: the last part of the name.
fn file_name(disposition: &str) -> Option<String> {
    let name = disposition
        .split(';')
        .find_map(|part| part.trim().strip_prefix("filename="))?;
    let name = name.trim_matches('"').rsplit(['/', '\\']).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}
