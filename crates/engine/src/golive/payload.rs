//! What expressions read of GHL's payloads that GHL does not document: most likely misspelt.

use std::collections::BTreeSet;

use cartlane_catalog::events::{self, EventKind};
use cartlane_flow::Compiled;
use cartlane_flow::names::nearest;

use super::Finding;

/// Fields that deliveries carry, though no documentation of a kind has them.
const ENVELOPE: [&str; 4] = ["timestamp", "webhookId", "appId", "versionId"];

/// A warning for each path below `event.payload` that no kind of the automation documents. Nothing where one of them is
/// another's, or may hold whatever a workflow sends.
pub(super) fn undocumented(compiled: &Compiled) -> Vec<Finding> {
    let kinds: Option<Vec<&EventKind>> = compiled
        .document()
        .on
        .iter()
        .map(|on| events::get(on.kind()).filter(|kind| !kind.fields.is_empty()))
        .collect();
    let Some(kinds) = kinds else { return Vec::new() };
    let known: BTreeSet<String> = kinds
        .iter()
        .flat_map(|kind| kind.fields.iter().map(|field| field.0.replace("[]", "")))
        .chain(ENVELOPE.map(str::to_owned))
        .collect();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
    let unknown = compiled
        .payload_reads()
        .into_iter()
        .filter(|path| !is_known(path, &known));
    unknown
        .map(|path| {
            let advice = match nearest(&path, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `event.payload.{meant}`?"),
                None => "look at `docs/ghl-events.md`, or at an event that came in".into(),
            };
            let message = format!(
                "GoHighLevel documents no `{path}` in the payload of {}",
                names.join(", ")
            );
            Finding::warning(None, message, advice)
        })
        .collect()
}

/// Whether a path, something above it that has no documented fields, or something below it is documented.
fn is_known(path: &str, known: &BTreeSet<String>) -> bool {
    let has_fields = |name: &str| {
        let below = format!("{name}.");
        known.iter().any(|known| known.starts_with(&below))
    };
    let mut above = path;
    loop {
        if known.contains(above) {
            return above == path || !has_fields(above);
        }
        match above.rsplit_once('.') {
            Some((shorter, _)) => above = shorter,
            None => return has_fields(path),
        }
    }
}
