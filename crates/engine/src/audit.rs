//! Who changes something, and the log of that ([`cartlane_store::audit`]): each change writes its entry in its own
//! transaction.

use std::sync::Arc;

use cartlane_store::audit::{self, Action, Entry, Filter, Numbered};
use serde_json::Value as Json;

use crate::{AdminError, Handle, MAIN_WORKSPACE};

/// Who it is when nobody told the engine to do it.
pub(crate) const PROGRAM: &str = "cartlane";

impl Handle {
    /// The same handle, for somebody: what is changed by it is changed in their name.
    #[must_use]
    pub fn by(&self, actor: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            actor: Arc::from(actor),
        }
    }

    /// In whose name changes are made.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// An entry of the log, to be written in the transaction of what it tells of.
    pub(crate) fn entry(&self, action: Action, subject: &str, detail: Json) -> Entry {
        Entry {
            workspace_id: MAIN_WORKSPACE,
            at: self.now(),
            actor: self.actor().to_owned(),
            action: action.as_str().to_owned(),
            subject: subject.to_owned(),
            detail,
        }
    }

    /// Entries of the audit log that fit, newest first.
    pub async fn audit(&self, filter: Filter, limit: i64) -> Result<Vec<Numbered>, AdminError> {
        Ok(self.db.read(move |tx| audit::list(tx, &filter, limit)).await?)
    }
}
