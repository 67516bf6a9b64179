//! `cartlane apply`: save automations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::output;

/// What to save.
#[derive(clap::Args)]
pub struct Arguments {
    /// A YAML or JSON file, or a directory of them (in the order of their names).
    path: PathBuf,
    /// New automations begin disabled; those that are there stay as they are.
    #[arg(long)]
    disabled: bool,
    /// What there is to say of it; `automations versions` shows it.
    #[arg(long)]
    note: Option<String>,
    /// Let automations go live although they are not green, and keep why.
    #[arg(long = "override", value_name = "REASON")]
    override_reason: Option<String>,
}

/// Saves the documents: all of them or, where one has a fault, none.
pub async fn run(arguments: &Arguments, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let documents = read(&arguments.path)?;
    let how = json!({"note": arguments.note, "disabled": arguments.disabled, "override": arguments.override_reason});
    save(&documents, how, config, as_json).await
}

/// The documents of a file, or of all files of a directory.
pub fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let mut documents = Vec::new();
    let mut faults = Vec::new();
    for path in files(path)? {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        match Document::from_yaml(&text, Catalog::builtin()) {
            Ok(document) => documents.push(document.to_json()),
            Err(problems) => {
                faults.extend(
                    problems
                        .0
                        .iter()
                        .map(|fault| format!("{}: {}: {}", path.display(), fault.path, fault.message)),
                );
            }
        }
    }
    if !faults.is_empty() {
        bail!("nothing was saved:\n{}", faults.join("\n"));
    }
    Ok(documents)
}

/// Saves documents and tells what became of them; `how` is `note`, `disabled` and `override`.
pub async fn save(
    documents: &[Value],
    mut how: Value,
    config: &Path,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let admin = Admin::of(config)?;
    if !as_json {
        super::polls::tell_price(&admin, documents).await?;
    }
    how["documents"] = documents.into();
    let answer = admin.post("/api/automations", &how).await?;
    let rows: &[Value] = answer["automations"].as_array().map_or(&[], Vec::as_slice);
    if as_json {
        output::json(&answer);
    } else {
        output::table(
            rows,
            &[
                ("AUTOMATION", "/name"),
                ("", "/applied"),
                ("VERSION", "/version"),
                ("ENABLED", "/enabled"),
            ],
        );
        rows.iter()
            .filter(|row| row["check"].is_object())
            .for_each(tell_held);
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with an automation that was saved and not enabled.
fn tell_held(row: &Value) {
    let name = row["name"].as_str().unwrap_or_default();
    output::line(&format!(
        "\n`{name}` is saved, and disabled, since it is not green:"
    ));
    super::automations::print_findings(&row["check"]);
    output::line(&format!(
        "mend that, then `cartlane automations enable {name:?}`, or with `--override REASON`"
    ));
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_document = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        files.push(entry?.path());
    }
    files.retain(is_document);
    files.sort();
    if files.is_empty() {
        bail!("{} holds no .yaml or .json file", path.display());
    }
    Ok(files)
}
