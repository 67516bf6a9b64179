//! One automation and one event, in a house of their own.

use anyhow::bail;
use cartlane_engine::records::{Call, Outcome, StepState};
use cartlane_engine::{Effect, RunDetail, effects, read_back};
use cartlane_flow::recipe::{Before, Expected};
use serde_json::{Value, json};

use super::expected;
use super::house::{CRM, House};
use super::payload::{FIRST_OF_POLL, Payload};
use super::stand_ins;

/// What is tried.
pub struct Case {
    /// What is delivered.
    pub payload: Payload,
    /// What is delivered and worked off beforehand.
    pub earlier: Vec<Payload>,
    /// What is delivered while the run waits, each with the step that waits then; else the first one that does.
    pub meanwhile: Vec<Meanwhile>,
    /// What is called beforehand.
    pub before: Vec<Before>,
    /// How many subscriptions the person has at `ThriveCart`.
    pub subscriptions: u32,
    /// The steps that must be done, and no others; `None` where nobody has said.
    pub done: Option<Vec<String>>,
    /// What must have changed; `None` where nobody has said.
    pub effects: Option<Vec<Expected>>,
}

/// What is delivered while a step waits: this one, or the first that does.
pub type Meanwhile = (Option<String>, Payload);

impl From<Payload> for Case {
    fn from(payload: Payload) -> Self {
        Self {
            payload,
            earlier: Vec::new(),
            meanwhile: Vec::new(),
            before: Vec::new(),
            subscriptions: 1,
            done: None,
            effects: None,
        }
    }
}

type States = Vec<(String, Value)>;

/// What came of it; `problem` says what was wrong, where something was.
pub async fn run(document: &Value, case: Case) -> anyhow::Result<Value> {
    let payload = &case.payload;
    let mut fields = stand_ins::custom_fields(document);
    let customs = payload.body["customFields"].as_array().into_iter().flatten();
    fields.extend(customs.filter_map(|field| Some(field["id"].as_str()?.to_owned())));
    fields.sort();
    fields.dedup();
    let house = House::open(&fields).await?;
    let (kind, origin) = (payload.kind.clone(), payload.origin.clone());
    let told = within(&house, document, case).await;
    house.close().await;
    Ok(told.unwrap_or_else(|error| {
        json!({"kind": kind, "origin": origin, "ending": "not tried", "problem": format!("{error:#}")})
    }))
}

async fn within(house: &House, document: &Value, case: Case) -> anyhow::Result<Value> {
    let Case {
        mut payload,
        mut earlier,
        mut meanwhile,
        before,
        subscriptions,
        done,
        effects,
    } = case;
    let (document, stand_ins) = stand_ins::stand_in(document, house).await;
    for before in &before {
        house.call(&before.operation, &before.with).await?;
    }
    prepare(house, &document, &mut payload, subscriptions).await?;
    house
        .handle
        .apply(&[document], "cartlane automations test")
        .await?;
    let others = meanwhile.iter_mut().map(|(_, other)| other);
    earlier
        .iter_mut()
        .chain(others)
        .for_each(|other| other.follow(&payload));
    for earlier in earlier {
        let event = house.happens(&earlier).await?;
        let run = house.ended(event, Vec::new()).await?;
        if let Some(problem) = run.as_ref().and_then(unfinished) {
            bail!("of the earlier {}: {problem}", earlier.kind);
        }
    }
    let before = house.state().await?;
    let event = house.happens(&payload).await?;
    let run = house.ended(event, meanwhile).await?;
    let after = house.state().await?;
    let mut told = json!({"kind": payload.kind, "origin": payload.origin, "stand_ins": stand_ins});
    let Some(run) = run else {
        told["problem"] = "the event started no run; does the automation run on this kind?".into();
        return Ok(told);
    };
    told["steps"] = steps(&run).into();
    told["ending"] = run.run.state.as_str().into();
    told["error"] = json!(run.run.error);
    told["warnings"] = json!(run.run.warnings);
    let changed = changes(&before, &after);
    told["effects"] = changed
        .iter()
        .map(|(contact, effects)| json!({"contact": contact, "effects": effects}))
        .collect();
    let names = house.handle.field_names(CRM).await;
    told["read_back"] = stored(&run.calls, &before, &after, &names).into();
    let problem = unfinished(&run)
        .or_else(|| other_steps(&run, done.as_deref()?))
        .or_else(|| expected::unlike(&effects?, &changed));
    if let Some(problem) = problem {
        told["problem"] = problem.into();
    }
    Ok(told)
}

/// What must be there for the event to be about somebody: GHL's contact where it is GHL's event, with the appointment that it
/// is about; a customer at ThriveCart where the automation asks there.
async fn prepare(
    house: &House,
    document: &Value,
    payload: &mut Payload,
    subscriptions: u32,
) -> anyhow::Result<()> {
    let email = payload.email();
    if payload.kind.starts_with("ghl.") {
        let id = house.contact(&email).await?;
        payload.set_contact(&id);
        if payload.body["appointment"].is_object() {
            book(house, &id, &mut payload.body["appointment"]).await?;
        }
    }
    if payload.origin == FIRST_OF_POLL {
        house.contact(&email).await?; // a list of contacts has somebody
        payload.body = house.first_of_poll(&payload.body["payload"]).await?;
    }
    let text = document.to_string();
    if text.contains("\"thrivecart.customers.") || text.contains("\"thrivecart.subscriptions.") {
        let mode = if payload.body["mode"] == "test" {
            "test"
        } else {
            "live"
        };
        // Where a contact's former e-mail is kept in a custom field, that is whom ThriveCart knows.
        let customs = payload.body["customFields"].as_array().into_iter().flatten();
        let mut formers =
            customs.filter_map(|field| field["value"].as_str().filter(|value| value.contains('@')));
        let customer = formers.next().unwrap_or(&email);
        for _ in 0..subscriptions {
            house.sell(customer, mode).await?;
        }
    }
    Ok(())
}

/// Books the appointment that an event is about.
async fn book(house: &House, contact: &str, appointment: &mut Value) -> anyhow::Result<()> {
    let made = house
        .call(
            "ghl.calendars.create",
            &json!({"name": "Calls", "calendarType": "event"}),
        )
        .await?;
    let inputs = json!({
        "calendarId": made["calendar"]["id"], "contactId": contact, "startTime": appointment["startTime"],
        "ignoreFreeSlotValidation": true, "ignoreDateRange": true,
    });
    let booked = house.call("ghl.calendars.create_appointment", &inputs).await?;
    appointment["id"] = booked["id"].clone();
    Ok(())
}

/// Each step with its calls.
fn steps(run: &RunDetail) -> Vec<Value> {
    let calls = |step: &str| -> Vec<Value> {
        let of_step = run.calls.iter().filter(|call| call.step_id == step);
        of_step.map(call).collect()
    };
    let mut steps: Vec<Value> = run
        .steps
        .iter()
        .map(|step| match step.state {
            StepState::Done => json!({"step": step.step_id, "done": true, "calls": calls(&step.step_id)}),
            StepState::Skipped => json!({"step": step.step_id, "skipped": step.reason}),
            StepState::Failed => {
                json!({"step": step.step_id, "failed": step.reason, "calls": calls(&step.step_id)})
            }
            StepState::Waiting => json!({"step": step.step_id, "waits": step.output}),
        })
        .collect();
    let is_told = |step: &str, steps: &[Value]| steps.iter().any(|told| told["step"] == step);
    for call in &run.calls {
        if !is_told(&call.step_id, &steps) {
            let calls = calls(&call.step_id);
            steps.push(json!({"step": call.step_id, "failed": run.run.error, "calls": calls}));
        }
    }
    steps
}

fn call(call: &Call) -> Value {
    json!({
        "operation": call.operation, "method": call.request["method"], "path": call.request["path"],
        "inputs": call.request["inputs"], "outcome": call.outcome.as_str(), "status": call.http_status,
        "error": call.error,
    })
}

/// What has changed, of each contact by their e-mail.
fn changes(before: &States, after: &States) -> Vec<(Value, Vec<Effect>)> {
    let former = |id: &str| {
        before
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, state)| state)
    };
    let changed = after.iter().filter_map(|(id, state)| {
        let effects = effects(former(id).unwrap_or(&Value::Null), state);
        (!effects.is_empty()).then(|| (state["contact"]["email"].clone(), effects))
    });
    changed.collect()
}

/// The fields that calls sent, beside what GHL has of them.
fn stored(calls: &[Call], before: &States, after: &States, names: &[(String, String)]) -> Vec<Value> {
    let answered = calls.iter().filter(|call| call.outcome == Outcome::Ok);
    let rows = answered.flat_map(|call| {
        let inputs = &call.request["inputs"];
        let is_it = |(id, state): &&(String, Value)| match inputs["contactId"].as_str() {
            Some(wanted) => wanted == id,
            None => same_email(&inputs["email"], &state["contact"]["email"]),
        };
        let find = |states: &States| states.iter().find(is_it).map(|(_, state)| state.clone());
        let (before, after) = (find(before).unwrap_or_default(), find(after).unwrap_or_default());
        read_back(&call.operation, inputs, &before, &after, names)
    });
    rows.map(|row| json!(row)).collect()
}

fn same_email(one: &Value, other: &Value) -> bool {
    let (one, other) = (one.as_str(), other.as_str());
    one.zip(other)
        .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// Why the run has not come to its end, where it has not.
fn unfinished(run: &RunDetail) -> Option<String> {
    let is_over = run.run.finished_at.is_some() && run.run.state != "failed";
    let error = run.run.error.as_deref().unwrap_or("it did not come to its end");
    (!is_over).then(|| format!("the run is {}: {error}", run.run.state))
}

/// That the run did other steps than the recipe says, where it did.
fn other_steps(run: &RunDetail, said: &[String]) -> Option<String> {
    let done = run.steps.iter().filter(|step| step.state == StepState::Done);
    let done: Vec<&str> = done.map(|step| step.step_id.as_str()).collect();
    let is_as_said = done.len() == said.len() && done.iter().all(|step| said.iter().any(|said| said == step));
    (!is_as_said).then(|| {
        format!(
            "the recipe says that these steps are done: {}; done were: {}",
            said.join(", "),
            done.join(", ")
        )
    })
}
