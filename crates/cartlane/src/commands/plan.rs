//! `cartlane automations plan`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use cartlane_catalog::Catalog;
use cartlane_engine::Sender;
use cartlane_flow::Document;
use serde_json::{Value, json};

use super::trial::payload::Payload;
use super::trial::print::{effect, list, rules, short, text};
use crate::admin::Admin;
use crate::output::{self, BadUsage, line};

/// What to plan, for what.
#[derive(clap::Args)]
pub struct Arguments {
    /// A document; it need not be saved. Without it, the automations that are saved and enabled.
    file: Option<PathBuf>,
    /// The event: the id of one that came in; with a document also a file with a payload, or a kind such as
    /// `order.success` for a recorded payload of it.
    #[arg(long)]
    event: String,
    /// Read this GHL connection, and show what would change of the contact there. Nothing is written.
    #[arg(long, value_name = "CONNECTION", requires = "file")]
    against: Option<String>,
}

/// Plans.
pub async fn run(arguments: &Arguments, admin: &Admin, as_json: bool) -> anyhow::Result<()> {
    let event = &arguments.event;
    let Some(file) = &arguments.file else {
        let answer = admin.get(&format!("/api/events/{event}/plan"), &[]).await?;
        if as_json {
            output::json(&answer);
        } else {
            if list(&answer["automations"]).is_empty() {
                line("no automation listens to this event");
            }
            list(&answer["automations"]).iter().for_each(print);
        }
        return Ok(());
    };
    let mut plans = Vec::new();
    for document in super::apply::read(file)? {
        let mut asked = json!({"document": document, "against": arguments.against});
        happening(event, &mut asked)?;
        plans.push(admin.post("/api/plan", &asked).await?);
    }
    if as_json {
        output::json(&json!({"automations": plans}));
    } else {
        plans.iter().for_each(print);
    }
    Ok(())
}

/// Puts the event into what is asked.
fn happening(event: &str, asked: &mut Value) -> anyhow::Result<()> {
    if event.starts_with("evt_") {
        asked["event"] = event.into();
        return Ok(());
    }
    let path = Path::new(event);
    let document = Document::from_json(&asked["document"], Catalog::builtin())?;
    let trigger = document.on.iter().find(|on| on.kind() == event);
    let payload = if path.exists() {
        Payload::of_file(path)?
    } else if let Some(payload) = trigger.map_or_else(|| Payload::of_kind(event), Payload::of) {
        payload
    } else {
        bail!(BadUsage(format!(
            "`{event}` is neither the id of an event (`cartlane events list`), nor a file, nor a kind of event with a recorded payload"
        )));
    };
    asked["sender"] = match payload.sender {
        Some(Sender::ThriveCart) => "thrivecart",
        Some(Sender::Ghl) => "ghl",
        None => "cartlane",
    }
    .into();
    asked["payload"] = match payload.sender {
        Some(_) => payload.body,
        None => payload.own(),
    };
    Ok(())
}

fn print(plan: &Value) {
    line(&text(&plan["automation"]));
    if let Some(kind) = plan["does_not_run_on"].as_str() {
        line(&format!(
            "  it does not run on {kind}; this is what it would do if it did"
        ));
    }
    list(&plan["steps"]).iter().for_each(step);
    rules(&plan["rules"], "  ");
    line(&format!("  => {}", ending(&plan["ending"])));
    if plan["against"].is_null() {
        return;
    }
    let who = [&plan["contact"]["email"], &plan["contact"]["id"]].map(text);
    match (who, list(&plan["effects"])) {
        ([email, id], []) => line(&format!("  nothing would change of {email} {id}")),
        ([email, id], effects) => {
            let is_new = if id.is_empty() { "(new)".to_owned() } else { id };
            line(&format!("  {email} {is_new}"));
            effects.iter().for_each(effect);
        }
    }
}

/// How a plan ends, in words.
pub(super) fn ending(ending: &Value) -> String {
    match ending {
        Value::Object(ending) => {
            let words = ending.iter().map(|(what, why)| format!("{what}: {}", text(why)));
            words.collect::<Vec<_>>().join("; ")
        }
        ending => text(ending),
    }
}

/// A step, with its calls where they are known.
pub(super) fn step(step: &Value) {
    let id = text(&step["step"]);
    let behind: Vec<String> = list(&step["depends_on"]).iter().map(text).collect();
    let guess = if behind.is_empty() {
        String::new()
    } else {
        format!(" (a guess: it depends on {})", behind.join(", "))
    };
    if let Some(reason) = step["skipped"].as_str() {
        return line(&format!("  {id}: left out: {reason}{guess}"));
    }
    for what in ["decides", "waits"] {
        if !step[what].is_null() {
            let ended = step["ended_by"].as_str().map(|kind| format!(", ended by {kind}"));
            let told = short(&step[what]);
            return line(&format!(
                "  {id}: {what} {told}{}{guess}",
                ended.unwrap_or_default()
            ));
        }
    }
    if step["operation"].is_null() {
        return line(&format!("  {id}: unknown: {}{guess}", text(&step["unknown"])));
    }
    let made = format!("{} {}", text(&step["operation"]), short(&step["inputs"]));
    line(&format!("  {id}: {made}{guess}"));
    for call in list(&step["calls"]) {
        let how = match (&call["known"], &call["writes"]) {
            (Value::Bool(true), _) => "not sent, for nothing would change or be news",
            (_, Value::Bool(true)) => "would send",
            _ => "read",
        };
        let made = format!("{} {}", text(&call["operation"]), short(&call["inputs"]));
        let unknown = call["unknown"].as_str().map(|why| format!(" ({why})"));
        line(&format!("      {how}: {made}{}", unknown.unwrap_or_default()));
    }
    for (what, word) in [("unknown", "unknown"), ("failed", "FAILS")] {
        if let Some(why) = step[what].as_str() {
            line(&format!("      {word}: {why}"));
        }
    }
    for warning in list(&step["warnings"]) {
        line(&format!("      warning: {}", text(warning)));
    }
}
