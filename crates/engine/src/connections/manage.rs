//! What a person changes while the server runs: connections are added and removed, their secrets change.

use std::sync::Arc;

use cartlane_model::{ConnectionId, SecretString, UnixMs};
use cartlane_store::Error;
use cartlane_store::audit::{self, Action};
use cartlane_store::connections::{self, Connection};
use serde_json::json;

use super::{ConnectionConfig, Known, Tried, build, declare, row_of, usable};
use crate::accounts::AccountConfig;
use crate::secrets::{Held, SecretName, Secrets, new_hook_key};
use crate::{AdminError, Handle};

/// How a secret is changed.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// To this one; a hook key is made up where none is given.
    To(Option<SecretString>),
    /// Back to the one before, while that is still valid.
    Revert,
    /// The one before ends now.
    EndFormer,
}

/// How long the secret before a change stays valid.
#[derive(Clone, Copy, Debug)]
pub struct Overlap {
    /// In milliseconds.
    pub ms: i64,
}

impl Overlap {
    /// So many days.
    pub fn days(days: u16) -> Self {
        Self {
            ms: i64::from(days) * 24 * 60 * 60_000,
        }
    }
}

impl Default for Overlap {
    /// Seven days: as long as GHL lets a token live on that was rotated with "expire later".
    fn default() -> Self {
        Self::days(7)
    }
}

impl Handle {
    /// Adds a connection; its secrets are held by the vault. What a try of it came to.
    ///
    /// # Errors
    /// Where it is not what a connection can be, or there is one of its name.
    pub async fn add_connection(&self, config: ConnectionConfig) -> Result<Tried, AdminError> {
        let now = self.now();
        let known = self.db.read(|tx| connections::list(tx)).await?;
        let given = &self.connections.given;
        if known.iter().any(|row| row.name == config.name) {
            return Err(AdminError::Unfit(format!(
                "there is a connection `{0}` already; remove it first (`cartlane connections remove {0}`), or change its \
                 secrets (`cartlane connections rotate {0} SECRET`)",
                config.name
            )));
        }
        let others = super::added(&known, given);
        let all: Vec<&ConnectionConfig> = given.iter().chain(&others).chain([&config]).collect();
        let new = self.prepare(&config, &all, now).await?;
        let id = new.declared.id;
        let vault = self.vault.clone();
        let entry = self.entry(
            Action::ConnectionAdded,
            &config.name,
            json!({"kind": config.account.kind()}),
        );
        let added = self.db.write(move |tx| {
            let is_added = new.write(tx, &vault)?;
            if is_added {
                audit::append(tx, &entry)?;
            }
            Ok::<_, Error>(is_added)
        });
        if !added.await? {
            return Err(AdminError::Unfit(format!(
                "somebody has just added a connection `{}`",
                config.name
            )));
        }
        self.refresh_connections().await?;
        tracing::info!(connection = config.name, "connection added");
        let target = self.directory().target(id).cloned();
        match target {
            Some(target) => Ok(Tried::of(target.line.probe().await)),
            None => Ok(Tried::Untried),
        }
    }

    /// Changes a secret that the vault holds. A new one that the other side refuses is not taken. Until when the one
    /// before is valid, where there is one.
    ///
    /// # Errors
    /// Where there is no such connection or secret, the configuration names it, or the other side refuses it.
    pub async fn rotate_secret(
        &self,
        connection: &str,
        secret: SecretName,
        rotation: Rotation,
        overlap: Overlap,
    ) -> Result<Option<UnixMs>, AdminError> {
        let (row, account) = self.row_with_account(connection).await?;
        let given = self.connections.given(&row.name);
        if !account.secret_names().contains(&secret) {
            let names: Vec<&str> = account.secret_names().iter().map(|name| name.as_str()).collect();
            return Err(AdminError::Unfit(format!(
                "a connection of kind {} has no secret `{secret}`; it has {}",
                row.kind,
                names.join(", ")
            )));
        }
        if given.has(secret) {
            return Err(AdminError::Unfit(format!(
                "the configuration names the {secret} of `{0}` ({secret}_env or {secret}_file): change it there and start the \
                 server anew, with {secret}_previous_env for the one before; or take it out there, and the vault holds it",
                row.name
            )));
        }
        let rotation = match rotation {
            Rotation::To(None) if secret == SecretName::HookKey => Rotation::To(Some(new_hook_key())),
            Rotation::To(None) => return Err(AdminError::Unfit(format!("the new {secret} is missing"))),
            rotation => rotation,
        };
        if let Rotation::To(Some(new)) = &rotation {
            self.check_new(&row, &account, &given, secret, new).await?;
        }
        let until = self.store_rotation(&row, secret, rotation, overlap).await?;
        self.refresh_connections().await?;
        self.wake_connection(row.id).await?;
        tracing::info!(connection = row.name, %secret, "secret changed");
        Ok(until)
    }

    /// Whether a new secret is one, and the other side takes it.
    async fn check_new(
        &self,
        row: &Connection,
        account: &AccountConfig,
        given: &Secrets,
        secret: SecretName,
        new: &SecretString,
    ) -> Result<(), AdminError> {
        let config = ConnectionConfig {
            name: row.name.clone(),
            account: account.clone(),
            secrets: Secrets::default().with(secret, new.clone()),
        };
        let others = super::added(
            &self.db.read(|tx| connections::list(tx)).await?,
            &self.connections.given,
        );
        let all: Vec<&ConnectionConfig> = self.connections.given.iter().chain(&others).collect();
        declare::check([&config].into_iter(), &all, true)?;
        let (id, vault) = (row.id, self.vault.clone());
        let held = self.db.read(move |tx| Held::read(tx, &vault, id)).await?;
        let mut held = held.unwrap_or_default();
        held.put(secret, new, self.now(), None);
        let tries = match secret {
            SecretName::Token | SecretName::ApiKey | SecretName::Url | SecretName::Password => Tries::Probe,
            SecretName::Secret | SecretName::HookKey | SecretName::ClientSecret => Tries::Build,
        };
        self.try_out(row, account, held.under(given), tries).await
    }

    async fn store_rotation(
        &self,
        row: &Connection,
        secret: SecretName,
        rotation: Rotation,
        overlap: Overlap,
    ) -> Result<Option<UnixMs>, AdminError> {
        let (id, vault, now) = (row.id, self.vault.clone(), self.now());
        let until = now.plus_ms(overlap.ms);
        let how = match &rotation {
            Rotation::To(_) => "to a new one",
            Rotation::Revert => "back to the one before",
            Rotation::EndFormer => "the one before ended",
        };
        let detail = json!({"secret": secret, "how": how});
        let entry = self.entry(Action::SecretRotated, &row.name, detail);
        let changed = self.db.write(move |tx| {
            connections::touch(tx, id)?;
            let mut held = Held::read(tx, &vault, id)?.unwrap_or_default();
            let is_changed = match &rotation {
                Rotation::To(Some(new)) => {
                    held.put(secret, new, now, Some(until).filter(|until| now < *until));
                    true
                }
                Rotation::To(None) => false,
                Rotation::Revert => held.revert(secret, now, until),
                Rotation::EndFormer => held.end_former(secret),
            };
            if is_changed {
                held.write(tx, &vault, id)?;
                audit::append(tx, &entry)?;
            }
            Ok::<_, Error>(is_changed.then(|| held.former_until(secret)))
        });
        changed.await?.ok_or_else(|| {
            AdminError::Unfit(format!(
                "`{}` has no {secret} before the present one that is still valid",
                row.name
            ))
        })
    }

    /// Removes a connection with its secrets. One that others use is only removed by `force`.
    ///
    /// # Errors
    /// Where there is no such connection, the configuration declares it, or others use it.
    pub async fn remove_connection(&self, name: &str, force: bool) -> Result<(), AdminError> {
        let row = self.row(name).await?;
        if self.connections.given.iter().any(|given| given.name == row.name) {
            return Err(AdminError::Unfit(format!(
                "the configuration declares `{0}`: take it out there and start the server anew; then `cartlane connections \
                 remove {0}` removes what is left of it",
                row.name
            )));
        }
        let uses = self.uses_of(&row.name).await?;
        if !uses.is_empty() && !force {
            return Err(AdminError::Unfit(format!(
                "`{}` is used by {}; change these first, or remove it all the same with --force: their runs then fail",
                row.name,
                uses.join(", ")
            )));
        }
        if let Some(entry) = self.directory().entry(row.id) {
            self.revoke_shop_token(entry).await?;
        }
        let now = self.now();
        let detail = json!({"kind": row.kind, "force": force});
        let (entry, id) = (self.entry(Action::ConnectionRemoved, &row.name, detail), row.id);
        let removed = self.db.write(move |tx| {
            if connections::remove(tx, id, now)?.is_some() {
                audit::append(tx, &entry)?;
            }
            Ok::<_, Error>(())
        });
        removed.await?;
        self.refresh_connections().await?;
        self.work_is_there.notify_one();
        tracing::info!(connection = row.name, "connection removed");
        Ok(())
    }

    /// Who names a connection.
    async fn uses_of(&self, name: &str) -> Result<Vec<String>, AdminError> {
        self.automations.refresh(&self.db).await?;
        let automations = self.automations.present();
        let named = automations
            .iter()
            .filter(|loaded| loaded.compiled.document().names_connection(name));
        let mut uses: Vec<String> = named
            .map(|loaded| format!("automation `{}`", loaded.row.name))
            .collect();
        for (_, entry) in self.directory().entries() {
            let named = match &entry.account {
                AccountConfig::ThriveCart(shop) => shop.target.as_deref(),
                AccountConfig::Ghl(ghl) => ghl.agency.as_deref(),
                _ => None,
            };
            if named == Some(name) {
                uses.push(format!("connection `{}`", entry.name));
            }
        }
        Ok(uses)
    }

    async fn row(&self, name: &str) -> Result<Connection, AdminError> {
        let row = row_of(&self.db, name).await?;
        row.ok_or_else(|| AdminError::Unknown {
            noun: "connection",
            id: name.to_owned(),
            list: "connections list",
        })
    }

    async fn row_with_account(&self, name: &str) -> Result<(Connection, AccountConfig), AdminError> {
        let row = self.row(name).await?;
        let usable = usable(std::slice::from_ref(&row), &self.connections.given);
        let account = usable.into_iter().next().map(|(_, account)| account);
        let account = account.ok_or_else(|| {
            AdminError::Unfit(format!(
                "the configuration does not declare `{0}` any more; declare it again, or remove what is left of it \
                 (`cartlane connections remove {0}`)",
                row.name
            ))
        })?;
        Ok((row, account))
    }

    /// Builds what the connection would be, and makes one cheap call with it.
    pub(super) async fn try_out(
        &self,
        row: &Connection,
        account: &AccountConfig,
        secrets: Secrets,
        tries: Tries,
    ) -> Result<(), AdminError> {
        let known = Known {
            row: row.clone(),
            account: account.clone(),
            secrets,
        };
        let (directory, problems) = build::directory(vec![known], None, &self.connections.parts)?;
        problems.into_result(())?;
        let target = directory.target(row.id).map(Arc::clone);
        let (Tries::Probe, Some(target)) = (tries, target) else {
            return Ok(());
        };
        match Tried::of(target.line.probe().await) {
            Tried::Fails(why) => Err(AdminError::Unfit(format!(
                "nothing was changed, because the new one does not work: {why}"
            ))),
            Tried::Works | Tried::Untried => Ok(()),
        }
    }

    /// Lets what waits for a connection go on, where that works again.
    pub(super) async fn wake_connection(&self, id: ConnectionId) -> Result<(), Error> {
        let directory = self.directory();
        if let Some(target) = directory.target(id).filter(|target| target.is_paused()) {
            self.probe_now(target).await?;
        }
        Ok(())
    }
}

/// How far something new is tried before it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    Build,
    Probe,
}
