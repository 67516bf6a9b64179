//! What automations would do with an event, without doing it.
//!
//! ```text
//! event + document ─► fold of `advance` ─► calls, decisions, reasons
//!                        ▲ answers: made up, and written `(unknown)`
//!                        └ against a connection: read from GHL; what would be written is simulated on what was read
//! ```
//!
//! What always holds: nothing is written, neither here nor there. What hangs on an answer that nobody has is marked so.

mod against;
mod simulate;

use std::sync::Arc;

use cartlane_flow::Rules;
use cartlane_model::{AutomationId, Event, EventId};
use serde_json::{Value as Json, json};

pub use simulate::UNKNOWN;
pub(crate) use simulate::{answer, is_unknown};

use crate::fold::{Fold, Given};
use crate::source::Sender;
use crate::starts::starts;
use crate::systems::Kind;
use crate::{AdminError, Handle, trial};

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct Planning {
    /// The automation's document; it need not be saved.
    pub document: Json,
    /// What happens to it.
    pub happens: Happening,
    /// The GHL connection whose contact is read; `None` to read nothing.
    pub against: Option<String>,
}

/// An event to plan for.
#[derive(Clone, Debug)]
pub enum Happening {
    /// One that came in.
    Stored(EventId),
    /// A payload that could.
    Payload {
        /// Whose it is; `None` for an event that Cartlane makes itself.
        sender: Option<Sender>,
        /// The payload, as it was or would be delivered.
        body: Vec<u8>,
    },
}

impl Handle {
    /// What the automations would do with an event, in order, without doing it. What only an answer could tell is
    /// written `(unknown)`.
    pub async fn plan(&self, id: EventId) -> Result<Json, AdminError> {
        let event = self.event(id).await?.event;
        let runs = self.runs_of(&event, true).await?;
        let mut plans = Vec::new();
        for run in runs {
            let compiled = self
                .automations
                .version(&self.db, run.automation_id, run.version)
                .await;
            let compiled: Arc<_> = compiled.map_err(|error| AdminError::Unfit(error.to_string()))?;
            let history = self.history_for(&compiled, &event, true).await?;
            let mut plan = plan_one(Given {
                compiled: &compiled,
                event: &event,
                settings: &self.settings_for(&event),
                history: history.as_ref(),
                automation: run.automation_id,
            });
            plan["version"] = run.version.into();
            plans.push(plan);
        }
        Ok(json!({"event": id, "kind": event.facts.kind, "automations": plans}))
    }

    /// What an automation that need not be saved would do with an event: its calls in order, with the reasons of what is
    /// left out; against a connection also what would change of the contact there.
    ///
    /// # Errors
    /// Where the document has faults, there is no such event or connection, or GHL cannot be read.
    pub async fn plan_document(&self, planning: &Planning) -> Result<Json, AdminError> {
        let compiled = crate::automations::compile(&planning.document)?;
        let (event, is_stored) = match &planning.happens {
            Happening::Stored(id) => (self.event(*id).await?.event, true),
            Happening::Payload { sender, body } => {
                let new = match sender {
                    Some(sender) => trial::read(*sender, body, self.now())?,
                    None => self.own_event(body, planning.against.as_deref()).await?,
                };
                let mut event = trial::event(new, self.source_of(*sender), self.now());
                self.recognise(&mut event).await?;
                self.name_items(&mut event).await?;
                (event, false)
            }
        };
        let history = self.history_for(&compiled, &event, is_stored).await?;
        let kind = event.facts.kind.as_str();
        // References are those of the automation that it would replace.
        let name = &compiled.document().name;
        let known = self
            .automations()
            .await?
            .into_iter()
            .find(|row| row.name == *name);
        let automation = known.map_or(AutomationId::new(event.received_at), |row| row.id);
        let given = Given {
            compiled: &compiled,
            event: &event,
            settings: &self.settings_for(&event),
            history: history.as_ref(),
            automation,
        };
        let mut plan = match &planning.against {
            None => plan_one(given),
            Some(connection) => self.plan_against(given, connection).await?,
        };
        plan["kind"] = json!(kind);
        if !starts(&self.directory(), compiled.document(), &event) {
            plan["does_not_run_on"] = json!(kind);
        }
        Ok(plan)
    }

    /// What expressions read as `settings` for an event.
    pub(crate) fn settings_for(&self, event: &Event) -> Json {
        let directory = self.directory();
        let source = directory.source(event.connection_id);
        source.map_or(Json::Null, |source| source.settings.clone())
    }

    /// A connection that events of this sender come by.
    fn source_of(&self, sender: Option<Sender>) -> cartlane_model::ConnectionId {
        let directory = self.directory();
        let mut sources = directory.sources();
        let fits = sources
            .find(|source| sender.is_some_and(|sender| source.is_of(sender)))
            .map(|source| source.id);
        let any_place = || {
            let mut targets = directory.targets();
            targets
                .find(|target| target.line.kind() == Kind::Ghl)
                .map(|target| target.id)
        };
        fits.or_else(any_place)
            .unwrap_or(cartlane_model::ConnectionId::from_u128(0))
    }
}

/// A plan whose answers are made up.
fn plan_one(given: Given<'_>) -> Json {
    let (document, event) = (given.compiled.document(), given.event);
    let mut fold = Fold::new(given);
    while let Some(call) = fold.next_call() {
        fold.make_up(call);
    }
    let (ending, mut rules) = (fold.ending().to_json(), fold.rules());
    let asks_tags = document.rules.as_ref().is_some_and(Rules::asks_tags);
    if let Some(warnings) = rules["warnings"].as_array_mut()
        && asks_tags
        && event.facts.payload["tags"].is_null()
    {
        let warning = "the contact's tags were not read: rows with `tag` were taken not to fit";
        warnings.push(warning.into());
    }
    json!({"automation": document.name, "rules": rules, "steps": fold.told, "ending": ending})
}
