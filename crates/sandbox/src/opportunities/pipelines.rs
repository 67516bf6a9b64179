//! Pipelines and their stages.

use serde_json::{Value, json};

use crate::accounts::Scene;
use crate::reply::{Done, Reply};
use crate::store::Store;

const PIPELINES: [(&str, &[&str]); 2] = [
    ("Sales", &["New lead", "Contacted", "Proposal sent", "Closed"]),
    ("Onboarding", &["Paid", "Kick-off", "Live"]),
];

/// GET /opportunities/pipelines
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    Ok(Done::read(json!({"pipelines": rows(scene.store, &location)})))
}

/// The stage that an opportunity of this pipeline stands in: the wanted one, else the first. 400 where there is no such
/// pipeline or it has no such stage.
pub(super) fn stage(
    store: &Store,
    location: &str,
    pipeline: &str,
    wanted: Option<&str>,
) -> Result<String, Reply> {
    let rows = rows(store, location);
    let row = rows.iter().find(|row| row["id"] == pipeline);
    let row = row.ok_or_else(|| Reply::not_found("Pipeline", pipeline))?;
    let mut ids = row["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|stage| stage["id"].as_str());
    let stage = match wanted {
        Some(wanted) => ids.find(|id| *id == wanted),
        None => ids.next(),
    };
    let missing = || Reply::not_found("Pipeline stage", wanted.unwrap_or_default());
    stage.map(str::to_owned).ok_or_else(missing)
}

fn rows(store: &Store, location: &str) -> Vec<Value> {
    let row = |(name, stages): &(&str, &[&str])| {
        let stages = stages.iter().enumerate().map(|(position, stage)| {
            json!({
                "id": store.stable_id(location, &format!("stage {name}/{stage}")),
                "name": stage,
                "position": position,
                "showInFunnel": true,
                "showInPieChart": true,
            })
        });
        json!({
            "id": store.stable_id(location, &format!("pipeline {name}")),
            "name": name,
            "stages": stages.collect::<Vec<_>>(),
            "showInFunnel": true,
            "showInPieChart": true,
            "locationId": location,
        })
    };
    PIPELINES.iter().map(row).collect()
}
