//! `cartlane automations`: list, show, run, plan, check, enable, disable, remove; versions are in [`super::versions`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartlane_flow::names::nearest;
use cartlane_flow::yaml;
use clap::Subcommand;
use serde_json::{Value, json};

use super::versions;
use crate::admin::Admin;
use crate::output;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// All automations in the order in which they handle an event.
    List,
    /// One automation: a line that says how it is, and its document.
    Show {
        /// Its name or id.
        name: String,
        /// As it was in this version.
        #[arg(long)]
        version: Option<i64>,
    },
    /// Its versions, newest first: when, by whom, and what they said of it.
    Versions {
        /// Its name or id.
        name: String,
    },
    /// What differs between two versions; without numbers, the present one and the one before.
    Diff {
        /// Its name or id.
        name: String,
        /// The older version.
        from: Option<i64>,
        /// The newer version; the present one where it is not given.
        to: Option<i64>,
    },
    /// Save what it said in a former version as a new version.
    Rollback {
        /// Its name or id.
        name: String,
        /// The former version.
        version: i64,
        /// Let it go live although it is not green, and keep why.
        #[arg(long = "override", value_name = "REASON")]
        override_reason: Option<String>,
    },
    /// Make a copy under another name; it is disabled.
    Duplicate {
        /// Its name or id.
        name: String,
        /// The copy's name.
        new_name: String,
    },
    /// Let events start an automation, where its go-live check is green.
    Enable {
        /// Its name or id.
        name: String,
        /// Enable it although it is not green, and keep why.
        #[arg(long = "override", value_name = "REASON")]
        override_reason: Option<String>,
    },
    /// Whether an automation can do on the real account what it says; exit code 1 where it is not green.
    Check {
        /// Its name or id.
        name: String,
    },
    /// Let no event start an automation; runs that it has go on. `apply` leaves it disabled.
    Disable {
        /// Its name or id.
        name: String,
    },
    /// Remove an automation; runs that it has go on. `apply` of a document with its name brings it back.
    Remove {
        /// Its name or id.
        name: String,
    },
    /// Start an automation whose `on` has `manual`.
    Run {
        /// Its name or id.
        name: String,
        /// A JSON file with the event as expressions read it: `{"person": {"email": …}, "amount": …, "payload": …}`.
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
        /// Whose e-mail the event has.
        #[arg(long)]
        email: Option<String>,
    },
    /// The JSON Schema of an automation's document, for editors.
    Schema,
    /// Try an automation on recorded events, in a house that is thrown away; exit code 1 where a run failed.
    Test(super::trial::Arguments),
    /// What automations would do with an event, without doing it.
    Plan(super::plan::Arguments),
    /// Which of the events that came in a draft would treat differently from what was done, without doing anything.
    Backtest(super::backtest::Arguments),
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    match &command {
        Command::Test(arguments) => return super::trial::run(arguments, config, as_json).await,
        Command::Schema => {
            output::json(&cartlane_flow::schema::automation());
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let admin = Admin::of(config)?;
    match command {
        Command::Test(_) | Command::Schema => {}
        Command::List => list(&admin.get("/api/automations", &[]).await?, as_json),
        Command::Show { name, version } => {
            let row = find(&admin, &name).await?;
            show(&versions::at(&admin, row, version).await?, as_json);
        }
        Command::Versions { name } => versions::list(&admin, &name, as_json).await?,
        Command::Diff { name, from, to } => versions::diff(&admin, &name, from, to, as_json).await?,
        Command::Rollback {
            name,
            version,
            override_reason,
        } => {
            let to = json!({"version": version, "override": override_reason});
            versions::roll_back(&admin, &name, &to, as_json).await?;
        }
        Command::Duplicate { name, new_name } => {
            versions::duplicate(&admin, &name, &new_name, as_json).await?;
        }
        Command::Enable {
            name,
            override_reason,
        } => {
            let patch = json!({"enabled": true, "override": override_reason});
            switch(&admin, &name, &patch, as_json).await?;
        }
        Command::Disable { name } => switch(&admin, &name, &json!({"enabled": false}), as_json).await?,
        Command::Check { name } => {
            let (path, _) = path_of(&find(&admin, &name).await?);
            return Ok(check(&admin.get(&format!("{path}/check"), &[]).await?, as_json));
        }
        Command::Remove { name } => {
            let (path, name) = path_of(&find(&admin, &name).await?);
            let answer = admin.delete(&path).await?;
            print(&answer, as_json, &format!("`{name}` is removed"));
        }
        Command::Run { name, event, email } => {
            let event = event_of(event.as_deref(), email)?;
            let (path, name) = path_of(&find(&admin, &name).await?);
            let answer = admin.post(&format!("{path}/run"), &event).await?;
            let event = answer["event_id"].as_str().unwrap_or_default();
            print(
                &answer,
                as_json,
                &format!("`{name}` is started with event {event}"),
            );
        }
        Command::Plan(arguments) => super::plan::run(&arguments, &admin, as_json).await?,
        Command::Backtest(arguments) => super::backtest::run(&arguments, &admin, as_json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The event that an automation is started with.
fn event_of(file: Option<&Path>, email: Option<String>) -> anyhow::Result<Value> {
    let mut event = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?
        }
        None => json!({}),
    };
    if let Some(email) = email {
        if !event.is_object() || event.get("person").is_some_and(|person| !person.is_object()) {
            bail!("the event and its person are objects, such as {{\"person\": {{\"name\": …}}}}");
        }
        event["person"]["email"] = email.into();
    }
    Ok(event)
}

fn rows(answer: &Value) -> &[Value] {
    answer["automations"].as_array().map_or(&[], Vec::as_slice)
}

fn list(answer: &Value, as_json: bool) {
    if as_json {
        return output::json(answer);
    }
    let columns = [
        ("ID", "/id"),
        ("NAME", "/name"),
        ("ON", "/document/on"),
        ("VERSION", "/version"),
        ("ENABLED", "/enabled"),
    ];
    output::table(rows(answer), &columns);
}

/// The automation with this name or id.
pub(super) async fn find(admin: &Admin, name: &str) -> anyhow::Result<Value> {
    let answer = admin.get("/api/automations", &[]).await?;
    let rows = rows(&answer);
    if let Some(row) = rows.iter().find(|row| row["name"] == name || row["id"] == name) {
        return Ok(row.clone());
    }
    let names = rows.iter().filter_map(|row| row["name"].as_str());
    match nearest(name, names) {
        Some(near) => bail!("there is no automation `{name}`; did you mean `{near}`?"),
        None => bail!("there is no automation `{name}`; `cartlane automations list` lists what there is"),
    }
}

async fn switch(admin: &Admin, name: &str, change: &Value, as_json: bool) -> anyhow::Result<()> {
    let (path, name) = path_of(&find(admin, name).await?);
    let answer = admin.patch(&path, change).await?;
    if !as_json {
        super::polls::print_prices(&answer["check"]);
    }
    print(
        &answer,
        as_json,
        &format!("`{name}` is {}", word(change["enabled"] == true)),
    );
    Ok(())
}

fn check(answer: &Value, as_json: bool) -> ExitCode {
    let is_green = answer["green"] == true;
    let code = if is_green {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    if as_json {
        output::json(answer);
        return code;
    }
    print_findings(answer);
    super::polls::print_prices(answer);
    let color = if is_green { "green" } else { "not green" };
    output::line(&format!(
        "`{}` is {color}; its mapping was tried on {} real events",
        answer["automation"].as_str().unwrap_or_default(),
        answer["events"]
    ));
    code
}

/// What a check has found.
pub(super) fn print_findings(check: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for finding in check["findings"].as_array().into_iter().flatten() {
        let at = finding["at"]
            .as_str()
            .map(|at| format!("{at}: "))
            .unwrap_or_default();
        let (level, message) = (text(&finding["level"]), text(&finding["message"]));
        output::line(&format!(
            "{level}: {at}{message}\n    {}",
            text(&finding["advice"])
        ));
    }
}

pub(super) fn path_of(row: &Value) -> (String, String) {
    let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    (format!("/api/automations/{}", text("id")), text("name"))
}

fn word(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

pub(super) fn print(answer: &Value, as_json: bool, line: &str) {
    if as_json {
        output::json(answer);
    } else {
        output::line(line);
    }
}

/// Without `--json` it is a document that `apply` reads: YAML has comments.
fn show(row: &Value, as_json: bool) {
    if as_json {
        return output::json(row);
    }
    let enabled = word(row["enabled"] == true);
    let (id, version) = (row["id"].as_str().unwrap_or_default(), &row["version"]);
    output::line(&format!("# {id}, version {version}, {enabled}"));
    output::line(yaml::write(&row["document"]).trim_end());
}
