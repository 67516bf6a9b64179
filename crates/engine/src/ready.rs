//! What decides what a run does: its automation and its event, with all that they read.

use std::sync::Arc;

use cartlane_flow::{Compiled, History};
use cartlane_model::{AutomationId, Event};
use cartlane_store::runs::Work;
use serde_json::Value as Json;

use crate::Shared;
use crate::automations::VersionError;
use crate::fold::Given;
use crate::run::failed;
use crate::stored::event_of;
use crate::worker::Ending;

/// A run's automation and event, with what it can read of them.
pub(crate) struct Ready {
    pub compiled: Arc<Compiled>,
    pub event: Event,
    settings: Json,
    history: Option<History>,
    automation: AutomationId,
}

impl Ready {
    pub fn given(&self) -> Given<'_> {
        Given {
            compiled: &self.compiled,
            event: &self.event,
            settings: &self.settings,
            history: self.history.as_ref(),
            automation: self.automation,
        }
    }
}

/// The database did not answer.
pub(crate) fn in_a_second() -> Ending {
    Ending::Wait {
        in_ms: 1_000,
        reason: None,
    }
}

impl Shared {
    /// All that decides what a run does.
    pub(crate) async fn ready(&self, work: &Work) -> Result<Ready, Ending> {
        let (automation, version) = (work.automation_id, work.automation_version);
        let compiled = self.automations.version(&self.db, automation, version).await;
        let compiled = compiled.map_err(|error| match error {
            VersionError::Store(_) => in_a_second(),
            error => failed("automation.unreadable", error.to_string()),
        })?;
        let mut event = event_of(&work.event).map_err(|message| failed("event.unreadable", message))?;
        self.name_items(&mut event).await.map_err(|_| in_a_second())?;
        let settings = self
            .directory()
            .source(event.connection_id)
            .map_or(Json::Null, |source| source.settings.clone());
        let history = self.history_for(&compiled, &event, true).await;
        Ok(Ready {
            history: history.map_err(|_| in_a_second())?,
            compiled,
            event,
            settings,
            automation,
        })
    }
}
