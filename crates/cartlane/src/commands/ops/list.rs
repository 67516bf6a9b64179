//! `cartlane ops list`.

use cartlane_catalog::{Catalog, Operation, nearest};
use serde_json::{Value, json};

use super::KindIn;
use crate::output::{self, BadUsage};

/// Which operations.
#[derive(clap::Args)]
pub struct Arguments {
    /// Those of this category, such as Contacts; in any case.
    #[arg(long)]
    category: Option<String>,
    /// Those of this kind.
    #[arg(long)]
    kind: Option<KindIn>,
    /// Those whose id, title or help has all these words, or that are this path.
    #[arg(long)]
    search: Option<String>,
}

/// Lists them.
pub fn run(arguments: &Arguments, as_json: bool) -> anyhow::Result<()> {
    let all = in_order();
    if let Some(category) = &arguments.category {
        check_category(category, &all)?;
    }
    let rows: Vec<Value> = all
        .into_iter()
        .filter(|operation| arguments.takes(operation))
        .map(row)
        .collect();
    if as_json {
        output::json(&json!({"operations": rows}));
    } else {
        let columns = [
            ("ID", "/id"),
            ("TITLE", "/title"),
            ("KIND", "/kind"),
            ("EFFECT", "/effect"),
            ("CATEGORY", "/category"),
        ];
        output::table(&rows, &columns);
    }
    Ok(())
}

/// The published list, then all others as the catalog has them.
fn in_order() -> Vec<&'static Operation> {
    let catalog = Catalog::builtin();
    let others = catalog
        .operations()
        .filter(|operation| operation.listed.is_none());
    catalog.listed().into_iter().chain(others).collect()
}

fn check_category(category: &str, all: &[&Operation]) -> anyhow::Result<()> {
    let known = || all.iter().map(|operation| operation.category.as_str());
    if known().any(|name| name.eq_ignore_ascii_case(category)) {
        return Ok(());
    }
    let hint = match nearest(category, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`cartlane ops list` shows them".into(),
    };
    Err(BadUsage(format!("there is no category `{category}`; {hint}")).into())
}

impl Arguments {
    fn takes(&self, operation: &Operation) -> bool {
        let in_category = |name: &String| operation.category.eq_ignore_ascii_case(name);
        let is_kind = |kind: KindIn| operation.kind == kind.into();
        self.category.as_ref().is_none_or(in_category)
            && self.kind.is_none_or(is_kind)
            && self
                .search
                .as_ref()
                .is_none_or(|search| has_words(operation, search))
    }
}

fn has_words(operation: &Operation, search: &str) -> bool {
    let path = operation.endpoint().map_or("", |endpoint| &endpoint.path);
    let text = format!("{} {} {} {path}", operation.id, operation.title, operation.help).to_lowercase();
    search
        .to_lowercase()
        .split_whitespace()
        .all(|word| text.contains(word))
}

/// What scripts read of an operation.
pub fn row(operation: &'static Operation) -> Value {
    let endpoint = operation.endpoint();
    json!({
        "id": operation.id,
        "title": operation.title,
        "category": operation.category,
        "kind": operation.kind,
        "effect": operation.effect,
        "system": operation.system,
        "listed": operation.listed,
        "method": endpoint.map(|endpoint| &endpoint.method),
        "path": endpoint.map(|endpoint| &endpoint.path),
        "calls": operation.calls,
        "scopes": Catalog::builtin().scopes(operation),
        "help": operation.help,
        "deprecated": operation.deprecated,
        "unusable": operation.unusable,
    })
}
