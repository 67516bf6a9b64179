//! Answers that are files (recordings, transcriptions) under a poll: the bytes tell whether one has changed.

use cartlane_model::FileId;
use cartlane_store::Error;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::item::{self, Seen};
use crate::Shared;

impl Shared {
    /// What is seen of the answer of an operation that answers a file.
    pub(super) async fn see_file(&self, item: Json) -> Result<Seen, Error> {
        let id = item.pointer("/file/id").and_then(Json::as_str);
        let Some(id) = id.and_then(|id| id.parse::<FileId>().ok()) else {
            let content = item.to_string();
            return Ok(item::see_file(item, None, &content));
        };
        let sha256 = self.hash_of(id).await;
        let sha256 =
            sha256.map_err(|error| Error::Corrupt(format!("the file {id} cannot be read: {error}")))?;
        Ok(item::see_file(item, Some(id), &sha256))
    }

    async fn hash_of(&self, id: FileId) -> std::io::Result<String> {
        let mut file = tokio::fs::File::open(self.files().path(id)).await?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
        loop {
            let read = file.read(&mut buffer).await?;
            if read == 0 {
                return Ok(hex::encode(hash.finalize()));
            }
            hash.update(&buffer[..read]);
        }
    }
}
