//! Trying an automation on a live account, with one contact of it and with nobody else.
//!
//! The event is a payload whose person is replaced by the test contact. The steps are done one after the other by the
//! [`Executor`](crate::Executor): no run, no journal, nothing to go on with after a crash.
//!
//! What always holds: what is written is written to the test contact. A step that writes and names another contact, or no
//! contact, is refused; steps that write to other systems than GHL are left out.

mod contact;
mod stand_in;

use cartlane_catalog::{Catalog, Effect as Twice, Operation, System};
use cartlane_flow::{self as flow, Next, StepRecord, on};
use cartlane_model::{AutomationId, ConnectionId, Event, EventId, NewEvent, UnixMs};
use serde_json::{Value as Json, json};

pub use contact::{Effect, effects, read_back};

use crate::source::Sender;
use crate::systems::Kind;
use crate::{AdminError, CallError, Executor, Handle, MAIN_WORKSPACE};

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The automation's document; it need not be saved.
    pub document: Json,
    /// Whose payload it is; `None` for an event that Cartlane makes itself.
    pub sender: Option<Sender>,
    /// The payload, as it was or would be delivered; of our own events their fields with `kind`. A poll's event without
    /// `payload.item` gets the first thing that the account has there.
    pub body: Vec<u8>,
    /// The GHL connection to work with.
    pub connection: String,
    /// The e-mail of the contact who stands in for the event's person.
    pub contact: String,
}

/// What a trial needs at each step.
struct Ground<'a> {
    executor: Executor,
    connection: &'a str,
    /// The shop that is read from.
    shop: Option<String>,
    email: &'a str,
    /// The test contact, once there is one.
    contact_id: Option<String>,
}

impl Handle {
    /// Tries an automation on a live account: its steps, each with inputs and what came of it; what changed in GHL; and
    /// what GHL has of the fields that were sent.
    pub async fn trial(&self, trial: &Trial) -> Result<Json, AdminError> {
        let compiled = crate::automations::compile(&trial.document)?;
        let executor = self.executor();
        let target = executor.target(&trial.connection, Kind::Ghl).map_err(unfit)?;
        let found = executor
            .call(
                &trial.connection,
                "ghl.contacts.find",
                &json!({"email": trial.contact}),
            )
            .await
            .map_err(unfit)?;
        let contact_id = found.value["id"].as_str().map(str::to_owned);
        let mut new = match trial.sender {
            Some(sender) => read(sender, &trial.body, self.now())?,
            None => self.own_event(&trial.body, Some(&trial.connection)).await?,
        };
        stand_in::replace(&mut new.facts, &trial.contact, contact_id.as_deref());
        let directory = self.directory();
        let shop = directory
            .targets()
            .find(|target| target.line.kind() == Kind::ThriveCart);
        let is_source = |id: &ConnectionId| directory.source(*id).is_some();
        let connection_id = match trial.sender {
            None | Some(Sender::Ghl) => target.id,
            Some(Sender::ThriveCart) => shop.map(|shop| shop.id).filter(is_source).unwrap_or(target.id),
        };
        let mut ground = Ground {
            executor,
            connection: &trial.connection,
            shop: shop.map(|shop| shop.name.clone()),
            email: &trial.contact,
            contact_id,
        };
        let before = ground.state().await.map_err(unfit)?;
        let mut event = event(new, connection_id, self.now());
        self.recognise(&mut event).await?;
        let history = self.history_and(&event).await?;
        let settings = directory
            .source(connection_id)
            .map_or(Json::Null, |source| source.settings.clone());
        let (steps, ending, rules) = ground.steps(&compiled, &event, &history, &settings).await;
        let after = ground.state().await.map_err(unfit)?;
        let names = self.field_names(&trial.connection).await;
        let stored: Vec<_> = steps
            .iter()
            .filter(|step| step["done"] == true)
            .flat_map(|step| {
                let operation = step["operation"].as_str().unwrap_or_default();
                read_back(operation, &step["inputs"], &before, &after, &names)
            })
            .collect();
        Ok(json!({
            "automation": compiled.document().name, "kind": event.facts.kind, "rules": rules, "steps": steps,
            "ending": ending, "effects": effects(&before, &after), "read_back": stored,
        }))
    }

    /// An event of our own as it is given. Where it is a poll's and has no item, the first that this connection shows.
    pub(crate) async fn own_event(
        &self,
        body: &[u8],
        connection: Option<&str>,
    ) -> Result<NewEvent, AdminError> {
        let event = serde_json::from_slice(body)
            .map_err(|error| AdminError::Unfit(format!("the event is no JSON: {error}")))?;
        let mut made = crate::manual::read(&event)?;
        let has_item = made.kind != on::POLL_ITEM || !made.payload["item"].is_null();
        if let (false, Some(connection)) = (has_item, connection) {
            let operation = made.payload["operation"].as_str().unwrap_or_default().to_owned();
            let with = made.payload["inputs"].as_object().cloned().unwrap_or_default();
            let samples = self.poll_samples(connection, &operation, &with, 1).await;
            let first = samples.map_err(unfit)?.into_iter().next();
            made = first.ok_or_else(|| AdminError::Unfit(format!("`{operation}` shows nothing there")))?;
        }
        Ok(NewEvent {
            occurred_at: None,
            facts: made.facts(),
            dedupe_keys: Vec::new(),
        })
    }

    /// The custom fields of a location: names, keys and ids, each with the id; none where they cannot be read.
    pub async fn field_names(&self, connection: &str) -> Vec<(String, String)> {
        let Ok(choices) = self
            .executor()
            .choices(connection, "custom_fields", &Json::Null, false)
            .await
        else {
            return Vec::new();
        };
        let names = choices.choices.iter().flat_map(|field| {
            let key = field.key.clone().unwrap_or_default();
            let short = key.rsplit('.').next().unwrap_or_default().to_owned();
            [field.label.clone(), key, short, field.value.clone()].map(|name| (name, field.value.clone()))
        });
        names.collect()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which errors are mapped"
)]
fn unfit(error: CallError) -> AdminError {
    AdminError::Unfit(error.to_string())
}

pub(crate) fn read(sender: Sender, body: &[u8], now: UnixMs) -> Result<NewEvent, AdminError> {
    use cartlane_ghl::hooks;
    use cartlane_thrivecart as thrivecart;
    let nothing = || AdminError::Unfit("the payload is empty".into());
    let wrong = |error: String| AdminError::Unfit(error);
    match sender {
        Sender::ThriveCart => {
            let limits = thrivecart::Limits::default();
            let decoded =
                thrivecart::decode(None, body, &limits).map_err(|error| wrong(error.to_string()))?;
            match decoded {
                thrivecart::Delivery::Event(incoming) => Ok(incoming.event),
                thrivecart::Delivery::Ping => Err(nothing()),
            }
        }
        Sender::Ghl => match hooks::decode(true, body, now).map_err(|error| wrong(error.to_string()))? {
            hooks::Delivery::Event(incoming) => Ok(incoming.event),
            hooks::Delivery::Ping => Err(nothing()),
        },
    }
}

pub(crate) fn event(new: NewEvent, connection_id: ConnectionId, now: UnixMs) -> Event {
    Event {
        id: EventId::new(now),
        workspace_id: MAIN_WORKSPACE,
        connection_id,
        contact_id: None,
        received_at: now,
        occurred_at: new.occurred_at.unwrap_or(now),
        facts: new.facts,
    }
}

/// What the steps are evaluated against.
fn scope<'a>(
    event: &'a Event,
    steps: &'a flow::Journal,
    reference: &'a (dyn Fn(&str) -> String + Sync),
    history: &'a flow::History,
    settings: &'a Json,
) -> flow::Scope<'a> {
    flow::Scope {
        event,
        steps,
        reference,
        settings,
        contact: Some(history),
    }
}

impl Ground<'_> {
    async fn state(&self) -> Result<Json, CallError> {
        match &self.contact_id {
            Some(id) => self.executor.contact_state(self.connection, id).await,
            None => Ok(Json::Null),
        }
    }

    /// Does the steps; what came of each, how it ended, and which rules applied.
    async fn steps(
        &mut self,
        compiled: &flow::Compiled,
        event: &Event,
        history: &flow::History,
        settings: &Json,
    ) -> (Vec<Json>, Json, Json) {
        let automation = AutomationId::new(event.received_at);
        let reference = |step: &str| crate::reference::reference(event.id, automation, step);
        let mut journal: flow::Journal = Vec::new();
        let mut steps = Vec::new();
        let ending = loop {
            let record = match flow::advance(compiled, &scope(event, &journal, &reference, history, settings))
            {
                Ok(Next::Call {
                    step,
                    operation,
                    inputs,
                    ..
                }) => {
                    let mut told = json!({"step": step, "operation": operation, "inputs": inputs});
                    let record = match self.call(&operation, &inputs).await {
                        Ok(Done::Made(output)) => {
                            told["done"] = true.into();
                            StepRecord::Done { output }
                        }
                        Ok(Done::LeftOut(reason)) => {
                            told["left_out"] = reason.clone().into();
                            StepRecord::Skipped { reason }
                        }
                        Err(message) => {
                            told["failed"] = message.clone().into();
                            StepRecord::Failed { message }
                        }
                    };
                    steps.push(told);
                    (step, record)
                }
                Ok(Next::Skip { step, reason }) => {
                    steps.push(json!({"step": step, "skipped": reason}));
                    (step, StepRecord::Skipped { reason })
                }
                Ok(Next::Note { step, output }) => {
                    steps.push(json!({"step": step, "decides": output}));
                    (step, StepRecord::Done { output })
                }
                Ok(Next::Wait { step, kinds, .. }) => {
                    steps.push(json!({"step": step, "waits": "not here: its time counts as over"}));
                    let output = json!({"timed_out": !kinds.is_empty(), "event": null});
                    (step, StepRecord::Done { output })
                }
                Ok(Next::Ended { reason, .. }) => break json!({"stopped": reason}),
                Ok(Next::Done) => break json!("done"),
                Ok(Next::NotApplicable { reason }) => break json!({"skipped": reason}),
                Ok(Next::Stopped { step }) => break json!({"failed_at": step}),
                Err(fault) => break json!({"fault": fault.to_string()}),
            };
            journal.push(record);
        };
        let rules = crate::fold::rules(compiled, &scope(event, &journal, &reference, history, settings));
        (steps, ending, rules)
    }

    async fn call(&mut self, operation: &str, inputs: &Json) -> Result<Done, String> {
        let found = Catalog::builtin().get(operation);
        let found = found.ok_or_else(|| format!("there is no operation `{operation}`"))?;
        let is_read = found.effect_with(inputs) == Twice::Read;
        let connection = match (found.system, &self.shop) {
            (System::Ghl, _) => {
                if !is_read {
                    self.guard(found, inputs)?;
                }
                self.connection
            }
            (System::ThriveCart, Some(shop)) if is_read => shop,
            _ => {
                let reason = "only GoHighLevel is written to in a test against a live account";
                return Ok(Done::LeftOut(reason.into()));
            }
        };
        let output = self.executor.call(connection, operation, inputs).await;
        let output = output.map_err(|error| error.to_string())?.value;
        // The first step that makes the contact says who it is.
        if self.contact_id.is_none() {
            let id = output
                .pointer("/contact/id")
                .or(output.get("id"))
                .and_then(Json::as_str);
            self.contact_id = id.filter(|_| inputs["email"] == self.email).map(str::to_owned);
        }
        Ok(Done::Made(output))
    }

    /// Fails where what is written is not about the test contact alone.
    fn guard(&self, operation: &Operation, inputs: &Json) -> Result<(), String> {
        let text = |name: &str| inputs.get(name).and_then(Json::as_str);
        let ids: Vec<&str> = ["contactId", "contact_id"].into_iter().filter_map(text).collect();
        let is_ours = |id: &&str| Some(*id) == self.contact_id.as_deref();
        let emails: Vec<&str> = ["email", "previous_email"].into_iter().filter_map(text).collect();
        let is_our_email = |email: &&str| email.eq_ignore_ascii_case(self.email);
        let names_us = !ids.is_empty() || !emails.is_empty();
        if names_us && ids.iter().all(is_ours) && emails.iter().all(is_our_email) {
            return Ok(());
        }
        Err(format!(
            "not done: `{}` would write to something else than the test contact {}",
            operation.id, self.email
        ))
    }
}

/// What became of a step.
enum Done {
    Made(Json),
    LeftOut(String),
}
