//! `cartlane events`: list, show, replay.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::moment;
use crate::admin::Admin;
use crate::output::{self, BadUsage};

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Events, newest first.
    List(ListArguments),
    /// One event with its payload and its runs.
    Show {
        /// Its id.
        id: String,
    },
    /// The kinds of event, or what can be read of one: fields, types, samples.
    Kinds {
        /// The kind, such as order.success.
        #[arg(value_parser = kind)]
        kind: Option<String>,
        /// Of poll.item: what is polled, such as ghl.contacts.search. The fields are those of what the account shows now.
        #[arg(long, requires = "connection")]
        operation: Option<String>,
        /// Of poll.item: the connection that is polled.
        #[arg(long, requires = "operation")]
        connection: Option<String>,
        /// Of poll.item: the poll's inputs, as JSON.
        #[arg(long, value_name = "JSON", requires = "operation")]
        inputs: Option<String>,
    },
    /// Run the automations as they are now on past events; effects that were made are not repeated.
    Replay(ReplayArguments),
}

/// Which events, and by which automation.
#[derive(Args)]
pub struct ReplayArguments {
    /// Their ids; else say which with the options.
    events: Vec<String>,
    /// Only by this automation: its name, or its id.
    #[arg(long)]
    automation: Option<String>,
    #[command(flatten)]
    filter: Filter,
}

/// Which events, and how many.
#[derive(Args)]
pub struct ListArguments {
    #[command(flatten)]
    filter: Filter,
    /// How many at the most.
    #[arg(long, default_value_t = 50)]
    limit: i64,
    /// The page after this event.
    #[arg(long)]
    before: Option<String>,
}

/// Which events; every option narrows.
#[derive(Args)]
pub struct Filter {
    /// Received then or later: a date, a moment, or an age such as 2h.
    #[arg(long, value_parser = moment)]
    from: Option<i64>,
    /// Received before.
    #[arg(long, value_parser = moment)]
    to: Option<i64>,
    /// The kind, such as order.success.
    #[arg(long, value_parser = kind)]
    kind: Option<String>,
    /// An item, such as product-12.
    #[arg(long)]
    product: Option<String>,
    /// The state of a run, or none for events without a run.
    #[arg(long, value_parser = ["queued", "retrying", "held", "waiting", "done", "skipped", "failed", "none"])]
    status: Option<String>,
    /// An e-mail or a contact's id.
    #[arg(long)]
    contact: Option<String>,
    /// The checkout's mode; an abandoned cart has none.
    #[arg(long, value_parser = ["live", "test"])]
    mode: Option<String>,
}

/// Does it.
pub async fn run(command: Command, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    if let Command::Kinds {
        kind,
        operation: None,
        ..
    } = &command
    {
        return kinds(kind.as_deref(), as_json); // needs no server
    }
    let admin = Admin::of(config)?;
    match command {
        Command::Kinds {
            operation,
            connection,
            inputs,
            ..
        } => {
            let query = [
                ("operation", operation),
                ("connection", connection),
                ("inputs", inputs),
            ];
            print_kind(&admin.get("/api/events/kinds/poll.item", &query).await?, as_json);
        }
        Command::List(list) => {
            let number = |number: Option<i64>| number.map(|number| number.to_string());
            let filter = list.filter;
            let query = [
                ("from", number(filter.from)),
                ("to", number(filter.to)),
                ("kind", filter.kind),
                ("product", filter.product),
                ("status", filter.status),
                ("contact", filter.contact),
                ("mode", filter.mode),
                ("before", list.before),
                ("limit", Some(list.limit.to_string())),
            ];
            print(&admin.get("/api/events", &query).await?, as_json);
        }
        Command::Show { id } => output::json(&admin.get(&format!("/api/events/{id}"), &[]).await?),
        Command::Replay(wanted) => {
            let mut asked = replay(&wanted.events, wanted.filter)?;
            if let Some(name) = wanted.automation {
                asked["automation"] = super::automations::find(&admin, &name).await?["id"].clone();
            }
            let answer = admin.post("/api/events/replay", &asked).await?;
            if as_json {
                output::json(&answer);
            } else {
                print_replayed(&answer);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A kind of event: any but a slip of one that is known.
fn kind(text: &str) -> Result<String, String> {
    match cartlane_flow::names::mistaken_kind(text) {
        Some(known) => Err(format!("it is no kind of event; did you mean `{known}`?")),
        None => Ok(text.to_owned()),
    }
}

fn kinds(kind: Option<&str>, as_json: bool) -> anyhow::Result<ExitCode> {
    let Some(kind) = kind else {
        let kinds = json!(cartlane_engine::kinds_of_event());
        let short = kinds.as_array().map_or(&[][..], Vec::as_slice);
        if as_json {
            output::json(&kinds);
        } else {
            output::table(
                short,
                &[("KIND", "/kind"), ("TITLE", "/title"), ("SAMPLE", "/origin")],
            );
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(found) = cartlane_engine::kind_of_event(kind) else {
        bail!(BadUsage(format!(
            "nothing is known of the kind `{kind}`; `cartlane events kinds` lists what is"
        )));
    };
    print_kind(&json!(found), as_json);
    Ok(ExitCode::SUCCESS)
}

/// What can be read of a kind of event.
fn print_kind(found: &Value, as_json: bool) {
    if as_json {
        return output::json(found);
    }
    let fields = found["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let columns = [("FIELD", "/path"), ("TYPE", "/type"), ("SAMPLE", "/sample")];
    output::table(fields, &columns);
}

/// What a replay came to.
pub(super) fn print_replayed(answer: &Value) {
    let line = format!(
        "events: {}, new runs: {}; `cartlane runs list` shows how they go",
        answer["events"], answer["runs"]
    );
    output::line(&line);
}

fn replay(events: &[String], filter: Filter) -> anyhow::Result<Value> {
    let Filter {
        from,
        to,
        kind,
        product,
        status,
        contact,
        mode,
    } = filter;
    let query = json!({"from": from, "to": to, "kind": kind, "product": product, "status": status,
                       "contact": contact, "mode": mode});
    let has_filter = query
        .as_object()
        .is_some_and(|fields| !fields.values().all(Value::is_null));
    match (events, has_filter) {
        ([], false) => bail!(BadUsage(
            "say which events: give ids, or --from, --kind, --contact or another filter".into()
        )),
        ([], true) => Ok(json!({"filter": query})),
        (events, false) => Ok(json!({"events": events})),
        (_, true) => bail!(BadUsage("give ids or a filter, not both".into())),
    }
}

fn print(answer: &Value, as_json: bool) {
    if as_json {
        return output::json(answer);
    }
    let columns = [
        ("ID", "/id"),
        ("RECEIVED", "/received_at"),
        ("KIND", "/kind"),
        ("MODE", "/mode"),
        ("E-MAIL", "/email"),
        ("ITEMS", "/items"),
        ("AMOUNT", "/amount"),
        ("AGAIN", "/repeats"),
        ("RUNS", "/runs"),
    ];
    output::table(answer["events"].as_array().map_or(&[], Vec::as_slice), &columns);
}
