//! The controls under `/_sandbox`: no credentials, but only from this machine.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::conversations::Message;
use crate::edit::Edit;
use crate::faults::Rule;
use crate::reply::Reply;
use crate::state::State;
use crate::wire::Call;

/// Whether a path is one of these.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with("/_sandbox/")
}

/// Does what a control asks for.
pub(crate) fn answer(state: &State, call: &Call, from_here: bool) -> Reply {
    if !from_here {
        return Reply::forbidden("The sandbox's controls answer only to this machine.");
    }
    let outcome = match (call.method.as_str(), call.path.trim_start_matches("/_sandbox/")) {
        ("GET", "settings") => Ok(json!(state.settings())),
        ("PUT", "settings") => put_settings(state, call),
        ("POST", "script") => post_script(state, call),
        ("POST", "clock") => post_clock(state, call),
        ("POST", "edit") => post_edit(state, call),
        ("POST", "message") => post_message(state, call),
        ("GET", "log") => Ok(get_log(state, call)),
        ("GET", "webhook_key") => Ok(json!({"public_key": state.webhook_key()})),
        ("GET", "webhooks") => Ok(json!({"deliveries": state.deliveries()})),
        ("POST", "webhooks/repeat") => repeat(state, call),
        ("POST", "webhooks/send") => send(state, call),
        ("GET", "tokens") => Ok(json!({"tokens": state.tokens()})),
        ("POST", "tokens/revoke") => revoke(state, call),
        ("POST", "oauth/uninstall") => uninstall(state, call),
        ("POST", "seed") => seed(state, call),
        ("GET", "stats") => Ok(json!(state.stats())),
        ("POST", "reset") => {
            state.reset();
            Ok(json!({}))
        }
        (method, _) => return Reply::no_such_path(method, &call.path),
    };
    match outcome {
        Ok(body) => Reply::json(200, body),
        Err(problem) => Reply::bad_request(&problem),
    }
}

fn put_settings(state: &State, call: &Call) -> Result<Value, String> {
    let settings = state
        .settings()
        .merged(&call.body)
        .map_err(|error| error.to_string())?;
    state.change(|current| *current = settings);
    Ok(json!(state.settings()))
}

/// One rule or a list of them.
fn post_script(state: &State, call: &Call) -> Result<Value, String> {
    let rules = match &call.body {
        Value::Array(_) => read::<Vec<Rule>>(call)?,
        _ => vec![read::<Rule>(call)?],
    };
    let count = rules.len();
    state.script(rules);
    Ok(json!({"added": count}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u32,
}

fn post_clock(state: &State, call: &Call) -> Result<Value, String> {
    state.advance(read::<Advance>(call)?.advance_ms);
    Ok(json!({"now_ms": state.now()}))
}

fn post_edit(state: &State, call: &Call) -> Result<Value, String> {
    let id = state
        .edit(&read::<Edit>(call)?)
        .map_err(|error| error.to_string())?;
    Ok(json!({"contact_id": id}))
}

fn post_message(state: &State, call: &Call) -> Result<Value, String> {
    let ids = state
        .message(&read::<Message>(call)?)
        .map_err(|error| error.to_string())?;
    Ok(json!(ids))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    webhook_id: String,
}

fn repeat(state: &State, call: &Call) -> Result<Value, String> {
    let found = state.repeat_event(&read::<Repeat>(call)?.webhook_id);
    if found {
        Ok(json!({}))
    } else {
        Err("no such event is remembered".to_owned())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    r#type: String,
    #[serde(default)]
    location_id: Option<String>,
    #[serde(default)]
    payload: Map<String, Value>,
}

fn send(state: &State, call: &Call) -> Result<Value, String> {
    let Send {
        r#type,
        location_id,
        payload,
    } = read(call)?;
    state.send_event(&r#type, location_id.as_deref(), payload);
    Ok(json!({}))
}

fn revoke(state: &State, call: &Call) -> Result<Value, String> {
    Ok(json!({"revoked": state.revoke(&read(call)?)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uninstall {
    client_id: String,
    #[serde(default)]
    location: Option<String>,
}

fn uninstall(state: &State, call: &Call) -> Result<Value, String> {
    let Uninstall { client_id, location } = read(call)?;
    Ok(json!({"uninstalled": state.uninstall(&client_id, location.as_deref())}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    contacts: usize,
    #[serde(default)]
    location: Option<String>,
}

fn seed(state: &State, call: &Call) -> Result<Value, String> {
    let Seed { contacts, location } = read(call)?;
    Ok(json!({"contacts": state.seed(contacts, location.as_deref())}))
}

fn get_log(state: &State, call: &Call) -> Value {
    let number = |name: &str| {
        let found = call.query.iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let after = number("after").unwrap_or_default();
    let limit = usize::try_from(number("limit").unwrap_or(1_000)).unwrap_or(usize::MAX);
    let entries = state.log(after, limit);
    let next = entries.last().map_or(after, |entry| entry.seq);
    json!({"entries": entries, "next": next})
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    if !call.body_is_json {
        return Err("the body isn't JSON".to_owned());
    }
    T::deserialize(&call.body).map_err(|error| error.to_string())
}
