//! `cartlane doctor`: what is right, what is not, and what to do.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::admin::Admin;
use crate::config::Config;
use crate::output;

/// Checks the configuration, then the running server. 1 when something needs a person.
pub async fn run(config_path: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let config = Config::read(config_path)?;
    config.connections()?;
    let health = Admin::of(config_path)?.get("/api/health", &[]).await?;
    let connections = health["connections"].as_array().map_or(&[][..], Vec::as_slice);
    let in_trouble = connections
        .iter()
        .filter(|connection| !connection["trouble"].is_null())
        .count();
    let polls = health["polls_in_trouble"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if as_json {
        output::json(&health);
    } else {
        output::line("configuration: good");
        output::line(&format!("server: running, {} runs open", health["open_runs"]));
        for connection in connections {
            describe(connection, &config);
        }
        output::line(&format!("polls: {}", health["polls"]));
        for poll in polls {
            let text = |pointer: &str| poll.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
            output::line(&format!(
                "  {} of {}: {} ({} failures in a row; next {})",
                text("/operation"),
                text("/connection"),
                text("/trouble/reason"),
                poll["failures"],
                text("/next_at")
            ));
        }
    }
    Ok(if in_trouble == 0 && polls.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn describe(connection: &Value, config: &Config) {
    let text = |pointer: &str| connection.pointer(pointer).and_then(Value::as_str);
    let state =
        text("/trouble/reason").map_or_else(|| "good".to_owned(), |reason| format!("paused: {reason}"));
    output::line(&format!(
        "connection {} ({}): {state}",
        text("/name").unwrap_or_default(),
        text("/kind").unwrap_or_default()
    ));
    if let Some(budget) = connection.get("budget").filter(|budget| budget.is_object()) {
        output::line(&limits(budget));
    }
    if let Some(days) = connection["days_left"].as_i64() {
        output::line(&format!("  its credential is good for {days} more days"));
    }
    for note in connection["notes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        output::line(&format!("  to do: {note}"));
    }
    let vendor = match text("/kind") {
        Some("ghl") => "GoHighLevel",
        _ => "ThriveCart",
    };
    if let Some(path) = text("/hook_path") {
        let world = config.public_url.as_deref().unwrap_or("https://YOUR-HOST");
        let world = world.trim_end_matches('/');
        output::line(&format!(
            "  web hook address: {world}{path}  (here: http://{}{path})",
            config.listen
        ));
        if let (Some(path), Some(until)) = (text("/hook_paths/1/path"), text("/hook_paths/1/until")) {
            output::line(&format!("  the one before, until {until}: {world}{path}"));
        }
        let never = format!("never; paste the address into {vendor}");
        let checked = text("/last_checked_at").unwrap_or(&never);
        output::line(&format!("  address last checked by {vendor}: {checked}"));
        output::line(&format!(
            "  last event: {}",
            text("/last_received_at").unwrap_or("none yet")
        ));
    }
}

/// What is left of a connection's limits; `?` where no answer has told.
fn limits(budget: &Value) -> String {
    let number = |name: &str| {
        budget[name]
            .as_i64()
            .map_or("?".to_owned(), |number| number.to_string())
    };
    let seconds = budget["interval_ms"]
        .as_f64()
        .map_or("?".to_owned(), |ms| (ms / 1000.0).to_string());
    format!(
        "  requests left: {} of {} in {seconds} s, {} of {} today, {} of them for polls",
        number("burst_left"),
        number("burst_limit"),
        number("day_left"),
        number("day_limit"),
        number("polls_left")
    )
}
