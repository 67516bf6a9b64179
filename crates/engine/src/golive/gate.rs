//! The check before a document goes live: by being saved as a new automation, as a new version of one that is enabled, or by a
//! roll back or an import.
//!
//! What always holds: what was checked is what is saved. The transaction that saves looks whether the automations are still
//! those that were looked at, and writes into the audit log why one goes live that is not green.

use cartlane_model::AutomationId;
use cartlane_store::Tx;
use cartlane_store::audit::{self, Action};
use cartlane_store::automations::{self, Applied};
use serde_json::Value as Json;

use super::{Check, overridden};
use crate::versions::Begin;
use crate::{AdminError, Handle};

/// How documents are let in.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Automations that are new, or come back, begin disabled, and need no check.
    pub disabled: bool,
    /// Why documents go live although their check is not green; the audit log keeps it.
    pub override_reason: Option<String>,
}

/// What became of a document that was saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The automation.
    pub name: String,
    /// What was done.
    pub applied: Applied,
    /// The check that is not green; `None` where it is, or nothing went live.
    pub faulty: Option<Check>,
}

/// What was looked at and let through, for the transaction that saves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    /// Each automation's name with its version and whether it was enabled; none where there was none.
    seen: Vec<(String, Option<(i64, bool)>)>,
    /// What the audit log keeps of those that are not green.
    overridden: Vec<(String, Json)>,
}

impl Passed {
    /// Whether all is still as it was looked at. Call in the transaction, before anything is saved.
    ///
    /// # Errors
    /// Where somebody has changed one meanwhile.
    pub fn hold(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if self.seen.is_empty() {
            return Ok(());
        }
        let rows = automations::list(tx)?;
        for (name, seen) in &self.seen {
            let row = rows.iter().find(|row| row.name == *name);
            if row.map(|row| (row.version, row.enabled)) != *seen {
                return Err(AdminError::Unfit(format!(
                    "`{name}` was changed while it was checked; save it again"
                )));
            }
        }
        Ok(())
    }

    /// Says in the log which go live although they are not green. Call in the same transaction.
    pub fn log(&self, handle: &Handle, tx: &mut dyn Tx) -> Result<(), cartlane_store::Error> {
        for (name, detail) in &self.overridden {
            audit::append(tx, &handle.entry(Action::AutomationEnabled, name, detail.clone()))?;
        }
        Ok(())
    }
}

impl Handle {
    /// Looks at documents that are to be saved: those that would change an enabled automation have to be green, or somebody says
    /// why not.
    ///
    /// # Errors
    /// Where a document has a fault, or one is not green and nobody says why.
    pub(crate) async fn pass(
        &self,
        documents: &[Json],
        override_reason: Option<&str>,
    ) -> Result<Passed, AdminError> {
        let present = self.automations().await?;
        let mut passed = Passed::default();
        for document in documents {
            let compiled = crate::automations::compile(document)?;
            let name = &compiled.document().name;
            let row = present.iter().find(|row| row.name == *name);
            passed
                .seen
                .push((name.clone(), row.map(|row| (row.version, row.enabled))));
            let Some(row) = row.filter(|row| row.enabled && row.document != *document) else {
                continue;
            };
            let check = self
                .check_as(&compiled, document.clone(), row.version + 1)
                .await?;
            match override_reason {
                _ if check.green => {}
                Some(reason) => passed.overridden.push((name.clone(), overridden(&check, reason))),
                None => return Err(AdminError::NotGreen(Box::new(check))),
            }
        }
        Ok(passed)
    }

    /// Saves documents under their names as [`Handle::save`] does, and lets those go live that are green: a new automation that
    /// is not begins disabled.
    ///
    /// # Errors
    /// Where a document has a fault, or a new version of an enabled automation is not green and nobody says why it should go live
    /// all the same: nothing is saved then.
    pub async fn save_checked(
        &self,
        documents: &[Json],
        note: Option<&str>,
        gate: &Gate,
    ) -> Result<Vec<Saved>, AdminError> {
        let override_reason = gate.override_reason.as_deref();
        let passed = self.pass(documents, override_reason).await?;
        let begin = if gate.disabled {
            Begin::Disabled
        } else {
            Begin::Held
        };
        let applied = self.save_as(documents, note, begin, passed).await?;
        let present = self.automations().await?;
        let mut saved = Vec::new();
        for (name, applied) in applied {
            let is_new = matches!(applied, Applied::Created | Applied::Restored { .. });
            let row = present.iter().find(|row| row.name == name);
            let mut faulty = None;
            if let Some(row) = row.filter(|_| is_new && begin == Begin::Held) {
                match self.enable_automation(row.id, override_reason).await {
                    Err(AdminError::NotGreen(check)) => faulty = Some(*check),
                    enabled => drop(enabled?),
                }
            }
            saved.push(Saved {
                name,
                applied,
                faulty,
            });
        }
        Ok(saved)
    }

    /// As [`Handle::roll_back`], where the document is green or the automation is disabled; or somebody says why it should go live
    /// all the same.
    ///
    /// # Errors
    /// As [`Handle::roll_back`], and where it is not green.
    pub async fn roll_back_checked(
        &self,
        id: AutomationId,
        version: i64,
        override_reason: Option<&str>,
    ) -> Result<Applied, AdminError> {
        let document = self.version(id, version).await?.document;
        let passed = self.pass(&[document], override_reason).await?;
        self.roll_back_as(id, version, passed).await
    }
}
