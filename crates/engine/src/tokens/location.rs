//! The token of a location that its agency's app makes: asked for with the agency's token, kept in memory, asked for again
//! before it expires. Asking uses nothing up, so that every node may.

use std::sync::Arc;

use cartlane_ghl::oauth;
use cartlane_model::UnixMs;
use cartlane_store::installs::Owner;
use tokio::sync::Mutex;

use super::{MARGIN_MS, Token, Tokens, Unavailable, not_yet};

/// The tokens of a location.
pub(crate) struct LocationTokens {
    agency: Arc<Tokens>,
    location_id: String,
    kept: Mutex<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    token: Token,
    use_until: UnixMs,
}

impl LocationTokens {
    pub fn new(agency: Arc<Tokens>, location_id: String) -> Self {
        Self {
            agency,
            location_id,
            kept: Mutex::default(),
        }
    }

    /// The agency's tokens, which these are made with.
    pub fn agency(&self) -> &Arc<Tokens> {
        &self.agency
    }

    /// A token that lasts for a while yet.
    pub async fn token(&self) -> Result<Token, Unavailable> {
        let mut kept = self.kept.lock().await;
        let now = self.agency.now();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.use_until > now) {
            return Ok(kept.token.clone());
        }
        let version = kept.take().map_or(0, |kept| kept.token.version + 1);
        let fresh = self.ask(version).await?;
        *kept = Some(fresh.clone());
        Ok(fresh.token)
    }

    async fn ask(&self, version: i64) -> Result<Kept, Unavailable> {
        let Owner::Company(company_id) = self.agency.owner() else {
            return Err(Unavailable::Reconnect(
                "the connection that it names is of no agency".into(),
            ));
        };
        let agency = self.agency.token().await?;
        let (http, base_url) = (&self.agency.place.http, &self.agency.app.base_url);
        let place = (company_id.as_str(), self.location_id.as_str());
        let asked = oauth::location_token(http, base_url, &agency.secret, place).await;
        let token = asked.map_err(|error| not_yet(format!("its agency got no token for it: {error}")))?;
        let Some(token) = token else {
            self.agency.refused(agency.version).await;
            return Err(not_yet("GHL does not take its agency's token"));
        };
        let lasts_ms = token.lasts_ms - MARGIN_MS.min(token.lasts_ms / 10);
        Ok(Kept {
            token: Token {
                secret: token.access_token,
                version,
            },
            use_until: self.agency.now().plus_ms(lasts_ms),
        })
    }

    /// GHL has refused the token of this version before its time: another one is asked for.
    pub async fn refused(&self, version: i64) {
        let mut kept = self.kept.lock().await;
        kept.take_if(|kept| kept.token.version == version);
    }
}
