//! Relations: links between two records, in the order in which their association names the objects.
//!
//! Contacts, opportunities and businesses must exist; records of custom objects aren't kept here, so any id is taken.

use serde_json::{Value, json};

use super::find;
use crate::accounts::Scene;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::{businesses, opportunities};

const KIND: &str = "relation";
/// What a relation shows of its association.
const SHOWN: [&str; 6] = [
    "key",
    "firstObjectKey",
    "firstObjectLabel",
    "secondObjectKey",
    "secondObjectLabel",
    "associationType",
];

/// POST /associations/relations
pub(super) fn create(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_body()?;
    let text = |name: &str| scene.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let association = find(scene, text("associationId"))?;
    if association.location != location {
        return Err(Reply::wrong_location());
    }
    for (object, record) in [
        ("firstObjectKey", "firstRecordId"),
        ("secondObjectKey", "secondRecordId"),
    ] {
        let object = association.text(object).unwrap_or_default();
        check_record(scene, &location, object, text(record))?;
    }
    let same = |name: &str, other: Option<&str>| other == Some(text(name));
    let mut all = scene.store.documents.of(KIND, &location);
    if all.any(|relation| {
        let names = ["associationId", "firstRecordId", "secondRecordId"];
        names.iter().all(|name| same(name, relation.text(name)))
    }) {
        return Err(Reply::bad_request("Relation already exists"));
    }
    drop(all);
    let mut relation = scene.new_document(&location);
    for name in SHOWN {
        if let Some(value) = association.fields.get(name) {
            relation.fields.insert(name.to_owned(), value.clone());
        }
    }
    let view = json!(relation.view());
    scene.store.documents.put(KIND, relation);
    let effect = Effect::new("relation_created", "", view.clone());
    Ok(Done::wrote(201, view, effect))
}

/// GET /associations/relations/{record}: oldest first.
pub(super) fn list(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    scene.check_paging()?;
    let record = scene.param(0);
    let named = scene
        .query
        .iter()
        .filter(|(name, _)| name.starts_with("associationIds"));
    let wanted: Vec<&str> = named.flat_map(|(_, ids)| ids.split(',')).collect();
    let all = scene.store.documents.of(KIND, &location);
    let rows = all
        .filter(|relation| {
            let ends = ["firstRecordId", "secondRecordId"];
            let of_record = ends.iter().any(|name| relation.text(name) == Some(record));
            let kind = relation.text("associationId").unwrap_or_default();
            of_record && (wanted.is_empty() || wanted.contains(&kind))
        })
        .map(|relation| Value::Object(relation.view()))
        .collect();
    let (total, page) = scene.limited_page(rows, 100, 100)?;
    Ok(Done::read(json!({"relations": page, "total": total})))
}

/// DELETE /associations/relations/{id}
pub(super) fn delete(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let relation = scene.document(KIND, "Relation", scene.param(0))?;
    if relation.location != location {
        return Err(Reply::wrong_location());
    }
    scene.store.documents.remove(KIND, &relation.id);
    let view = json!(relation.view());
    let effect = Effect::new("relation_deleted", "", view.clone());
    Ok(Done::wrote(200, view, effect))
}

/// 400 where the record doesn't exist, 403 where it belongs to another location.
fn check_record(scene: &Scene<'_>, location: &str, object: &str, id: &str) -> Result<(), Reply> {
    let owner = match object {
        "contact" => scene.contact(id)?.location_id.clone(),
        "opportunity" => scene.document(opportunities::KIND, "Opportunity", id)?.location,
        "business" => scene.document(businesses::KIND, "Business", id)?.location,
        _ => return Ok(()),
    };
    if owner == location {
        Ok(())
    } else {
        Err(Reply::wrong_location())
    }
}
