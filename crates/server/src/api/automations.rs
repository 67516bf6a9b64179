//! Automations: list, apply, enable, remove, run, plan.

use axum::Json;
use axum::extract::{Path, State};
use cartlane_engine::records::Automation;
use cartlane_engine::{Gate, Handle, Sender, Trial};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use crate::Problem;
use crate::api::id;

/// Lists the automations in their order, with their documents.
pub async fn list_automations(State(engine): State<Handle>) -> Result<Json<Value>, Problem> {
    let automations = engine.automations().await?;
    let out: Vec<Value> = automations.iter().map(automation_out).collect();
    Ok(Json(json!({"automations": out})))
}

fn automation_out(row: &Automation) -> Value {
    json!({
        "id": row.id, "name": row.name, "position": row.position, "version": row.version,
        "enabled": row.enabled, "updated_at": row.updated_at.to_string(), "document": row.document,
    })
}

/// Documents to save.
#[derive(Deserialize)]
pub struct ApplyIn {
    documents: Vec<Value>,
    note: Option<String>,
    #[serde(default)]
    disabled: bool,
    /// Why they go live although their go-live check is not green.
    #[serde(default)]
    r#override: Option<String>,
}

/// A reason that somebody gave, where it says anything.
pub(super) fn reason(given: Option<String>) -> Option<String> {
    given.filter(|reason| !reason.trim().is_empty())
}

/// Saves documents under their names: all of them or, where one has a fault, none. Those that are new and not green begin
/// disabled.
pub async fn apply_automations(
    Caller(engine): Caller,
    Json(apply): Json<ApplyIn>,
) -> Result<Json<Value>, Problem> {
    let prices = engine.prices(&apply.documents).await?; // before they count as polled already
    let gate = Gate {
        disabled: apply.disabled,
        override_reason: reason(apply.r#override),
    };
    let note = apply.note.as_deref();
    let saved = engine.save_checked(&apply.documents, note, &gate).await?;
    let present = engine.automations().await?;
    let out = saved.into_iter().map(|saved| {
        let row = present.iter().find(|row| row.name == saved.name);
        let (version, enabled) = (row.map(|row| row.version), row.map(|row| row.enabled));
        json!({"name": saved.name, "applied": saved.applied.as_str(), "version": version, "enabled": enabled,
               "check": saved.faulty})
    });
    Ok(Json(
        json!({"automations": out.collect::<Vec<_>>(), "polls": prices}),
    ))
}

/// What to change of an automation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutomationPatch {
    enabled: bool,
    /// Why it is enabled although its go-live check is not green.
    #[serde(default)]
    r#override: Option<String>,
}

/// Says whether events start an automation. It is enabled where its go-live check is green, or a person says why not.
pub async fn update_automation(
    Caller(engine): Caller,
    Path(automation): Path<String>,
    Json(patch): Json<AutomationPatch>,
) -> Result<Json<Value>, Problem> {
    let automation_id = id(&automation)?;
    let mut told = json!({"id": automation, "enabled": patch.enabled});
    if patch.enabled {
        let reason = reason(patch.r#override);
        told["check"] = json!(engine.enable_automation(automation_id, reason.as_deref()).await?);
    } else {
        engine.disable_automation(automation_id).await?;
    }
    Ok(Json(told))
}

/// Whether an automation can do on the real account what it says.
pub async fn check_automation(
    State(engine): State<Handle>,
    Path(automation): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!(engine.check(id(&automation)?).await?)))
}

/// Removes an automation.
pub async fn remove_automation(
    Caller(engine): Caller,
    Path(automation): Path<String>,
) -> Result<Json<Value>, Problem> {
    engine.remove_automation(id(&automation)?).await?;
    Ok(Json(json!({"id": automation, "removed": true})))
}

/// Starts an automation by hand, with the event in the body; the event's id.
pub async fn run_automation(
    State(engine): State<Handle>,
    Path(automation): Path<String>,
    Json(event): Json<Value>,
) -> Result<Json<Value>, Problem> {
    let event = engine.run_automation(id(&automation)?, &event).await?;
    Ok(Json(json!({"id": automation, "event_id": event})))
}

/// An automation to try on a live account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialIn {
    document: Value,
    sender: SenderIn,
    payload: Value,
    connection: String,
    contact: String,
}

/// Whose payload it is.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SenderIn {
    /// `ThriveCart`.
    ThriveCart,
    /// `GoHighLevel`.
    Ghl,
    /// An event that Cartlane makes itself.
    Cartlane,
}

impl From<SenderIn> for Option<Sender> {
    fn from(sender: SenderIn) -> Self {
        match sender {
            SenderIn::ThriveCart => Some(Sender::ThriveCart),
            SenderIn::Ghl => Some(Sender::Ghl),
            SenderIn::Cartlane => None,
        }
    }
}

/// Tries an automation on a live account, with one test contact.
pub async fn try_automation(
    State(engine): State<Handle>,
    Json(asked): Json<TrialIn>,
) -> Result<Json<Value>, Problem> {
    let trial = Trial {
        document: asked.document,
        sender: asked.sender.into(),
        body: asked.payload.to_string().into_bytes(),
        connection: asked.connection,
        contact: asked.contact,
    };
    Ok(Json(engine.trial(&trial).await?))
}
