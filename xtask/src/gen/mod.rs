//! `cargo xtask gen`: files that are made from other files, and the check that they are up to date.
//!
//! `catalog` makes `catalog/ghl/generated/` from GHL's `OpenAPI` files, which are not part of this repository;
//! `docs` makes `docs/operations.md` and `docs/ghl-events.md` from the catalog, `docs/functions.md` from the functions of
//! expressions, `docs/recipes.md` and `docs/examples/` from the recipes, and `docs/automation.schema.json` from what the
//! reader of automations knows. Each writes the same bytes for the same input. With
//! `--check` nothing is written: what differs is told, and the command fails.

mod catalog;
mod events;
mod functions;
mod openapi;
mod print;
mod recipes;
mod reference;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::binary;

/// What to make.
#[derive(clap::Subcommand)]
pub enum Command {
    /// The facts of every GHL operation, from GHL's `OpenAPI` files
    Catalog {
        /// The folder of these files, or the one above with `apps/` and `common/`
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// Write nothing; fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// The generated files in `docs/`, from the catalog, the functions, the recipes and the reader of automations
    Docs {
        /// Write nothing; fail if something would change
        #[arg(long)]
        check: bool,
    },
}

/// Makes it, or checks it.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Catalog { from, check } => {
            let folder = binary::root().join("catalog/ghl/generated");
            let files = catalog::files(from)?;
            if !check {
                remove_others(&folder, &files)?;
            }
            settle(&folder, files, *check)?;
        }
        Command::Docs { check } => docs(*check)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the pages of catalog, functions and recipes, or fails if they are not what these say.
pub fn docs(check: bool) -> Result<()> {
    let files = [
        ("operations.md".to_owned(), reference::markdown()),
        ("ghl-events.md".to_owned(), events::markdown()),
        ("functions.md".to_owned(), functions::markdown()),
        ("recipes.md".to_owned(), recipes::markdown()),
        (
            "automation.schema.json".to_owned(),
            format!("{:#}\n", cartlane_flow::schema::automation()),
        ),
    ];
    let docs = binary::root().join("docs");
    settle(&docs, BTreeMap::from(files), check)?;
    let (folder, examples) = (docs.join("examples"), recipes::examples()?);
    if !check {
        remove_others(&folder, &examples)?;
    }
    settle(&folder, examples, check)
}

/// Writes files, by name, into a folder; or fails with the names of those that would change.
fn settle(folder: &Path, files: BTreeMap<String, String>, check: bool) -> Result<()> {
    let mut differing = Vec::new();
    for (name, text) in files {
        let path = folder.join(&name);
        let old = fs::read_to_string(&path).unwrap_or_default();
        if old == text {
            continue;
        }
        if check {
            differing.push(first_difference(&name, &old, &text));
        } else {
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
            println!("wrote {}", path.display());
        }
    }
    ensure!(
        differing.is_empty(),
        "not up to date in {}:\n  {}",
        folder.display(),
        differing.join("\n  ")
    );
    Ok(())
}

/// Removes generated files whose source is gone.
fn remove_others(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !files.contains_key(&*entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn first_difference(name: &str, old: &str, new: &str) -> String {
    const SHOWN: usize = 120;
    let line = old
        .lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new)
        .count();
    let at = |text: &str| -> String {
        let line = text.lines().nth(line).unwrap_or("(the end)");
        line.chars().take(SHOWN).collect()
    };
    format!(
        "{name}, line {}:\n    is        {}\n    should be {}",
        line + 1,
        at(old),
        at(new)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_date_is_told_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = |text: &str| BTreeMap::from([("a.json".to_owned(), text.to_owned())]);
        settle(folder.path(), files("one\ntwo\n"), false).expect("written");
        settle(folder.path(), files("one\ntwo\n"), true).expect("up to date");
        let error = settle(folder.path(), files("one\n2\n"), true).expect_err("differs");
        let text = error.to_string();
        assert!(
            text.contains("a.json, line 2:\n    is        two\n    should be 2"),
            "{text}"
        );
    }
}
