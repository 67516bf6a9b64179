//! What the configuration declares of each connection: its faults, and what the store is to know of it.

use cartlane_model::{ConnectionId, ExposeSecret, Problems, UnixMs};
use cartlane_store::connections::Declared;
use rand::RngExt;
use serde_json::json;

use crate::options::{AccountConfig, ConnectionConfig, MAIN_WORKSPACE};

/// Letters and digits of a generated hook key: 32 of 62, about 190 bits.
const HOOK_KEY_LENGTH: usize = 32;

/// All faults at once.
pub(crate) fn check(configs: &[ConnectionConfig]) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (index, config) in configs.iter().enumerate() {
        let path = |key: &str| format!("connections.{}.{key}", config.name);
        if configs
            .iter()
            .take(index)
            .any(|earlier| earlier.name == config.name)
        {
            problems.push(path("name"), "two connections have this name; give each its own");
        }
        if config.account.hook_key().is_some_and(|key| !is_hook_key(key)) {
            problems.push(path("hook_key"), "needs at least 20 letters, digits, - or _");
        }
        let AccountConfig::ThriveCart(shop) = &config.account else {
            continue;
        };
        if shop.secrets.is_empty()
            || shop
                .secrets
                .iter()
                .any(|secret| secret.expose_secret().is_empty())
        {
            problems.push(
                path("secret_env"),
                "the secret word is missing or empty; copy it from ThriveCart: Settings > API & Webhooks > \
                 ThriveCart order validation",
            );
        }
        let is_target = |name: &String| {
            configs
                .iter()
                .any(|other| other.name == *name && matches!(other.account, AccountConfig::Ghl(_)))
        };
        if let Some(name) = shop.target.as_ref().filter(|name| !is_target(name)) {
            problems.push(
                path("target"),
                format!("there is no connection `{name}` of kind ghl"),
            );
        }
    }
    problems.into_result(())
}

fn is_hook_key(key: &str) -> bool {
    key.len() >= 20
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

pub(crate) fn declare(config: &ConnectionConfig, now: UnixMs) -> Declared {
    let (kind, settings) = match &config.account {
        AccountConfig::ThriveCart(shop) => (
            "thrivecart",
            json!({"account": shop.account, "sync_test_mode": shop.sync_test_mode, "target": shop.target}),
        ),
        AccountConfig::Ghl(ghl) => (
            "ghl",
            json!({"base_url": ghl.base_url, "location_id": ghl.location_id}),
        ),
        AccountConfig::Slack(_) => ("slack", json!({})),
        AccountConfig::Http(_) => ("http", json!({})),
        AccountConfig::Smtp(server) => (
            "smtp",
            json!({"host": server.host, "port": server.port, "from": server.from}),
        ),
    };
    let hook_key = config.account.hook_key();
    Declared {
        id: ConnectionId::new(now),
        workspace_id: MAIN_WORKSPACE,
        name: config.name.clone(),
        kind: kind.to_owned(),
        settings,
        hook_key: config
            .account
            .is_source()
            .then(|| hook_key.map_or_else(new_hook_key, str::to_owned)),
        hook_key_is_declared: hook_key.is_some(),
        now,
    }
}

fn new_hook_key() -> String {
    let mut rng = rand::rng();
    (0..HOOK_KEY_LENGTH)
        .map(|_| char::from(rng.sample(rand::distr::Alphanumeric)))
        .collect()
}
