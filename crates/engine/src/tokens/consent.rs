//! A person's consent: the address that they open, and the pair of tokens that the code is for with which they come back.

use cartlane_ghl::oauth::{self, Grant};
use cartlane_store::Error;
use cartlane_store::installs::Owner;
use cartlane_store::oauth as rows;
use rand::RngExt;
use sha2::{Digest, Sha256};
use url::Url;

use super::{Kept, Tokens};

/// How long a person has to agree.
pub(crate) const AUTHORIZATION_MS: i64 = 10 * 60_000;
/// Why an authorization came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// The connection's name, or what came back, belongs to none that is authorized by OAuth.
    #[error("{0}")]
    Unknown(String),
    /// The other side gave no tokens.
    #[error("no token was given: {0}; begin again with `cartlane connections reauthorize NAME`")]
    Refused(#[from] oauth::Error),
    /// A person chose another location or agency than the connection's.
    #[error("this is {chosen}, but the connection is of {wanted}; authorize again and choose that one")]
    OtherAccount {
        /// What they chose.
        chosen: String,
        /// What the connection was declared to be of.
        wanted: String,
    },
    /// The store did not answer.
    #[error("the database did not answer: {0}")]
    Store(#[from] Error),
}

impl Tokens {
    /// Begins an authorization: the address that a person opens within ten minutes.
    pub async fn authorize(&self) -> Result<Url, Error> {
        let state = new_state();
        let (hash, connection) = (state_hash(&state), self.connection);
        let begun = self
            .place
            .db
            .write(move |tx| rows::begin(tx, &hash, connection, AUTHORIZATION_MS));
        begun.await?;
        Ok(oauth::authorize_url(
            &self.app.authorize_url,
            &self.app.credentials.client_id,
            &self.app.redirect_uri,
            &self.app.scopes,
            &state,
        ))
    }

    /// Ends an authorization of this connection with the code that a person came back with.
    pub async fn authorized(&self, code: &str) -> Result<(), AuthorizeError> {
        let grant = Grant::Code {
            code,
            redirect_uri: &self.app.redirect_uri,
        };
        let asked_at = self.place.clock.now();
        let pair = self.ask(grant).await?;
        let location = pair.location_id.clone().map(Owner::Location);
        let chosen = location.or_else(|| pair.company_id.clone().map(Owner::Company));
        if chosen.as_ref() != Some(&self.owner) {
            return Err(AuthorizeError::OtherAccount {
                chosen: chosen.map_or("nobody".into(), |chosen| name_of(&chosen)),
                wanted: name_of(&self.owner),
            });
        }
        let (connection, row) = (self.connection, self.row(&pair, 0, asked_at));
        self.place
            .db
            .write(move |tx| rows::put(tx, connection, &row))
            .await?;
        *self.kept.lock().await = Kept::default();
        Ok(())
    }
}

fn name_of(owner: &Owner) -> String {
    match owner {
        Owner::Location(id) => format!("location {id}"),
        Owner::Company(id) => format!("agency {id}"),
    }
}

/// 32 letters and digits, about 190 bits.
pub(crate) fn new_state() -> String {
    let mut rng = rand::rng();
    (0..32)
        .map(|_| char::from(rng.sample(rand::distr::Alphanumeric)))
        .collect()
}

/// The key under which a `state` is stored: who reads the database cannot come back with it.
pub(crate) fn state_hash(state: &str) -> String {
    hex::encode(Sha256::digest(state.as_bytes()))
}
