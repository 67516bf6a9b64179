//! The `[[connections]]` of the configuration, with the secrets that it names.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cartlane_engine::{AccountConfig, ConnectionConfig, SecretName, Secrets};
use cartlane_flow::names::nearest;
use serde::Deserialize;
use toml::Value;

use super::{Config, environment};
use crate::output::BadConfig;

/// The kinds of connection that there are.
const KINDS: [&str; 5] = ["thrivecart", "ghl", "slack", "smtp", "http"];

impl Config {
    /// The outside accounts with their secrets.
    pub fn connections(&self) -> anyhow::Result<Vec<ConnectionConfig>> {
        let read = |table: &toml::Table| {
            let name = table.get("name").and_then(Value::as_str).unwrap_or_default();
            self.connection(name, table.clone())
                .map_err(|error| BadConfig(format!("connection `{name}`: {error:#}")).into())
        };
        self.connections.iter().map(read).collect()
    }

    fn connection(&self, name: &str, mut table: toml::Table) -> anyhow::Result<ConnectionConfig> {
        table.remove("name");
        if name.is_empty() {
            bail!("it has no name; give each connection one");
        }
        let mut secrets = Secrets::default();
        for name in SecretName::ALL {
            for key in [name.to_string(), format!("{name}_previous")] {
                if let Some(secret) = self.secret(&key, &mut table)? {
                    secrets = secrets.with(name, secret);
                }
            }
        }
        Ok(ConnectionConfig {
            name: name.to_owned(),
            account: account(table)?,
            secrets,
        })
    }

    /// The secret that the keys `{key}_env` and `{key}_file` name; takes them out of the table.
    fn secret(&self, key: &str, table: &mut toml::Table) -> anyhow::Result<Option<String>> {
        let mut take = |key: String| match table.remove(&key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => bail!("{key} is a text"),
        };
        match (take(format!("{key}_env"))?, take(format!("{key}_file"))?) {
            (Some(_), Some(_)) => bail!("{key}_env and {key}_file are both given; give one"),
            (Some(name), None) => match environment(&name) {
                Some(value) if !value.trim().is_empty() => Ok(Some(value.trim().to_owned())),
                _ => bail!("{key}_env names the variable {name}, which is not set"),
            },
            (None, Some(file)) => {
                let path = self.base.join(PathBuf::from(file));
                Ok(Some(secret_in(&path).with_context(|| format!("{key}_file"))?))
            }
            (None, None) => Ok(None),
        }
    }
}

/// What a file holds, without the white space around it.
pub fn secret_in(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text.trim().to_owned())
}

/// A connection's account from its keys less name and secrets, as the configuration and `connections add` write them.
pub fn account(table: toml::Table) -> anyhow::Result<AccountConfig> {
    match table.get("kind").and_then(Value::as_str) {
        Some(kind) if KINDS.contains(&kind) => {}
        Some(kind) => {
            let near = nearest(kind, KINDS).map(|near| format!("did you mean `{near}`? "));
            bail!(
                "kind `{kind}` is not known; {}there are {}",
                near.unwrap_or_default(),
                KINDS.join(", ")
            )
        }
        None => bail!("it has no kind; there are {}", KINDS.join(", ")),
    }
    Ok(AccountConfig::deserialize(Value::Table(table))?)
}
