//! What a contact takes part in: workflows, campaigns, and the users who follow it.
//!
//! Every location has two workflows and a campaign from the start, with ids that follow from the seed; the API makes
//! none. Any text is taken for a user's id.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::accounts::{AccountRoute, Scene};
use crate::contacts::Contact;
use crate::log::Effect;
use crate::reply::{Done, Reply};
use crate::store::Store;

const WRITE: &str = "contacts.write";
/// GHL documents this limit of its version v3.
const FOLLOWERS_MAX: usize = 10;

/// The operations.
pub(crate) const ROUTES: &[AccountRoute] = &[
    AccountRoute::new(
        "GET",
        "/workflows/",
        "ghl.workflows.list",
        "workflows.readonly",
        list_workflows,
    ),
    AccountRoute::new(
        "GET",
        "/campaigns/",
        "ghl.campaigns.list",
        "campaigns.readonly",
        list_campaigns,
    ),
    AccountRoute::new(
        "POST",
        "/contacts/{id}/workflow/{workflow}",
        "ghl.contacts.add_to_workflow",
        WRITE,
        add_to_workflow,
    ),
    AccountRoute::new(
        "DELETE",
        "/contacts/{id}/workflow/{workflow}",
        "ghl.contacts.remove_from_workflow",
        WRITE,
        remove_from_workflow,
    ),
    AccountRoute::new(
        "POST",
        "/contacts/{id}/campaigns/{campaign}",
        "ghl.contacts.add_to_campaign",
        WRITE,
        add_to_campaign,
    ),
    AccountRoute::new(
        "DELETE",
        "/contacts/{id}/campaigns/removeAll",
        "ghl.contacts.remove_from_all_campaigns",
        WRITE,
        remove_from_all_campaigns,
    ),
    AccountRoute::new(
        "DELETE",
        "/contacts/{id}/campaigns/{campaign}",
        "ghl.contacts.remove_from_campaign",
        WRITE,
        remove_from_campaign,
    ),
    AccountRoute::new(
        "POST",
        "/contacts/{id}/followers",
        "ghl.contacts.add_followers",
        WRITE,
        add_followers,
    ),
    AccountRoute::new(
        "DELETE",
        "/contacts/{id}/followers",
        "ghl.contacts.remove_followers",
        WRITE,
        remove_followers,
    ),
];

/// A location's workflows.
pub(crate) fn workflows(store: &Store, location: &str) -> Vec<Value> {
    let row = |name: &str, status: &str| {
        json!({
            "id": store.stable_id(location, &format!("workflow {name}")),
            "name": name,
            "status": status,
            "version": 1,
            "createdAt": "2023-01-01T00:00:00.000Z",
            "updatedAt": "2023-01-01T00:00:00.000Z",
            "locationId": location,
        })
    };
    vec![row("Welcome", "published"), row("Win back", "draft")]
}

fn campaigns(store: &Store, location: &str) -> Vec<Value> {
    let id = store.stable_id(location, "campaign");
    vec![json!({"id": id, "name": "Newsletter", "status": "published", "locationId": location})]
}

/// GET /workflows/
fn list_workflows(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    Ok(Done::read(
        json!({"workflows": workflows(scene.store, &location)}),
    ))
}

/// GET /campaigns/: all, or those of a status.
fn list_campaigns(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let location = scene.location_in_query("locationId")?;
    let status = scene.query("status");
    let mut rows = campaigns(scene.store, &location);
    rows.retain(|row| status.is_none_or(|status| row["status"] == status));
    Ok(Done::read(json!({"campaigns": rows})))
}

/// The contact and the id behind it in the path, which one of the rows must have.
fn member(
    scene: &Scene<'_>,
    name: &str,
    rows: fn(&Store, &str) -> Vec<Value>,
) -> Result<(Contact, String), Reply> {
    let contact = scene.contact(scene.param(0))?;
    let id = scene.param(1);
    let known = rows(scene.store, &contact.location_id);
    if !known.iter().any(|row| row["id"] == id) {
        return Err(Reply::not_found(name, id));
    }
    Ok((Arc::unwrap_or_clone(contact), id.to_owned()))
}

/// POST /contacts/{id}/workflow/{workflow}: who is in it stays in it; whoever has been through it is in it again.
fn add_to_workflow(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let (mut contact, id) = member(scene, "Workflow", workflows)?;
    let added = add(&mut contact.active_workflows, std::slice::from_ref(&id));
    let detail = json!({
        "workflow_id": id,
        "changed": !added.is_empty(),
        "eventStartTime": scene.body.get("eventStartTime"),
    });
    Ok(finish(scene, contact, 200, "workflow_added", detail))
}

/// DELETE /contacts/{id}/workflow/{workflow}: whoever is taken out has not been through it.
fn remove_from_workflow(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let (mut contact, id) = member(scene, "Workflow", workflows)?;
    let removed = remove(&mut contact.active_workflows, std::slice::from_ref(&id));
    let detail = json!({"workflow_id": id, "changed": !removed.is_empty()});
    Ok(finish(scene, contact, 200, "workflow_removed", detail))
}

/// POST /contacts/{id}/campaigns/{campaign}
fn add_to_campaign(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let (mut contact, id) = member(scene, "Campaign", campaigns)?;
    let added = add(&mut contact.campaigns, std::slice::from_ref(&id));
    let detail = json!({"campaign_ids": [id], "changed": !added.is_empty()});
    Ok(finish(scene, contact, 201, "campaign_added", detail))
}

/// DELETE /contacts/{id}/campaigns/{campaign}
fn remove_from_campaign(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let (mut contact, id) = member(scene, "Campaign", campaigns)?;
    let removed = remove(&mut contact.campaigns, std::slice::from_ref(&id));
    let detail = json!({"campaign_ids": [id], "changed": !removed.is_empty()});
    Ok(finish(scene, contact, 200, "campaign_removed", detail))
}

/// DELETE /contacts/{id}/campaigns/removeAll
fn remove_from_all_campaigns(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let mut contact = Contact::clone(&*scene.contact(scene.param(0))?);
    let ids = std::mem::take(&mut contact.campaigns);
    let detail = json!({"campaign_ids": ids, "changed": !ids.is_empty()});
    Ok(finish(scene, contact, 200, "campaign_removed", detail))
}

fn finish(scene: &mut Scene<'_>, contact: Contact, status: u16, kind: &'static str, detail: Value) -> Done {
    let effect = Effect::new(kind, &contact.id, detail);
    scene.store.put(contact, scene.now);
    Done::wrote(status, json!({"succeded": true}), effect)
}

/// POST /contacts/{id}/followers
fn add_followers(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    check_followers(scene)?;
    let mut contact = Contact::clone(&*scene.contact(scene.param(0))?);
    let mut followers = texts(contact.fields.get("followers"));
    let added = add(&mut followers, &texts(scene.body.get("followers")));
    let body = json!({"followers": followers, "followersAdded": added});
    contact.fields.insert("followers".to_owned(), json!(followers));
    let effect = Effect::new("followers_added", &contact.id, body.clone());
    scene.store.put(contact, scene.now);
    Ok(Done::wrote(201, body, effect))
}

/// DELETE /contacts/{id}/followers
fn remove_followers(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    check_followers(scene)?;
    let mut contact = Contact::clone(&*scene.contact(scene.param(0))?);
    let mut followers = texts(contact.fields.get("followers"));
    let removed = remove(&mut followers, &texts(scene.body.get("followers")));
    let body = json!({"followers": followers, "followersRemoved": removed});
    contact.fields.insert("followers".to_owned(), json!(followers));
    let effect = Effect::new("followers_removed", &contact.id, body.clone());
    scene.store.put(contact, scene.now);
    Ok(Done::wrote(200, body, effect))
}

/// 422 where a body names more than ten followers.
pub(crate) fn check_followers(scene: &Scene<'_>) -> Result<(), Reply> {
    if texts(scene.body.get("followers")).len() > FOLLOWERS_MAX {
        return Err(Reply::invalid("followers must contain no more than 10 elements"));
    }
    Ok(())
}

/// The texts of a list.
pub(crate) fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Adds those that aren't there, and answers them.
pub(crate) fn add(list: &mut Vec<String>, more: &[String]) -> Vec<String> {
    let mut added = Vec::new();
    for one in more {
        if !list.contains(one) {
            list.push(one.clone());
            added.push(one.clone());
        }
    }
    added
}

/// Removes those that are there, and answers them.
pub(crate) fn remove(list: &mut Vec<String>, less: &[String]) -> Vec<String> {
    list.extract_if(.., |one| less.contains(one)).collect()
}
