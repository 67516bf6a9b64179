//! A person agrees that a shop's connection may use `ThriveCart`'s API. The token does not expire, so that it is held like
//! any other secret: as the connection's API key.

use cartlane_model::{ConnectionId, Problems};
use cartlane_store::{connections, oauth as states};
use cartlane_thrivecart::rest::oauth::{self, App};
use url::Url;

use super::build::{Parts, address};
use crate::accounts::{AccountConfig, ThriveCartConfig};
use crate::directory::Entry;
use crate::secrets::{Held, SecretName};
use crate::tokens::{AUTHORIZATION_MS, AuthorizeError, new_state, state_hash};
use crate::{AdminError, Handle};

/// A shop's app.
pub(super) struct ShopApp {
    app: App,
    http: cartlane_outbound::Client,
    base_url: Url,
    redirect_uri: String,
    account: Option<String>,
}

impl ShopApp {
    /// The app of a connection; `None` where it has none, or lacks its client secret.
    pub fn of(entry: &Entry, parts: &Parts) -> Result<Option<Self>, Problems> {
        let AccountConfig::ThriveCart(ThriveCartConfig {
            client_id: Some(client_id),
            base_url,
            account,
            allow_private_networks,
            ..
        }) = &entry.account
        else {
            return Ok(None);
        };
        let Some(client_secret) = entry.secrets.first(SecretName::ClientSecret) else {
            return Ok(None);
        };
        let http = parts.client(*allow_private_networks);
        Ok(Some(Self {
            app: App {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
            },
            http: http.map_err(|why| Problems::one("base_url", why))?,
            base_url: address(&entry.name, "base_url", base_url)?,
            redirect_uri: parts.callback("thrivecart"),
            account: account.clone(),
        }))
    }
}

impl Handle {
    /// Begins an authorization: the address that a person opens.
    pub(super) async fn authorize_shop(
        &self,
        id: ConnectionId,
        shop: &ShopApp,
    ) -> Result<String, AuthorizeError> {
        let state = new_state();
        let hash = state_hash(&state);
        self.db
            .write(move |tx| states::begin(tx, &hash, id, AUTHORIZATION_MS))
            .await?;
        let open = oauth::authorize_url(&shop.base_url, &shop.app.client_id, &shop.redirect_uri, &state);
        Ok(open.into())
    }

    /// Ends an authorization with the code that a person came back with.
    pub(super) async fn shop_authorized(
        &self,
        id: ConnectionId,
        shop: &ShopApp,
        code: &str,
    ) -> Result<(), AuthorizeError> {
        let token = oauth::token(&shop.http, &shop.base_url, &shop.app, code, &shop.redirect_uri).await?;
        let owner = oauth::me(&shop.http, &shop.base_url, &token.access_token).await?;
        if let Some(wanted) = shop
            .account
            .as_ref()
            .filter(|wanted| **wanted != owner.account_name)
        {
            return Err(AuthorizeError::OtherAccount {
                chosen: format!("account {}", owner.account_name),
                wanted: format!("account {wanted}"),
            });
        }
        let (vault, now) = (self.vault.clone(), self.now());
        self.db
            .write(move |tx| {
                connections::touch(tx, id)?;
                let mut held = Held::read(tx, &vault, id)?.unwrap_or_default();
                held.put(SecretName::ApiKey, &token.access_token, now, None);
                held.write(tx, &vault, id)
            })
            .await?;
        self.refresh_connections().await?;
        Ok(self.wake_connection(id).await?)
    }

    /// Ends a shop's token at `ThriveCart`, where it came by OAuth.
    pub(super) async fn revoke_shop_token(&self, entry: &Entry) -> Result<(), AdminError> {
        let shop = ShopApp::of(entry, &self.connections.parts)?;
        if let (Some(shop), Some(token)) = (shop, entry.secrets.first(SecretName::ApiKey))
            && let Err(error) = oauth::revoke(&shop.http, &shop.base_url, token).await
        {
            tracing::warn!(connection = entry.name, %error, "its token was not revoked; revoke it in ThriveCart");
        }
        Ok(())
    }
}

impl From<Problems> for AuthorizeError {
    fn from(problems: Problems) -> Self {
        Self::Unknown(problems.to_string())
    }
}
