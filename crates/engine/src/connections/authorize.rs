//! A person agrees that a connection may work in an account; a connection is tried.

use std::sync::Arc;

use cartlane_store::installs::Install;
use cartlane_store::oauth;
use serde_json::json;

use super::shop::ShopApp;
use crate::directory::Target;
use crate::exchange::{Came, Exchange};
use crate::options::MAIN_WORKSPACE;
use crate::tokens::{AuthorizeError, state_hash};
use crate::{AdminError, CallError, Handle, PageStream};

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

impl Tried {
    pub(super) fn of(exchange: Option<Exchange>) -> Self {
        let Some(exchange) = exchange else {
            return Self::Untried;
        };
        match exchange.outcome {
            Came::Rejected(refusal) if refusal.is_trouble() || refusal.is_missing_scope() => {
                Self::Fails(refusal.advice())
            }
            // any other refusal shows that the token is good
            Came::Success(_) | Came::Rejected(_) => Self::Works,
            Came::NotSent(why) | Came::Unclear(why) => Self::Fails(why),
        }
    }
}

impl Handle {
    fn target(&self, name: &str) -> Option<Arc<Target>> {
        let directory = self.directory();
        let (_, entry) = directory.find(name)?;
        entry.target.clone()
    }

    /// Begins an authorization: the address that a person opens within ten minutes.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub async fn reauthorize(&self, name: &str) -> Result<String, AuthorizeError> {
        let directory = self.directory();
        let found = directory.find(name);
        if let Some((id, entry)) = found
            && let Some(shop) = ShopApp::of(entry, &self.connections.parts)?
        {
            return self.authorize_shop(id, &shop).await;
        }
        let target = found.and_then(|(_, entry)| entry.target.as_ref());
        let tokens = target.and_then(|target| target.line.tokens());
        let tokens = tokens.ok_or_else(|| {
            AuthorizeError::Unknown(format!(
                "there is no connection `{name}` with a client_id and its client secret; `cartlane connections list` lists \
                 what there is, and `cartlane connections rotate {name} token` changes a private integration token"
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
        let directory = self.directory();
        let entry = id.and_then(|id| Some((id, directory.entry(id)?)));
        let Some((id, entry)) = entry else {
            return Err(AuthorizeError::Unknown(
                "nobody has begun this authorization, or its ten minutes are over; begin again with `cartlane connections \
                 reauthorize NAME`"
                    .into(),
            ));
        };
        let target = entry.target.as_ref();
        if let Some(shop) = ShopApp::of(entry, &self.connections.parts)? {
            self.shop_authorized(id, &shop, code).await?;
        } else if let Some(tokens) = target.and_then(|target| target.line.tokens()) {
            tokens.authorized(code).await?;
            let installed = Install {
                workspace_id: MAIN_WORKSPACE,
                connection_id: id,
                app_id: tokens.app_id().to_owned(),
                owner: tokens.owner().clone(),
                is_installed: true,
                changed_at: self.now(),
            };
            self.record_install(installed).await?;
            self.wake_connection(id).await?;
        }
        tracing::info!(connection = entry.name, "authorized");
        Ok(entry.name.clone())
    }

    /// The locations in which the app of an agency's connection is installed, or may be.
    ///
    /// # Errors
    /// Where there is no such connection with an app, or GHL refuses.
    pub async fn installed_locations(&self, name: &str) -> Result<PageStream, CallError> {
        let target = self.target(name);
        let tokens = target.as_ref().and_then(|target| target.line.tokens());
        let app_id =
            tokens
                .map(|tokens| tokens.app_id().to_owned())
                .ok_or_else(|| CallError::NoConnection {
                    name: name.into(),
                    known: "only an agency's connection with a client_id lists its locations".into(),
                })?;
        let inputs = json!({"appId": app_id});
        self.executor()
            .pages(name, "ghl.oauth.installed_locations", &inputs)
            .await
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
        Ok(Tried::of(target.line.probe().await))
    }
}
