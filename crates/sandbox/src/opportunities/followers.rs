//! Users who follow an opportunity. Any text is taken for a user's id.

use serde_json::{Value, json};

use super::{KIND, find};
use crate::accounts::Scene;
use crate::documents::Document;
use crate::log::Effect;
use crate::membership::{self, texts};
use crate::reply::{Done, Reply};

/// POST /opportunities/{id}/followers
pub(super) fn add(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    membership::check_followers(scene)?;
    let opportunity = find(scene, scene.param(0))?;
    let mut followers = texts(opportunity.fields.get("followers"));
    let added = membership::add(&mut followers, &texts(scene.body.get("followers")));
    let body = json!({"followers": followers, "followersAdded": added});
    Ok(keep(scene, opportunity, 201, "opportunity_followers_added", body))
}

/// DELETE /opportunities/{id}/followers
pub(super) fn remove(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    membership::check_followers(scene)?;
    let opportunity = find(scene, scene.param(0))?;
    let mut followers = texts(opportunity.fields.get("followers"));
    let named = if scene.query("isRemoveAllFollowers") == Some("true") {
        followers.clone()
    } else {
        texts(scene.body.get("followers"))
    };
    let removed = membership::remove(&mut followers, &named);
    let body = json!({"followers": followers, "followersRemoved": removed});
    Ok(keep(
        scene,
        opportunity,
        200,
        "opportunity_followers_removed",
        body,
    ))
}

fn keep(
    scene: &mut Scene<'_>,
    mut opportunity: Document,
    status: u16,
    kind: &'static str,
    body: Value,
) -> Done {
    opportunity
        .fields
        .insert("followers".to_owned(), body["followers"].clone());
    opportunity.updated_at = scene.now;
    let contact_id = opportunity.text("contactId").unwrap_or_default();
    let mut detail = body.clone();
    detail["opportunity_id"] = json!(opportunity.id);
    let effect = Effect::new(kind, contact_id, detail);
    scene.store.documents.put(KIND, opportunity);
    Done::wrote(status, body, effect)
}
