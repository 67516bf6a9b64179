//! The agency itself, and its snapshots.

use serde_json::{Value, json};

use super::Scene;
use crate::reply::{Done, Reply};

/// GET /companies/{id}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let id = scene.param(0);
    scene.check_company(id)?;
    let name = &scene.settings.company.name;
    Ok(Done::read(json!({
        "company": {
            "id": id,
            "name": name,
            "email": "agency@example.com",
            "country": "US",
            "timezone": "America/New_York",
            "customerType": "agency",
            "plan": 2,
        },
    })))
}

/// GET /snapshots/
pub(super) fn snapshots(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    scene.check_company(scene.query("companyId").unwrap_or_default())?;
    let snapshots = scene.settings.company.snapshots.iter();
    let rows: Vec<Value> = snapshots.map(|snapshot| json!(snapshot)).collect();
    Ok(Done::read(json!({"snapshots": rows})))
}
