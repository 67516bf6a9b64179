//! `cartlane export` and `cartlane import`: a whole workspace as one YAML document.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use cartlane_flow::yaml;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::output;

/// What an exported document begins with.
const HEAD: &str = "# A workspace of Cartlane: connections without their secrets, automations in their order.\n\
                    # `cartlane import FILE --dry-run` says what it would change elsewhere.\n";

/// Where to export to.
#[derive(clap::Args)]
pub struct Export {
    /// The file, or - for standard output.
    file: PathBuf,
}

/// What to import.
#[derive(clap::Args)]
pub struct Import {
    /// The file, or - for standard input.
    file: PathBuf,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Let automations that are new, or come back, begin disabled, so that they can be checked first.
    #[arg(long)]
    disabled: bool,
    /// Let automations go live although they are not green, and keep why.
    #[arg(long = "override", value_name = "REASON")]
    override_reason: Option<String>,
}

/// Writes the workspace to a file.
pub async fn export(arguments: &Export, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let workspace = Admin::of(config)?.get("/api/workspace", &[]).await?;
    let text = if as_json {
        format!("{workspace:#}\n")
    } else {
        format!("{HEAD}{}", yaml::write(&workspace))
    };
    if arguments.file == Path::new("-") {
        output::line(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::write(&arguments.file, text)
        .with_context(|| format!("{} cannot be written", arguments.file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Brings a workspace in.
pub async fn import(arguments: &Import, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let text = read(&arguments.file)?;
    let workspace = yaml::read(&text).with_context(|| arguments.file.display().to_string())?;
    let body = json!({"workspace": workspace, "dry_run": arguments.dry_run, "disabled": arguments.disabled,
                      "override": arguments.override_reason});
    let admin = Admin::of(config)?;
    if !as_json {
        let automations = workspace["automations"].as_array().into_iter().flatten();
        let documents: Vec<Value> = automations
            .filter(|automation| automation["enabled"] != false)
            .map(|automation| automation["document"].clone())
            .collect();
        // What is wrong with the workspace, the import itself tells.
        let _ = super::polls::tell_price(&admin, &documents).await;
    }
    let answer = admin.post("/api/workspace", &body).await?;
    if as_json {
        output::json(&answer);
    } else {
        tell(&answer);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()));
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .context("standard input cannot be read")?;
    Ok(text)
}

fn tell(answer: &Value) {
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for (noun, key, changes) in [
        ("connection", "connections", "differences"),
        ("automation", "automations", "changes"),
    ] {
        for row in rows(key) {
            let (name, change) = (text(&row["name"]), text(&row["change"]));
            let hint = match change.as_str() {
                "kept" => ": the account that stands here stays; the document has another one",
                _ => "",
            };
            output::line(&format!("{change:<10} {noun} {name}{hint}"));
            for change in row[changes].as_array().into_iter().flatten() {
                output::line(&format!("             {}", line(change)));
            }
        }
    }
    if answer["is_reordered"] == true {
        output::line("reordered  the document's automations come first, in its order");
    }
    for to_do in rows("to_do") {
        output::line(&format!("to do      {}", text(&to_do)));
    }
    if answer["is_dry_run"] == true {
        output::line("this was a dry run: nothing was changed");
    }
}

/// One change; long values are cut, since `automations diff` shows them.
fn line(change: &Value) -> String {
    const SHOWN: usize = 60;
    let shown = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        value => {
            let text = value.to_string();
            let cut: String = text.chars().take(SHOWN).collect();
            if cut == text { text } else { format!("{cut}…") }
        }
    };
    let path = change["path"].as_str().unwrap_or_default();
    format!("{path}: {} -> {}", shown(&change["old"]), shown(&change["new"]))
}
