//! Runs that a person, or a program by the API, asks for: an event of theirs starts one automation.

use cartlane_flow::names::{self, nearest};
use cartlane_flow::on;
use cartlane_model::{AutomationId, EventId, Problems, RunId};
use cartlane_store::inbox::{self, NewRun};
use serde_json::Value as Json;

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
    pub async fn run_automation(&self, id: AutomationId, event: &Json) -> Result<EventId, AdminError> {
        self.automations.refresh(&self.db).await?;
        let present = self.automations.present();
        let loaded = present.iter().find(|loaded| loaded.row.id == id);
        let loaded = loaded.ok_or_else(|| AdminError::Unknown {
            noun: "automation",
            id: id.to_string(),
            list: "automations list",
        })?;
        let (name, document) = (&loaded.row.name, loaded.compiled.document());
        if !document.is_manual() {
            return Err(AdminError::Unfit(format!(
                "`{name}` is not to be started by hand; add `manual` to its `on`, and apply it"
            )));
        }
        if !loaded.row.enabled {
            return Err(AdminError::Unfit(format!(
                "`{name}` is disabled; `cartlane automations enable` lets it be started"
            )));
        }
        let connection = connection_of(&self.directory(), document.connection.as_deref());
        let connection_id = connection.ok_or_else(|| {
            AdminError::Unfit("there is no connection that the event could belong to; add one".into())
        })?;
        let now = self.now();
        let occasion = Occasion {
            workspace_id: loaded.row.workspace_id,
            connection_id,
            occurred_at: now,
            key: None,
            runs: vec![NewRun {
                id: RunId::new(now),
                automation_id: id,
                version: loaded.row.version,
            }],
        };
        let delivery = [given(event)?.delivery(occasion, now)];
        let event_id = delivery[0].event_id;
        self.db
            .write(move |tx| inbox::take(tx, &delivery).map(|_| ()))
            .await?;
        self.work_is_there.notify_one();
        Ok(event_id)
    }
}

/// An event as it is given, checked.
fn given(event: &Json) -> Result<Made, Problems> {
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
    made.kind = on::MANUAL_RUN.into();
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
