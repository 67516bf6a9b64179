//! The keys that the configuration knows, and values that no server can work with.

use anyhow::bail;
use cartlane_flow::names::nearest;

use super::ConfigIn;

pub(super) const KEYS: [&str; 8] = [
    "listen",
    "data_dir",
    "database_url",
    "log",
    "log_format",
    "public_url",
    "limits",
    "connections",
];
pub(super) const LIMIT_KEYS: [&str; 12] = [
    "request_timeout_ms",
    "settle_ms",
    "hold_minutes",
    "workers",
    "body_bytes",
    "inbox_waiting",
    "inbox_bytes",
    "quarantine_rows",
    "backoff_base_ms",
    "backoff_cap_ms",
    "postgres_connections",
    "file_bytes",
];
pub(super) const CONNECTION_KEYS: [&str; 43] = [
    "name",
    "kind",
    "account",
    "secret_env",
    "secret_file",
    "secret_previous_env",
    "secret_previous_file",
    "hook_key_env",
    "hook_key_file",
    "hook_key_previous_env",
    "hook_key_previous_file",
    "sync_test_mode",
    "target",
    "location_id",
    "company_id",
    "agency",
    "token_env",
    "token_file",
    "token_previous_env",
    "token_previous_file",
    "client_id",
    "client_secret_env",
    "client_secret_file",
    "white_label",
    "authorize_url",
    "scopes",
    "base_url",
    "allow_private_networks",
    "api_key_env",
    "api_key_file",
    "url_env",
    "url_file",
    "host",
    "port",
    "tls",
    "username",
    "password_env",
    "password_file",
    "from",
    "webhook_key",
    "webhook_rsa_key",
    "accept_unsigned",
    "webhook_window_minutes",
];

/// Every wrong key at once, each with the nearest right one.
pub(super) fn check_keys(merged: &toml::Table) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    wrong_keys("", merged, &KEYS, &mut faults);
    if let Some(limits) = merged.get("limits").and_then(toml::Value::as_table) {
        wrong_keys("limits.", limits, &LIMIT_KEYS, &mut faults);
    }
    let connections = merged
        .get("connections")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    for (index, connection) in connections.filter_map(toml::Value::as_table).enumerate() {
        wrong_keys(
            &format!("connections[{index}]."),
            connection,
            &CONNECTION_KEYS,
            &mut faults,
        );
    }
    if faults.is_empty() {
        Ok(())
    } else {
        bail!("{}", faults.join("; "))
    }
}

fn wrong_keys(path: &str, table: &toml::Table, known: &[&str], faults: &mut Vec<String>) {
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        faults.push(format!(
            "there is no key `{path}{key}`; {}",
            hint(path, key, known)
        ));
    }
}

/// Values of the right type that no server can work with.
pub(super) fn check_values(read: &ConfigIn) -> anyhow::Result<()> {
    let url = &read.database_url;
    if !["sqlite://", "postgres://", "postgresql://"]
        .iter()
        .any(|start| url.starts_with(start))
    {
        bail!("database_url must begin with `sqlite://` or `postgres://`");
    }
    let limits = &read.limits;
    let at_least_one = [
        ("request_timeout_ms", limits.request_timeout_ms),
        ("workers", limits.workers),
        ("body_bytes", limits.body_bytes),
        ("inbox_waiting", limits.inbox_waiting),
        ("inbox_bytes", limits.inbox_bytes),
        ("postgres_connections", limits.postgres_connections),
    ];
    let zeros = at_least_one.iter().filter(|(_, value)| *value == 0);
    let faults: Vec<String> = zeros
        .map(|(key, _)| format!("limits.{key} must be at least 1"))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        bail!("{}", faults.join("; "))
    }
}

/// Where a key belongs that stands in the wrong table, else the nearest right one.
fn hint(path: &str, key: &str, known: &[&str]) -> String {
    if path != "limits." && LIMIT_KEYS.contains(&key) {
        return format!("`{key}` belongs into [limits]");
    }
    if !path.starts_with("connections") && CONNECTION_KEYS.contains(&key) {
        return format!("`{key}` belongs into a table [[connections]]");
    }
    if !path.is_empty() && KEYS.contains(&key) {
        return format!("`{key}` belongs at the top, before the first [table]");
    }
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    }
}
