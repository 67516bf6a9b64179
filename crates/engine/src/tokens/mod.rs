//! The tokens of a GHL connection that is authorized by OAuth: kept sealed, renewed before they expire, never twice.
//!
//! ```text
//! token ─► fresh enough: use it
//!      └─► claim (on disk) ─► refresh ─┬─ a pair: committed, then used
//!                                      ├─ not sent: the claim ends
//!                                      ├─ unclear: the claim lasts until it can no longer take effect, then again
//!                                      └─ refused: the connection says "reconnect" until a person authorizes anew
//! ```
//!
//! What always holds: of all tasks and nodes one at a time sends a connection's refresh token; a new pair is durable
//! before anything is sent with it; only a whole pair replaces a pair.

mod consent;
mod location;

use std::sync::Arc;
use std::time::Duration;

use cartlane_ghl::oauth::{self, Grant, UserType};
use cartlane_model::{Clock, ConnectionId, ExposeSecret, NodeId, SecretString, UnixMs};
use cartlane_outbound as outbound;
use cartlane_store::installs::Owner;
use cartlane_store::oauth::{self as rows, Pair as Row};
use cartlane_store::{Db, Error};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::vault::{OAUTH_TOKENS, Vault};
pub use consent::AuthorizeError;
pub(crate) use consent::{AUTHORIZATION_MS, new_state, state_hash};
pub(crate) use location::LocationTokens;

/// An access token is renewed this long before it expires, or in the last tenth of its life if that is shorter.
const MARGIN_MS: i64 = 5 * 60_000;
/// How long a caller waits while another node renews the pair.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A token that GHL refuses although its time is not up is renewed; not more often than this.
const RENEW_AGAIN_AFTER: Duration = Duration::from_mins(1);
/// How often a pair that came is written down before it counts as lost: the database may be away for a moment.
const WRITES: u32 = 120;

/// An access token.
#[derive(Clone)]
pub(crate) struct Token {
    pub secret: SecretString,
    pub version: i64,
}

/// Why there is no access token.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// It may come by itself.
    NotYet(String),
    /// A person has to authorize anew.
    Reconnect(String),
}

/// The tokens of one connection: a location's or an agency's.
pub(crate) struct Tokens {
    connection: ConnectionId,
    owner: Owner,
    app: App,
    place: Place,
    kept: Mutex<Kept>,
}

/// A marketplace app, where a person agrees and comes back, and what they agree to.
pub(crate) struct App {
    pub credentials: oauth::App,
    /// Where GHL's API is.
    pub base_url: Url,
    pub authorize_url: Url,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
}

/// Where tokens are kept and how they are got; the same for all connections.
#[derive(Clone)]
pub(crate) struct Place {
    pub db: Db,
    pub vault: Vault,
    pub node: NodeId,
    pub clock: Arc<dyn Clock>,
    pub http: outbound::Client,
    pub request_timeout_ms: i64,
    pub settle_ms: i64,
    #[cfg(feature = "break")]
    pub broken: Option<crate::Broken>,
}

#[derive(Default)]
struct Kept {
    live: Option<Live>,
    /// The version that GHL refuses, and when it was first refused.
    refused: Option<(i64, Instant)>,
}

#[derive(Clone)]
struct Live {
    token: Token,
    use_until: UnixMs,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    access_token: String,
    refresh_token: String,
}

/// What a look at the stored pair comes to.
enum Look {
    Fresh(Live),
    /// It is to be refreshed, by whoever claimed it: us.
    Claimed {
        refresh_token: SecretString,
        version: i64,
    },
    /// Somebody may be refreshing it.
    Busy,
    Gone(String),
}

impl Tokens {
    pub fn new(connection: ConnectionId, owner: Owner, app: App, place: Place) -> Self {
        Self {
            connection,
            owner,
            app,
            place,
            kept: Mutex::default(),
        }
    }

    /// An access token that lasts for a while yet.
    pub async fn token(self: &Arc<Self>) -> Result<Token, Unavailable> {
        let mut kept = self.kept.lock().await;
        let now = self.place.clock.now();
        if let Some(live) = kept.live.as_ref().filter(|live| live.use_until > now) {
            return Ok(live.token.clone());
        }
        let deadline = Instant::now() + PATIENCE;
        let refused = kept.refused.map(|(version, _)| version);
        let live = loop {
            match self.look(refused).await? {
                Look::Fresh(live) => break live,
                Look::Claimed {
                    refresh_token,
                    version,
                } => {
                    // A task of its own: whoever asked may go away, but the answer must not be lost.
                    let this = Arc::clone(self);
                    let refresh = tokio::spawn(async move { this.refresh(&refresh_token, version).await });
                    break refresh.await.map_err(not_yet)??;
                }
                Look::Busy if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                Look::Busy => return Err(not_yet("its token is being renewed")),
                Look::Gone(why) => return Err(Unavailable::Reconnect(why)),
            }
        };
        kept.live = Some(live.clone());
        Ok(live.token)
    }

    pub fn now(&self) -> UnixMs {
        self.place.clock.now()
    }

    /// Whose tokens they are.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The app that the tokens belong to: what stands before the first dash of its client id.
    pub fn app_id(&self) -> &str {
        self.app
            .credentials
            .client_id
            .split('-')
            .next()
            .unwrap_or_default()
    }

    /// GHL has refused the token of this version. Whether another one is got: not right after that was done.
    pub async fn refused(&self, version: i64) -> bool {
        let mut kept = self.kept.lock().await;
        let now = self.place.clock.now();
        let is_present = |live: &Live| live.token.version == version && live.use_until > now;
        if !kept.live.as_ref().is_some_and(is_present) {
            return true; // it was renewed meanwhile, or its time was over while the call was on its way
        }
        if let Some((last, at)) = kept.refused
            && at.elapsed() < RENEW_AGAIN_AFTER
        {
            return last == version;
        }
        kept.refused = Some((version, Instant::now()));
        kept.live = kept.live.take().filter(|live| live.token.version != version);
        true
    }

    /// Looks at the stored pair; where it is to be renewed, claims that. `refused` is a version that is not to be used.
    async fn look(&self, refused: Option<i64>) -> Result<Look, Unavailable> {
        let (connection, node) = (self.connection, self.place.node);
        let lasts_ms = self.place.request_timeout_ms + self.place.settle_ms;
        let now = self.place.clock.now();
        let is_fresh = move |row: &Row| use_until(row) > now && refused != Some(row.version);
        #[cfg(feature = "break")]
        let needs_claim = self.place.broken != Some(crate::Broken::NoClaim);
        #[cfg(not(feature = "break"))]
        let needs_claim = true;
        let looked = self.place.db.write(move |tx| {
            let Some(row) = rows::get(tx, connection)? else {
                return Ok((None, false));
            };
            let claimed = row.dead_because.is_none()
                && !is_fresh(&row)
                && (!needs_claim || rows::claim(tx, connection, row.version, node, lasts_ms)?);
            Ok::<_, Error>((Some(row), claimed))
        });
        let (row, is_claimed) = looked.await.map_err(not_yet)?;
        let Some(row) = row else {
            return Ok(Look::Gone("nobody has agreed yet".into()));
        };
        if is_fresh(&row) && row.dead_because.is_none() {
            return Ok(Look::Fresh(self.live(&row)?));
        }
        if let Some(why) = row.dead_because {
            return Ok(Look::Gone(why));
        }
        if !is_claimed {
            return Ok(Look::Busy);
        }
        let refresh_token = SecretString::from(self.open(&row)?.refresh_token);
        Ok(Look::Claimed {
            refresh_token,
            version: row.version,
        })
    }

    fn open(&self, row: &Row) -> Result<Sealed, Unavailable> {
        let opened = self
            .place
            .vault
            .open(OAUTH_TOKENS, &self.connection.to_string(), &row.sealed);
        let plain = opened.map_err(|error| Unavailable::Reconnect(error.to_string()))?;
        serde_json::from_slice(&plain).map_err(|error| Unavailable::Reconnect(error.to_string()))
    }

    fn live(&self, row: &Row) -> Result<Live, Unavailable> {
        Ok(Live {
            token: Token {
                secret: SecretString::from(self.open(row)?.access_token),
                version: row.version,
            },
            use_until: use_until(row),
        })
    }

    /// The pair as it is stored; its life counts from when it was asked for.
    fn row(&self, pair: &oauth::Pair, version: i64, asked_at: UnixMs) -> Row {
        let sealed = Sealed {
            access_token: pair.access_token.expose_secret().to_owned(),
            refresh_token: pair.refresh_token.expose_secret().to_owned(),
        };
        let plain = serde_json::to_vec(&sealed).unwrap_or_default();
        Row {
            sealed: self
                .place
                .vault
                .seal(OAUTH_TOKENS, &self.connection.to_string(), &plain),
            issued_at: asked_at,
            expires_at: asked_at.plus_ms(pair.lasts_ms),
            version,
            scopes: pair.scopes.clone(),
            dead_because: None,
        }
    }

    /// Sends the refresh token, which this node has claimed, and commits what comes.
    async fn refresh(&self, refresh_token: &SecretString, version: i64) -> Result<Live, Unavailable> {
        let (connection, node) = (self.connection, self.place.node);
        let grant = Grant::Refresh(refresh_token);
        let asked_at = self.place.clock.now();
        let asked = self.ask(grant).await;
        let (why, free_in_ms) = match asked {
            Ok(pair) => return self.commit(self.row(&pair, version + 1, asked_at)).await,
            Err(oauth::Error::Refused(why)) => {
                tracing::error!(%connection, why, "GHL refuses the refresh token; a person has to authorize anew");
                let because = why.clone();
                let given_up = self
                    .place
                    .db
                    .write(move |tx| rows::give_up(tx, connection, version, &because));
                given_up.await.map_err(not_yet)?;
                return Err(Unavailable::Reconnect(why));
            }
            Err(oauth::Error::NotYet(why)) => (why, 0),
            Err(oauth::Error::Unclear(why)) => (why, self.place.settle_ms),
        };
        tracing::warn!(%connection, why, "the token was not renewed; it is tried again");
        let unclaimed = self
            .place
            .db
            .write(move |tx| rows::unclaim(tx, connection, version, node, free_in_ms));
        unclaimed.await.map_err(not_yet)?;
        Err(not_yet(format!("its token could not be renewed: {why}")))
    }

    async fn ask(&self, grant: Grant<'_>) -> Result<oauth::Pair, oauth::Error> {
        let user_type = match self.owner {
            Owner::Location(_) => UserType::Location,
            Owner::Company(_) => UserType::Company,
        };
        oauth::pair(
            &self.place.http,
            &self.app.base_url,
            &self.app.credentials,
            user_type,
            grant,
        )
        .await
    }

    async fn commit(&self, row: Row) -> Result<Live, Unavailable> {
        let connection = self.connection;
        for attempt in 1.. {
            let pair = row.clone();
            match self
                .place
                .db
                .write(move |tx| rows::renew(tx, connection, &pair))
                .await
            {
                Ok(true) => break,
                // A person has authorized anew meanwhile: that pair counts.
                Ok(false) => return Err(not_yet("it was authorized anew meanwhile")),
                Err(error) if attempt == WRITES => return Err(not_yet(error)),
                Err(error) => {
                    tracing::error!(%connection, %error, "a new pair of tokens is not stored yet; trying again");
                    sleep(Duration::from_millis(500)).await;
                }
            }
        }
        self.live(&row)
    }
}

fn use_until(row: &Row) -> UnixMs {
    let life_ms = row.expires_at.since_ms(row.issued_at);
    row.expires_at.plus_ms(-MARGIN_MS.min(life_ms / 10))
}

fn not_yet(why: impl std::fmt::Display) -> Unavailable {
    Unavailable::NotYet(why.to_string())
}
