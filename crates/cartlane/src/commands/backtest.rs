//! `cartlane automations backtest`.

use std::path::PathBuf;

use anyhow::bail;
use serde_json::{Value, json};

use super::plan::{ending, step};
use super::trial::print::{list, text};
use crate::admin::Admin;
use crate::output::{self, BadUsage, line};

/// Events that are named of each group.
const SHOWN: usize = 5;

/// What to try on which events.
#[derive(clap::Args)]
pub struct Arguments {
    /// The draft: one document.
    file: PathBuf,
    /// Events that came in at this time or later.
    #[arg(long, value_name = "TIME", value_parser = super::moment)]
    from: Option<i64>,
    /// Events that came in before this time.
    #[arg(long, value_name = "TIME", value_parser = super::moment)]
    until: Option<i64>,
    /// The automation whose work it is held against, where the draft has another name.
    #[arg(long, value_name = "NAME")]
    instead_of: Option<String>,
    /// Show all that was and would be done for this one event.
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["from", "until"])]
    event: Option<String>,
}

/// Tries.
pub async fn run(arguments: &Arguments, admin: &Admin, as_json: bool) -> anyhow::Result<()> {
    let documents = super::apply::read(&arguments.file)?;
    let [document] = &documents[..] else {
        bail!(BadUsage(format!(
            "{} holds {} documents; a backtest takes one",
            arguments.file.display(),
            documents.len()
        )));
    };
    let asked = json!({
        "document": document, "instead_of": arguments.instead_of, "from": arguments.from.unwrap_or_default(),
        "until": arguments.until, "event": arguments.event,
    });
    let answer = admin.post("/api/backtest", &asked).await?;
    if as_json {
        output::json(&answer);
    } else {
        print(&answer, &arguments.file.display().to_string());
    }
    Ok(())
}

fn print(answer: &Value, file: &str) {
    let held_against = match answer["instead_of"].as_str() {
        Some(name) => format!("held against what `{name}` did"),
        None => "no automation of this name was there, so nothing was done".into(),
    };
    line(&format!("`{}`, {held_against}", text(&answer["automation"])));
    for (side, word) in [("was", "was done"), ("would_be", "would be done")] {
        let side = &answer["detail"][side];
        if !side.is_null() {
            line(&format!("{word}:"));
            list(&side["steps"]).iter().for_each(step);
            line(&format!("  => {}", ending(&side["ending"])));
        }
    }
    for group in list(&answer["groups"]) {
        let events = list(&group["events"]);
        line(&format!("{} events:", events.len()));
        for difference in list(&group["differences"]) {
            line(&format!("  {}", text(difference)));
        }
        let shown: Vec<String> = events.iter().take(SHOWN).map(text).collect();
        let more = if events.len() > SHOWN { ", …" } else { "" };
        line(&format!("    {}{more}", shown.join(", ")));
    }
    let number = |name: &str| answer[name].as_i64().unwrap_or_default();
    line(&format!(
        "{} events: {} as before, {} differently, {} not over yet",
        number("events"),
        number("same"),
        number("events") - number("same") - number("open"),
        number("open")
    ));
    if answer["detail"].is_null() && !list(&answer["groups"]).is_empty() {
        line(&format!(
            "see one: cartlane automations backtest {file} --event ID"
        ));
    }
}
