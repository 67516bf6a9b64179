//! `cartlane ops show`.

use std::path::Path;

use cartlane_catalog::{Catalog, Input, Operation};
use serde_json::{Value, json};

use super::{find, list};
use crate::admin::Admin;
use crate::output;

/// Choices that are printed of one input.
const SHOWN: usize = 20;

/// Which operation.
#[derive(clap::Args)]
pub struct Arguments {
    /// The operation's id.
    id: String,
    /// Show also what inputs can be chosen from in the location of this connection.
    #[arg(long)]
    connection: Option<String>,
    /// Another input, on which such a list depends: `--input contactId=ID` for the contact's tasks. May be given again and again.
    #[arg(long = "input", value_name = "NAME=VALUE", requires = "connection")]
    inputs: Vec<String>,
    /// Read those lists anew.
    #[arg(long, requires = "connection")]
    refresh: bool,
}

/// Shows it.
pub async fn run(arguments: &Arguments, config: &Path, as_json: bool) -> anyhow::Result<()> {
    let operation = find(&arguments.id)?;
    let mut inputs: Vec<Value> = operation.inputs.iter().map(input).collect();
    if let Some(connection) = &arguments.connection {
        let admin = Admin::of(config)?;
        let given = super::given(&arguments.inputs, operation)?;
        for input in &mut inputs {
            let Some(list) = input["chosen_from"].as_str() else {
                continue;
            };
            let query = [
                ("connection", Some(connection.clone())),
                ("refresh", Some(arguments.refresh.to_string())),
                ("inputs", Some(Value::from(given.clone()).to_string())),
            ];
            input["choices"] = match admin.get(&format!("/api/choices/{list}"), &query).await {
                Ok(answer) => answer["choices"].clone(),
                // One list that the token may not read keeps nobody from the others.
                Err(error) if error.is::<output::Refusal>() => json!({"error": error.to_string()}),
                Err(error) => return Err(error),
            };
        }
    }
    if as_json {
        let mut shown = list::row(operation);
        shown["inputs"] = inputs.into();
        shown["needs_one"] = json!(operation.needs_one);
        shown["takes_one"] = json!(operation.takes_one);
        shown["not_offered"] = json!(operation.refused);
        shown["example"] = operation.example.clone();
        output::json(&shown);
    } else {
        print(operation, &inputs);
    }
    Ok(())
}

fn input(input: &Input) -> Value {
    let mut help = input.help.clone();
    if let Some(default) = &input.default {
        help = format!("{help} Default: {default}.");
    }
    json!({
        "name": input.name,
        "required": input.required,
        "needed": if input.required { "yes" } else { "" },
        "takes": input.shape.takes_in_words(),
        "chosen_from": input.option_source,
        "help": help,
        "shape": input.shape,
    })
}

fn print(operation: &'static Operation, inputs: &[Value]) {
    output::line(&format!("{}: {}", operation.id, operation.title));
    output::line(&operation.help);
    output::line("");
    for note in notes(operation) {
        output::line(&note);
    }
    if !inputs.is_empty() {
        output::line("");
        let columns = [
            ("INPUT", "/name"),
            ("NEEDED", "/needed"),
            ("TAKES", "/takes"),
            ("CHOSEN FROM", "/chosen_from"),
            ("", "/help"),
        ];
        output::table(inputs, &columns);
    }
    for input in inputs.iter().filter(|input| !input["choices"].is_null()) {
        print_choices(input);
    }
    output::line("");
    output::line("example:");
    output::json(&operation.example);
}

fn notes(operation: &'static Operation) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = list::row(operation);
    let mut notes = vec![format!(
        "kind    {}, {}",
        text(&row["kind"]),
        text(&row["effect"])
    )];
    match operation.endpoint() {
        Some(endpoint) => notes.push(format!(
            "call    {} {}, version {}",
            endpoint.method, endpoint.path, endpoint.version
        )),
        None if operation.calls.is_empty() => {}
        None => notes.push(format!("calls   {}", operation.calls.join(", "))),
    }
    let scopes = Catalog::builtin().scopes(operation);
    if !scopes.is_empty() {
        notes.push(format!("scopes  {}", scopes.join(", ")));
    }
    if !operation.needs_one.is_empty() {
        let how_many = if operation.takes_one {
            "exactly"
        } else {
            "at least"
        };
        notes.push(format!(
            "needs   {how_many} one of {}",
            operation.needs_one.join(", ")
        ));
    }
    for (name, instead) in &operation.refused {
        notes.push(format!("`{name}` is not offered: {instead}"));
    }
    if operation.answers_file() {
        notes.push("its answer is kept as a file".into());
    }
    if let Some(why) = &operation.unusable {
        notes.push(format!("cannot be used: {why}"));
    }
    notes
}

fn print_choices(input: &Value) {
    output::line("");
    output::line(&format!("{}:", input["name"].as_str().unwrap_or_default()));
    let Some(choices) = input["choices"].as_array() else {
        return output::line(&format!(
            "  {}",
            input["choices"]["error"].as_str().unwrap_or_default()
        ));
    };
    output::table(
        choices.get(..SHOWN).unwrap_or(choices),
        &[("  VALUE", "/value"), ("NAME", "/label"), ("KEY", "/key")],
    );
    if choices.len() > SHOWN {
        output::line(&format!("… and {} more; --json has them", choices.len() - SHOWN));
    }
}
