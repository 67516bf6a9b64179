//! Keeps connections in step with the vendor's app: its web hooks INSTALL and UNINSTALL come in any order, and late.
//!
//! Every word is written down with its time ([`cartlane_store::installs`], in the transaction of its event); the newest
//! counts. What it means for a connection is settled from that state, once a second and whenever a word comes in, so
//! that neither a crash nor another server can miss it. A connection whose app was removed is paused until the app is
//! installed again or somebody connects it anew ([`Handle::record_install`]): only a person can do either.

use cartlane_store::Error;
use cartlane_store::installs::{self, Install, Owner};

use crate::directory::Target;
use crate::tokens::Tokens;
use crate::{Handle, Shared};

/// The trouble of a connection whose app was removed.
pub const UNINSTALLED: &str = "ghl.uninstalled";
const WHY: &str = "the app was uninstalled in GoHighLevel, so its tokens are void; install it again or reconnect this \
                   connection, and everything that waits goes on";

impl Handle {
    /// Notes that an app was installed or removed, because somebody has authorized it, and settles what that means. An older
    /// word than the one that is known changes nothing.
    pub(crate) async fn record_install(&self, install: Install) -> Result<(), Error> {
        self.db.write(move |tx| installs::record(tx, &install)).await?;
        self.settle_installs().await
    }
}

impl Shared {
    /// Pauses and resumes connections by what is known of the app.
    pub(crate) async fn settle_installs(&self) -> Result<(), Error> {
        let words = self.db.read(|tx| installs::list(tx)).await?;
        for target in self.directory().targets() {
            // A private integration token outlives any app.
            let Some(tokens) = target.line.app_tokens() else {
                continue;
            };
            let trouble = target.trouble();
            match is_installed(&words, tokens, target) {
                Some(false) if trouble.is_none() => self.pause(target, UNINSTALLED, WHY).await,
                Some(true) if trouble.is_some_and(|trouble| trouble.code == UNINSTALLED) => {
                    self.resume(target).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the words say of a connection with the tokens of this app: the newest about its location, or about its agency.
/// `None` where nothing is said.
fn is_installed(words: &[Install], tokens: &Tokens, target: &Target) -> Option<bool> {
    let place = target.line.place();
    let concerns = |word: &&Install| match &word.owner {
        _ if word.app_id != tokens.app_id() => false,
        Owner::Location(id) => id == place.location_id,
        owner @ Owner::Company(id) => {
            word.connection_id == target.id || tokens.owner() == owner || place.company_id == Some(id)
        }
    };
    let newest = words.iter().filter(concerns).max_by_key(|word| word.changed_at);
    newest.map(|word| word.is_installed)
}
