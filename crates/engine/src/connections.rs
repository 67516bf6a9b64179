//! What a person does with a connection: authorize it, try it.

use cartlane_store::installs::{Install, Owner};
use cartlane_store::oauth;

use crate::directory::Target;
use crate::exchange::Came;
use crate::options::MAIN_WORKSPACE;
use crate::tokens::{AuthorizeError, state_hash};
use crate::{AdminError, Handle};

/// What a try of a connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The other side answers, and lets this connection in.
    Works,
    /// Nothing can be tried without doing something.
    Untried,
    /// It does not, and why.
    Fails(String),
}

impl Handle {
    fn target(&self, name: &str) -> Option<&Target> {
        let mut targets = self.directory.targets().map(AsRef::as_ref);
        targets.find(|target| target.name == name)
    }

    /// Begins an authorization: the address that a person opens within ten minutes.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub async fn reauthorize(&self, name: &str) -> Result<String, AuthorizeError> {
        let tokens = self.target(name).and_then(|target| target.line.tokens());
        let tokens = tokens.ok_or_else(|| {
            AuthorizeError::Unknown(format!(
                "there is no connection `{name}` with a client_id; `cartlane connections list` lists what there is, and a \
                 private integration token is changed in the configuration"
            ))
        })?;
        Ok(tokens.authorize().await?.into())
    }

    /// Ends an authorization by what a person came back with. The connection's name.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub async fn authorized(&self, state: &str, code: &str) -> Result<String, AuthorizeError> {
        let hash = state_hash(state);
        let id = self.db.write(move |tx| oauth::end(tx, &hash)).await?;
        let mut targets = self.directory.targets();
        let target = id.and_then(|id| targets.find(|target| target.id == id));
        let found = target.and_then(|target| Some((target, target.line.tokens()?)));
        let (target, tokens) = found.ok_or_else(|| {
            AuthorizeError::Unknown(
                "nobody has begun this authorization, or its ten minutes are over; begin again with `cartlane connections \
                 reauthorize NAME`"
                    .into(),
            )
        })?;
        tokens.authorized(code).await?;
        let installed = Install {
            workspace_id: MAIN_WORKSPACE,
            connection_id: target.id,
            app_id: tokens.app_id().to_owned(),
            owner: Owner::Location(target.line.location_id().to_owned()),
            is_installed: true,
            changed_at: self.now(),
        };
        self.record_install(installed).await?;
        tracing::info!(connection = target.name, "authorized");
        Ok(target.name.clone())
    }

    /// Tries a connection with one cheap call that changes nothing.
    ///
    /// # Errors
    /// Where there is no such connection that calls go to.
    pub async fn try_connection(&self, name: &str) -> Result<Tried, AdminError> {
        let target = self.target(name).ok_or_else(|| AdminError::Unknown {
            noun: "connection that calls go to, called",
            id: name.to_owned(),
            list: "connections list",
        })?;
        let Some(exchange) = target.line.probe().await else {
            return Ok(Tried::Untried);
        };
        Ok(match exchange.outcome {
            Came::Rejected(refusal) if refusal.is_trouble() || refusal.is_missing_scope() => {
                Tried::Fails(refusal.advice())
            }
            // any other refusal shows that the token is good
            Came::Success(_) | Came::Rejected(_) => Tried::Works,
            Came::NotSent(why) | Came::Unclear(why) => Tried::Fails(why),
        })
    }
}
