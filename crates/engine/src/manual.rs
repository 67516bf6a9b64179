//! Runs that a person, or a program by the API, asks for: an event of theirs starts one automation.

use cartlane_flow::names::{self, nearest};
use cartlane_flow::on;
use cartlane_model::{AutomationId, EventId, Problems, RunId};
use cartlane_store::inbox::{self, NewRun, Taken};
use serde_json::Value as Json;

use crate::automations::Loaded;
use crate::made::{Made, Occasion};
use crate::schedules::connection_of;
use crate::{AdminError, Handle};

/// What an event that is given may say.
const GIVEN: [&str; 9] = [
    "mode",
    "person",
    "items",
    "amount",
    "order_id",
    "invoice_id",
    "coupon",
    "subscription",
    "payload",
];

impl Handle {
    /// Starts an automation with an event: the fields of `event` as expressions read them, all optional. The event's id.
    ///
    /// A `key` in it starts the automation once: called again with the same one, nothing happens, and the id is that of the
    /// first event.
    pub async fn run_automation(&self, id: AutomationId, event: &Json) -> Result<EventId, AdminError> {
        self.automations.refresh(&self.db).await?;
        let present = self.automations.present();
        let loaded = present.iter().find(|loaded| loaded.row.id == id);
        let loaded = loaded.ok_or_else(|| AdminError::Unknown {
            noun: "automation",
            id: id.to_string(),
            list: "automations list",
        })?;
        let name = &loaded.row.name;
        if !loaded.compiled.document().is_manual() {
            return Err(AdminError::Unfit(format!(
                "`{name}` is not to be started by hand; add `manual` to its `on`, and apply it"
            )));
        }
        if !loaded.row.enabled {
            return Err(AdminError::Unfit(format!(
                "`{name}` is disabled; `cartlane automations enable` lets it be started"
            )));
        }
        let mut event = event.clone();
        let key = event.as_object_mut().and_then(|fields| fields.remove("key"));
        let key = key.map(|key| match key.as_str() {
            Some(key) if !key.trim().is_empty() => Ok(format!("manual/{id}/{key}")),
            _ => Err(Problems::one(
                "key",
                "must be a text, by which the same start is known",
            )),
        });
        self.begin(loaded, given(on::MANUAL_RUN, &event)?, key.transpose()?)
            .await
    }

    /// Starts an automation as though one of its own triggers had fired, whatever stands in its `on`: for trials in a house
    /// of their own. `event` has the `kind` too. The event's id.
    pub async fn start_as(&self, id: AutomationId, event: &Json) -> Result<EventId, AdminError> {
        let present = self.automations.present();
        let loaded = present.iter().find(|loaded| loaded.row.id == id);
        let loaded = loaded.ok_or_else(|| AdminError::Unknown {
            noun: "automation",
            id: id.to_string(),
            list: "automations list",
        })?;
        self.begin(loaded, read(event)?, None).await
    }

    async fn begin(&self, loaded: &Loaded, made: Made, key: Option<String>) -> Result<EventId, AdminError> {
        let named = loaded.compiled.document().connection.as_deref();
        let connection = connection_of(&self.directory(), named);
        let connection_id = connection.ok_or_else(|| {
            AdminError::Unfit("there is no connection that the event could belong to; add one".into())
        })?;
        let now = self.now();
        let occasion = Occasion {
            workspace_id: loaded.row.workspace_id,
            connection_id,
            occurred_at: now,
            key,
            runs: vec![NewRun {
                id: RunId::new(now),
                automation_id: loaded.row.id,
                version: loaded.row.version,
            }],
        };
        let delivery = [made.delivery(occasion, now)];
        let event_id = delivery[0].event_id;
        let taken = self.db.write(move |tx| inbox::take(tx, &delivery)).await?;
        self.work_is_there.notify_one();
        Ok(match taken[..] {
            [Taken::Repeat(first)] => first,
            _ => event_id,
        })
    }
}

/// An event that says itself of which of our own kinds it is.
pub(crate) fn read(event: &Json) -> Result<Made, Problems> {
    let kind = event["kind"].as_str().unwrap_or_default().to_owned();
    if !on::is_own_kind(&kind) {
        let message = format!(
            "`{kind}` is no kind of event that Cartlane makes: {}",
            on::OWN_KINDS.join(", ")
        );
        return Err(Problems::one("kind", message));
    }
    let mut event = event.clone();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("kind");
    }
    given(&kind, &event)
}

/// An event as it is given, checked.
fn given(kind: &str, event: &Json) -> Result<Made, Problems> {
    let mut problems = Problems::default();
    let Some(fields) = event.as_object() else {
        return Err(Problems::one(
            "",
            "an event is an object, such as {\"person\": {\"email\": …}}",
        ));
    };
    check("", fields.keys(), &GIVEN, &mut problems);
    let people = fields.get("person").and_then(Json::as_object).into_iter();
    check(
        "person.",
        people.flat_map(serde_json::Map::keys),
        &names::PERSON,
        &mut problems,
    );
    problems.into_result(())?;
    let mut made: Made =
        serde_json::from_value(event.clone()).map_err(|error| Problems::one("", error.to_string()))?;
    made.kind = kind.into();
    Ok(made)
}

fn check<'k>(place: &str, keys: impl Iterator<Item = &'k String>, known: &[&str], problems: &mut Problems) {
    for key in keys.filter(|key| !known.contains(&key.as_str())) {
        let message = match nearest(key, known.iter().copied()) {
            Some(near) => format!("there is no `{key}` in an event; did you mean `{near}`?"),
            None => format!("there is no `{key}` in an event; there are {}", known.join(", ")),
        };
        problems.push(format!("{place}{key}"), message);
    }
}
