//! Events: list, read, replay.

use axum::Json;
use axum::extract::{Path, Query, State};
use cartlane_engine::records::{EventFilter, EventRow};
use cartlane_engine::{AdminError, Handle, Replay, Replayed};
use cartlane_model::{Money, UnixMs};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;
use crate::api::{MOST_ROWS, ROWS, id};

/// Which events; every field narrows.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    from: Option<i64>,
    to: Option<i64>,
    kind: Option<String>,
    product: Option<String>,
    status: Option<String>,
    contact: Option<String>,
    mode: Option<String>,
    before: Option<String>,
    limit: Option<i64>,
}

impl EventQuery {
    fn filter(self) -> Result<EventFilter, Problem> {
        Ok(EventFilter {
            from: self.from.map(UnixMs),
            to: self.to.map(UnixMs),
            kind: self.kind,
            product: self.product,
            status: self.status,
            contact: self.contact,
            mode: self.mode,
            before: self.before.as_deref().map(id).transpose()?,
        })
    }
}

/// Lists events, newest first.
pub async fn list_events(
    State(engine): State<Handle>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS);
    let events = engine.events(query.filter()?, limit).await?;
    Ok(Json(
        json!({"events": events.iter().map(event_out).collect::<Vec<_>>()}),
    ))
}

fn event_out(event: &EventRow) -> Value {
    let amount = event.amount_minor.map(|minor| Money {
        minor,
        currency: event.currency.clone().unwrap_or_default(),
    });
    json!({
        "id": event.id, "kind": event.kind, "mode": event.mode, "email": event.email,
        "contact_id": event.contact_id, "order_id": event.order_id, "items": event.items,
        "amount": amount.map(|money| money.to_string()), "occurred_at": event.occurred_at.to_string(),
        "received_at": event.received_at.to_string(), "repeats": event.repeats, "runs": event.run_states,
    })
}

/// Reads one event with its payload and its runs.
pub async fn read_event(
    State(engine): State<Handle>,
    Path(event): Path<String>,
) -> Result<Json<Value>, Problem> {
    let detail = engine.event(id(&event)?).await?;
    let runs: Vec<Value> = detail.runs.iter().map(crate::api::runs::run_out).collect();
    Ok(Json(json!({"event": detail.event, "runs": runs})))
}

/// Which events are replayed: those named, or else those that fit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayIn {
    /// Ids.
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    filter: EventQuery,
    /// Only by the automation with this id.
    automation: Option<String>,
}

/// Replays events.
pub async fn replay_events(
    Caller(engine): Caller,
    Json(wanted): Json<ReplayIn>,
) -> Result<Json<Replayed>, Problem> {
    let events = if wanted.events.is_empty() {
        Replay::Fitting(wanted.filter.filter()?)
    } else {
        Replay::These(
            wanted
                .events
                .iter()
                .map(|event| id(event))
                .collect::<Result<_, _>>()?,
        )
    };
    let automation = wanted.automation.as_deref().map(id).transpose()?;
    Ok(Json(engine.replay(events, automation).await?))
}

/// Lists the kinds of event that an automation can name.
pub async fn list_kinds() -> Json<Value> {
    let kinds = cartlane_engine::kinds_of_event();
    let short = kinds.iter().map(
        |kind| json!({"kind": kind.kind, "source": kind.source, "title": kind.title, "sample": kind.origin}),
    );
    Json(json!({"kinds": short.collect::<Vec<_>>()}))
}

/// Which poll an item is of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollQuery {
    operation: Option<String>,
    connection: Option<String>,
    /// The inputs as JSON.
    inputs: Option<String>,
}

/// Reads one kind with its fields, their types and sample values; of a poll those of what the account shows now.
pub async fn read_kind(
    State(engine): State<Handle>,
    Path(kind): Path<String>,
    Query(poll): Query<PollQuery>,
) -> Result<Json<Value>, Problem> {
    if let (Some(operation), Some(connection)) = (&poll.operation, &poll.connection) {
        let inputs = serde_json::from_str(poll.inputs.as_deref().unwrap_or("{}"));
        let inputs = inputs.map_err(|error| AdminError::Unfit(format!("inputs: no JSON object: {error}")))?;
        return Ok(Json(json!(
            engine.kind_of_poll(connection, operation, &inputs).await?
        )));
    }
    match cartlane_engine::kind_of_event(&kind) {
        Some(found) => Ok(Json(json!(found))),
        None => Err(AdminError::Unknown {
            noun: "kind of event",
            id: kind,
            list: "events kinds",
        }
        .into()),
    }
}
