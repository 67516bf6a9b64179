//! The authorize page, and what an agency's app may ask about where it is installed.

use http::HeaderValue;
use http::header::LOCATION;
use serde_json::{Value, json};
use url::Url;

use super::{Grant, endpoint};
use crate::accounts::Scene;
use crate::log::Effect;
use crate::reply::{Body, Done, Reply};
use crate::settings::Install;

/// GET /v2/oauth/chooselocation: the person agrees at once, and chooses what `settings.oauth.install` says. Answers a
/// redirect with `code`, and `state` as it was sent.
pub(crate) fn authorize(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let client_id = needed(scene, "client_id")?;
    let redirect_uri = needed(scene, "redirect_uri")?;
    let app = scene.settings.app(Some(&client_id)).cloned();
    let app = app.ok_or_else(|| Reply::bad_request("No integration found with the id"))?;
    let allowed = |uris: &Vec<String>| uris.contains(&redirect_uri);
    if scene.query("response_type") != Some("code") || !app.redirect_uris.as_ref().is_none_or(allowed) {
        return Err(Reply::bad_request("Invalid redirect_uri or response_type"));
    }
    let mut back = Url::parse(&redirect_uri).map_err(|_| Reply::bad_request("Invalid redirect_uri"))?;
    let location = match &scene.settings.oauth.install {
        Install::Agency => None,
        Install::Location(id) => Some(id.clone()),
        Install::FirstLocation => scene
            .settings
            .locations
            .first()
            .map(|location| location.id.clone()),
    };
    let grant = Grant {
        client_id,
        location,
        scopes: granted(scene.query("scope"), app.scopes.as_deref()),
        user_id: "sandboxUser000000000".to_owned(),
    };
    let effect = Effect {
        kind: "app_installed",
        contact_id: String::new(),
        detail: json!({"client_id": grant.client_id, "locationId": grant.location, "scopes": grant.scopes}),
    };
    let (code, is_new) = scene.tokens.agree(grant, &redirect_uri, scene.now);
    back.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = scene.query("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    let target =
        HeaderValue::from_str(back.as_str()).map_err(|_| Reply::bad_request("Invalid redirect_uri"))?;
    let reply = Reply {
        status: 302,
        body: Body::Text("Found"),
        headers: vec![(LOCATION, target)],
    };
    Ok(Done {
        reply,
        effect: is_new.then_some(effect),
    })
}

/// The scopes asked for that the app may have; all where neither says any.
fn granted(asked: Option<&str>, allowed: Option<&[String]>) -> Option<Vec<String>> {
    let Some(asked) = asked else {
        return allowed.map(<[String]>::to_vec);
    };
    let may = |scope: &&str| allowed.is_none_or(|allowed| allowed.iter().any(|other| other == scope));
    Some(asked.split_whitespace().filter(may).map(str::to_owned).collect())
}

/// POST /oauth/reconnect, which GHL has removed.
pub(crate) fn reconnect(_scene: &mut Scene<'_>) -> Result<Done, Reply> {
    Err(Reply::bad_request("API endpoint has been removed"))
}

/// POST /oauth/locationToken: a sub-account's access token for the agency's one; there is no refresh token with it.
pub(crate) fn location_token(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    let given = |name: &str| scene.body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(company), Some(location)) = (given("companyId"), given("locationId")) else {
        return Err(Reply::unprocessable(&[
            "companyId and locationId must be strings".to_owned(),
        ]));
    };
    let access = scene.holder.and_then(|holder| holder.app.clone());
    let access = access.ok_or_else(|| Reply::forbidden("Forbidden resource"))?;
    let known = scene
        .settings
        .location(&location)
        .filter(|location| location.active);
    if company != scene.company || known.is_none() || !scene.tokens.is_installed(&access.client_id, &location)
    {
        return Err(Reply::bad_request(
            "Location not found or the app is not installed there",
        ));
    }
    let grant = Grant {
        client_id: access.client_id.clone(),
        location: Some(location.clone()),
        scopes: access.scopes.clone(),
        user_id: "sandboxUser000000000".to_owned(),
    };
    let terms = endpoint::terms(scene);
    let answer = scene.tokens.issue_access(&grant, &terms);
    let effect = Effect {
        kind: "location_token_issued",
        contact_id: String::new(),
        detail: json!({"client_id": grant.client_id, "locationId": location}),
    };
    Ok(Done::wrote(200, answer, effect))
}

/// GET /oauth/installedLocations. The version `v3` has it under another name.
pub(crate) fn installed_locations(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    if scene.version == Some("v3") {
        return Err(Reply::bad_request("This endpoint was removed in version v3"));
    }
    let app_id = scene.query("appId").unwrap_or_default();
    let client_id = scene
        .holder
        .and_then(|holder| holder.app.as_ref())
        .map(|app| app.client_id.clone());
    let app = client_id.and_then(|id| scene.settings.app(Some(&id)).cloned());
    let Some(app) = app.filter(|app| app.id() == app_id && scene.query("companyId") == Some(scene.company))
    else {
        return Err(Reply::forbidden("Forbidden resource"));
    };
    let wanted = scene.query("isInstalled").map(|wanted| wanted == "true");
    let query = scene.query("query").unwrap_or_default().to_lowercase();
    let rows = scene.settings.locations.iter().filter_map(|location| {
        let installed = scene.tokens.is_installed(&app.client_id, &location.id);
        let name = location.name();
        let fits = wanted.is_none_or(|wanted| wanted == installed) && name.to_lowercase().contains(&query);
        let address = location
            .profile
            .get("address")
            .and_then(Value::as_str)
            .unwrap_or_default();
        fits.then(|| {
            json!({
                "_id": location.id,
                "name": name,
                "address": address,
                "isInstalled": installed,
                "versionId": app.id(),
            })
        })
    });
    let rows: Vec<Value> = rows.collect();
    let (count, page) = scene.page(rows, 20)?;
    Ok(Done::read(
        json!({"locations": page, "count": count, "installToFutureLocations": false}),
    ))
}

fn needed(scene: &Scene<'_>, name: &str) -> Result<String, Reply> {
    let value = scene.query(name).map(str::to_owned);
    value.ok_or_else(|| Reply::bad_request(&format!("{name} is missing")))
}
