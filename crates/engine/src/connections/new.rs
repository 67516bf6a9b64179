//! A connection before it is there: whether it can be one, and what is stored of it.

use cartlane_model::{ConnectionId, UnixMs};
use cartlane_store::connections::{self, Connection, Declared, Origin};
use cartlane_store::{Error, Tx};

use super::manage::Tries;
use super::{ConnectionConfig, declare};
use crate::secrets::{Held, Secrets};
use crate::vault::Vault;
use crate::{AdminError, Handle};

/// A connection that is to be added, with what the vault will hold of it.
#[derive(Clone)]
pub(crate) struct New {
    pub declared: Declared,
    held: Held,
}

impl New {
    /// Adds it; `false` where there is one of its name.
    pub(crate) fn write(&self, tx: &mut dyn Tx, vault: &Vault) -> Result<bool, Error> {
        let is_added = connections::add(tx, &self.declared)?;
        if is_added {
            self.held.write(tx, vault, self.declared.id)?;
        }
        Ok(is_added)
    }
}

impl Handle {
    /// A connection that could be added among `all` that there will be.
    ///
    /// # Errors
    /// Where it is not what a connection can be.
    pub(crate) async fn prepare(
        &self,
        config: &ConnectionConfig,
        all: &[&ConnectionConfig],
        now: UnixMs,
    ) -> Result<New, AdminError> {
        let has_public_url = self.connections.parts.public_url.is_some();
        declare::check([config].into_iter(), all, has_public_url)?;
        let mut held = Held::default();
        for name in config.secrets.names() {
            if let Some(secret) = config.secrets.first(name) {
                held.put(name, secret, now, None);
            }
        }
        if config.account.is_source() {
            held.make_hook_key(now);
        }
        let declared = config.declared(Origin::Added, now);
        let row = row_for(config, declared.id);
        let secrets = held.clone().under(&Secrets::default());
        self.try_out(&row, &config.account, secrets, Tries::Build).await?;
        Ok(New { declared, held })
    }
}

/// The row that a connection would have.
fn row_for(config: &ConnectionConfig, id: ConnectionId) -> Connection {
    Connection {
        id,
        workspace_id: crate::MAIN_WORKSPACE,
        name: config.name.clone(),
        kind: config.account.kind().to_owned(),
        settings: serde_json::Value::Null,
        origin: Origin::Added,
        version: 1,
        last_checked_at: None,
        last_received_at: None,
        trouble: None,
    }
}
