//! POST /oauth/token.

use serde_json::{Value, json};

use super::{Grant, Refused, Terms};
use crate::accounts::Scene;
use crate::log::Effect;
use crate::reply::{Done, Reply};

/// POST /oauth/token: a form; by a code or a refresh token.
pub(crate) fn token(scene: &mut Scene<'_>) -> Result<Done, Reply> {
    if !scene.is_form {
        let wanted = "Invalid request: content must be application/x-www-form-urlencoded";
        return Err(refused(400, "invalid_request", wanted));
    }
    let client_id = field(scene, "client_id")?;
    let client_secret = field(scene, "client_secret")?;
    let grant_type = field(scene, "grant_type")?;
    let app = scene.settings.app(Some(&client_id));
    if app.is_none_or(|app| app.client_secret != client_secret) {
        return Err(refused(
            401,
            "invalid_client",
            "Invalid client: client is invalid",
        ));
    }
    match grant_type.as_str() {
        "authorization_code" => by_code(scene, &client_id),
        "refresh_token" => by_refresh_token(scene, &client_id),
        _ => Err(refused(
            400,
            "unsupported_grant_type",
            "Unsupported grant type: `grant_type` is invalid",
        )),
    }
}

fn by_code(scene: &mut Scene<'_>, client_id: &str) -> Result<Done, Reply> {
    let code = field(scene, "code")?;
    let redirect_uri = field(scene, "redirect_uri").ok();
    let exchanged = scene
        .tokens
        .exchange(&code, client_id, redirect_uri.as_deref(), scene.now);
    let grant = exchanged.ok_or_else(|| {
        refused(
            400,
            "invalid_grant",
            "Invalid grant: authorization code is invalid",
        )
    })?;
    let terms = terms(scene);
    let mut answer = scene.tokens.issue(&grant, &terms);
    complete(&mut answer, &grant, scene);
    Ok(issued("token_issued", &grant, answer, None))
}

fn by_refresh_token(scene: &mut Scene<'_>, client_id: &str) -> Result<Done, Reply> {
    let token = field(scene, "refresh_token")?;
    let terms = terms(scene);
    let settings = &*scene.settings;
    let is_active = |grant: &Grant| {
        let mut locations = grant.location.iter();
        locations.all(|id| settings.location(id).is_some_and(|location| location.active))
    };
    match scene.tokens.renew(&token, client_id, is_active, &terms) {
        Ok((mut answer, grant, old_id)) => {
            complete(&mut answer, &grant, scene);
            match old_id {
                Some(old_id) => Ok(issued("token_refreshed", &grant, answer, Some(&old_id))),
                None => Ok(Done::read(answer)),
            }
        }
        Err(Refused::Inactive) => Err(Reply::bad_request("Location is not active")),
        Err(Refused::Invalid) => Err(refused(
            400,
            "invalid_grant",
            "Invalid grant: refresh token is invalid",
        )),
    }
}

/// What the endpoint answers besides the tokens.
fn complete(answer: &mut Value, grant: &Grant, scene: &Scene<'_>) {
    let approved: Vec<&str> = match &grant.location {
        Some(location) => vec![location],
        None => scene
            .settings
            .locations
            .iter()
            .map(|location| location.id.as_str())
            .collect(),
    };
    answer["approvedLocations"] = json!(approved);
    answer["isBulkInstallation"] = json!(grant.location.is_none());
}

fn issued(kind: &'static str, grant: &Grant, answer: Value, old_id: Option<&str>) -> Done {
    let effect = Effect {
        kind,
        contact_id: String::new(),
        detail: json!({
            "client_id": grant.client_id,
            "userType": answer["userType"],
            "locationId": grant.location,
            "refreshTokenId": answer["refreshTokenId"],
            "used_refreshTokenId": old_id,
        }),
    };
    Done::wrote(200, answer, effect)
}

/// The terms under which tokens are handed out now.
pub(super) fn terms<'a>(scene: &Scene<'a>) -> Terms<'a> {
    Terms {
        company: scene.company,
        lifetime_s: scene.settings.oauth.access_token_s,
        grace_ms: scene.settings.oauth.refresh_grace_ms,
        now: scene.now,
    }
}

fn field(scene: &Scene<'_>, name: &str) -> Result<String, Reply> {
    let value = scene
        .body
        .get(name)
        .and_then(Value::as_str)
        .filter(|value| !value.is_empty());
    value.map(str::to_owned).ok_or_else(|| {
        let message = format!("Missing parameter: `{name}`");
        refused(400, "invalid_request", &message)
    })
}

fn refused(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, json!({"error": error, "error_description": description}))
}
