//! The check before a document goes live: by being saved as a new automation, as a new version of one that is enabled, or by a
//! roll back or an import.

use cartlane_model::AutomationId;
use cartlane_store::audit::{self, Action};
use cartlane_store::automations::Applied;
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

impl Handle {
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
        let present = self.automations().await?;
        let mut overridden_checks = Vec::new();
        for document in documents {
            let row = present.iter().find(|row| document["name"] == row.name.as_str());
            let goes_live = row.is_some_and(|row| row.enabled && row.document != *document);
            if let Some(check) = self.fault_of(document, goes_live).await? {
                match override_reason {
                    Some(reason) => {
                        overridden_checks.push((check.automation.clone(), overridden(&check, reason)));
                    }
                    None => return Err(AdminError::NotGreen(Box::new(check))),
                }
            }
        }
        let begin = if gate.disabled {
            Begin::Disabled
        } else {
            Begin::Held
        };
        let applied = self.save_as(documents, note, begin).await?;
        for (name, detail) in overridden_checks {
            let entry = self.entry(Action::AutomationEnabled, &name, detail);
            self.db.write(move |tx| audit::append(tx, &entry)).await?;
        }
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
        let row = self.automation(id).await?;
        let goes_live = row.enabled && row.document != document;
        let Some(check) = self.fault_of(&document, goes_live).await? else {
            return self.roll_back(id, version).await;
        };
        let Some(reason) = override_reason else {
            return Err(AdminError::NotGreen(Box::new(check)));
        };
        let applied = self.roll_back(id, version).await?;
        let entry = self.entry(Action::AutomationEnabled, &row.name, overridden(&check, reason));
        self.db.write(move |tx| audit::append(tx, &entry)).await?;
        Ok(applied)
    }

    /// The check of a document that goes live; `None` where it is green, or does not.
    pub(crate) async fn fault_of(
        &self,
        document: &Json,
        goes_live: bool,
    ) -> Result<Option<Check>, AdminError> {
        let compiled = crate::automations::compile(document)?;
        if !goes_live {
            return Ok(None);
        }
        let name = &compiled.document().name;
        let row = self
            .automations()
            .await?
            .into_iter()
            .find(|row| row.name == *name);
        let version = row.map_or(1, |row| row.version + 1);
        let check = self.check_as(&compiled, document.clone(), version).await?;
        Ok(Some(check).filter(|check| !check.green))
    }
}
