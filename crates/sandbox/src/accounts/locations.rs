//! Sub-accounts.

use serde_json::{Map, Value, json};

use super::Scene;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::settings::Location;

impl Location {
    /// What it is called.
    pub(crate) fn name(&self) -> String {
        let name = self.profile.get("name").and_then(Value::as_str);
        name.map_or_else(|| format!("Sandbox {}", self.id), str::to_owned)
    }

    fn view(&self, company: &str) -> Value {
        let mut view = Map::new();
        view.insert("id".to_owned(), json!(self.id));
        view.insert("companyId".to_owned(), json!(company));
        view.insert("name".to_owned(), json!(self.name()));
        view.insert("country".to_owned(), json!("US"));
        view.insert("timezone".to_owned(), json!(self.timezone));
        view.extend(self.profile.clone());
        view.insert(
            "settings".to_owned(),
            json!({
                "allowDuplicateContact": self.allow_duplicates,
                "allowDuplicateOpportunity": self.allow_duplicate_opportunities,
                "allowFacebookNameMerge": false,
                "disableContactTimezone": false,
            }),
        );
        Value::Object(view)
    }

    /// Lays a body over the profile.
    fn apply(&mut self, body: &Map<String, Value>) {
        for (key, value) in body {
            match (key.as_str(), value) {
                ("companyId" | "snapshotId" | "snapshot" | "twilio" | "mailgun", _) => {}
                ("timezone", Value::String(timezone)) => self.timezone.clone_from(timezone),
                ("settings", settings) => {
                    let duplicates = settings.get("allowDuplicateContact").and_then(Value::as_bool);
                    self.allow_duplicates = duplicates.unwrap_or(self.allow_duplicates);
                    let several = settings.get("allowDuplicateOpportunity").and_then(Value::as_bool);
                    self.allow_duplicate_opportunities =
                        several.unwrap_or(self.allow_duplicate_opportunities);
                }
                _ => {
                    self.profile.insert(key.clone(), value.clone());
                }
            }
        }
    }
}

/// GET /locations/{id}
pub(super) fn get(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let view = scene.named_location()?.view(scene.company);
    Ok(Done::read(json!({"location": view})))
}

/// GET /locations/search: an agency sees all, a sub-account itself.
pub(super) fn search(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    if let Some(company) = scene.query("companyId") {
        scene.check_company(company)?;
    }
    let email = scene.query("email");
    let fits = |location: &&Location| {
        let own = location.profile.get("email").and_then(Value::as_str);
        scene.may_see(&location.id) && (email.is_none() || email == own)
    };
    let mut found: Vec<&Location> = scene.settings.locations.iter().filter(fits).collect();
    if scene.query("order") == Some("desc") {
        found.reverse();
    }
    let rows = found
        .into_iter()
        .map(|location| location.view(scene.company))
        .collect();
    let (_, page) = scene.page(rows, 10)?;
    Ok(Done::read(json!({"locations": page})))
}

/// POST /locations/: 200, for the agency alone.
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let company = scene
        .body
        .get("companyId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    scene.check_company(company)?;
    let mut location = Location::new(&scene.store.new_id());
    location.apply(scene.body);
    let view = location.view(scene.company);
    let effect = effect("location_created", &location);
    scene.settings.locations.push(location);
    Ok(Done::wrote(200, view, effect))
}

/// PUT /locations/{id}
pub(super) fn update(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let id = scene.named_location()?.id.clone();
    let mut locations = scene.settings.locations.iter_mut();
    let location = locations
        .find(|location| location.id == id)
        .ok_or_else(Reply::wrong_location)?;
    location.apply(scene.body);
    let effect = effect("location_updated", location);
    Ok(Done::wrote(200, location.view(scene.company), effect))
}

/// DELETE /locations/{id}: its contacts stay where they are, out of reach.
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.named_location()?.clone();
    scene.settings.locations.retain(|other| other.id != location.id);
    scene.tokens.revoke_all(None, Some(&location.id));
    let body = json!({"success": true, "message": "Location deleted successfully"});
    Ok(Done::wrote(200, body, effect("location_deleted", &location)))
}

fn effect(kind: &'static str, location: &Location) -> Effect {
    let mut detail = location.profile.clone();
    detail.insert("id".to_owned(), json!(location.id));
    detail.insert("name".to_owned(), json!(location.name()));
    Effect {
        kind,
        contact_id: String::new(),
        detail: Value::Object(detail),
    }
}
