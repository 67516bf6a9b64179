//! `cartlane polls`: list, price.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::apply;
use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// What is polled, for which automations, when next and last, what it costs a day, and what is wrong.
    List,
    /// What the polls of automations would cost a day, without saving them.
    Price {
        /// A YAML or JSON file, or a directory of them.
        path: PathBuf,
    },
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => {
            let answer = Admin::of(config)?.get("/api/polls", &[]).await?;
            if as_json {
                output::json(&answer);
            } else {
                let columns = [
                    ("OPERATION", "/operation"),
                    ("CONNECTION", "/connection"),
                    ("AUTOMATIONS", "/automations"),
                    ("MINUTES", "/every_minutes"),
                    ("LAST", "/last_at"),
                    ("NEXT", "/next_at"),
                    ("CALLS A DAY", "/calls_per_day"),
                    ("FAILURES", "/failures"),
                    ("TROUBLE", "/trouble/reason"),
                ];
                output::table(rows(&answer), &columns);
            }
        }
        Command::Price { path } => {
            let documents = apply::read(&path)?;
            let answer = Admin::of(config)?
                .post("/api/polls/price", &json!({"documents": documents}))
                .await?;
            if as_json {
                output::json(&answer);
            } else {
                print_prices(&answer);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what the polls of documents cost a day, before anything is polled.
pub(super) async fn tell_price(admin: &Admin, documents: &[Value]) -> anyhow::Result<()> {
    let prices = admin
        .post("/api/polls/price", &json!({"documents": documents}))
        .await?;
    print_prices(&prices);
    Ok(())
}

/// A line for each poll.
pub fn print_prices(answer: &Value) {
    for poll in rows(answer) {
        output::line(&price(poll));
    }
}

fn rows(answer: &Value) -> &[Value] {
    answer["polls"].as_array().map_or(&[], Vec::as_slice)
}

fn price(poll: &Value) -> String {
    let text = |name: &str| poll[name].as_str().unwrap_or_default();
    let (automation, operation) = (text("automation"), text("operation"));
    let Some(connection) = poll["connection"].as_str() else {
        return format!(
            "{automation} polls {operation}: no connection fits; name one in the poll's `connection`"
        );
    };
    let every = &poll["every_minutes"];
    let at_least = if poll["is_measured"] == true {
        ""
    } else {
        "at least "
    };
    let allowed = match poll["allowed_per_day"].as_i64() {
        Some(allowed) => format!(" of {allowed} that polls may make"),
        None => String::new(),
    };
    let more = match poll["calls_per_day"].as_i64() {
        Some(0) => "no further requests: it is polled already".to_owned(),
        calls => format!("{at_least}{} requests a day{allowed}", calls.unwrap_or_default()),
    };
    format!("{automation} polls {operation} of {connection} every {every} min: {more}")
}
