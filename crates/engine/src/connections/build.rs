//! From a declaration and its secrets to what is worked with: the source that events come by, the line that calls go out
//! by.

use std::collections::HashMap;
use std::sync::Arc;

use cartlane_ghl::hooks::Keys;
use cartlane_ghl::{files::Files, oauth};
use cartlane_model::{Clock, ConnectionId, NodeId, Problems};
use cartlane_notify::{Http, Mail, Slack};
use cartlane_store::Db;
use cartlane_store::connections::Connection;
use cartlane_store::installs::Owner;
use cartlane_thrivecart::rest;
use url::Url;

use crate::accounts::{AccountConfig, GhlConfig, ThriveCartConfig};
use crate::directory::{Directory, Entry, Target};
use crate::secrets::{SecretName, Secrets};
use crate::source::{self, Noted, Source};
use crate::systems::{Credential, GhlLine, Kind, Line};
use crate::tokens::{App, LocationTokens, Place, Tokens};
use crate::vault::Vault;

/// What connections are built with.
pub(crate) struct Parts {
    pub db: Db,
    pub vault: Vault,
    pub node: NodeId,
    pub clock: Arc<dyn Clock>,
    pub request_timeout_ms: i64,
    pub settle_ms: i64,
    /// Where GHL's answers that are files are kept.
    pub files: Files,
    /// The address at which the world reaches this server.
    pub public_url: Option<String>,
    #[cfg(feature = "break")]
    pub broken: Option<crate::Broken>,
}

/// A connection with everything that is known of it.
pub(crate) struct Known {
    pub row: Connection,
    pub account: AccountConfig,
    pub secrets: Secrets,
}

/// A directory of all that is known. What cannot be built waits; its faults stand beside.
pub(super) fn directory(
    known: Vec<Known>,
    former: Option<&Directory>,
    parts: &Parts,
) -> Result<(Directory, Problems), Problems> {
    let mut problems = Problems::default();
    let client = parts.client(false);
    let client = client.map_err(|why| Problems::one("http.request", why))?;
    let mut directory = Directory::new(Http::new(client, Arc::clone(&parts.clock)));
    let builder = Builder {
        agencies: agencies(&known, parts),
        targets: targets(&known),
        former,
        parts,
    };
    for known in known {
        let id = known.row.id;
        let (entry, faults) = builder.entry(known);
        problems.0.extend(faults.0);
        directory.add(id, entry);
    }
    Ok((directory, problems))
}

/// The tokens of agencies, by their connections' names.
fn agencies(known: &[Known], parts: &Parts) -> HashMap<String, Arc<Tokens>> {
    let tokens = known.iter().filter_map(|known| {
        let AccountConfig::Ghl(ghl) = &known.account else {
            return None;
        };
        let tokens = parts.tokens(known, ghl).ok()??;
        Some((known.row.name.clone(), tokens))
    });
    tokens.collect()
}

/// The locations that shops may go to, by name.
fn targets(known: &[Known]) -> HashMap<String, ConnectionId> {
    let is_location =
        |known: &&Known| matches!(&known.account, AccountConfig::Ghl(ghl) if ghl.location_id.is_some());
    let locations = known.iter().filter(is_location);
    locations
        .map(|known| (known.row.name.clone(), known.row.id))
        .collect()
}

struct Builder<'a> {
    agencies: HashMap<String, Arc<Tokens>>,
    targets: HashMap<String, ConnectionId>,
    former: Option<&'a Directory>,
    parts: &'a Parts,
}

impl Builder<'_> {
    fn entry(&self, known: Known) -> (Entry, Problems) {
        let mut problems = Problems::default();
        let source = self.source(&known).unwrap_or_else(|faults| {
            problems = faults;
            None
        });
        let line = self.line(&known).unwrap_or_else(|faults| {
            let why = faults.to_string();
            problems.0.extend(faults.0);
            Some(self.parts.missing(&known, why))
        });
        let Known {
            row,
            account,
            secrets,
        } = known;
        let former = self.former.and_then(|former| former.target(row.id));
        let target = line.map(|line| {
            let target = Target::new(row.id, row.name.clone(), line, row.trouble);
            if let Some(former) = former {
                target.succeed(former);
            }
            Arc::new(target)
        });
        let entry = Entry {
            version: row.version,
            name: row.name,
            account,
            secrets,
            source: source.map(Arc::new),
            target,
        };
        (entry, problems)
    }

    fn source(&self, known: &Known) -> Result<Option<Source>, Problems> {
        let row = &known.row;
        let (account, sync_test_mode, target) = match &known.account {
            AccountConfig::ThriveCart(shop) => {
                let account = source::Account::ThriveCart {
                    account: shop.account.clone(),
                    secrets: known.secrets.all(SecretName::Secret).to_vec(),
                };
                (account, shop.sync_test_mode, self.target_of(shop))
            }
            AccountConfig::Ghl(ghl) => {
                let account = source::Account::Ghl {
                    keys: keys(&row.name, ghl)?,
                    location_id: ghl.location_id.clone(),
                    accept_unsigned: ghl.accept_unsigned,
                    window_ms: i64::from(ghl.webhook_window_minutes) * 60_000,
                };
                (account, ghl.sync_test_mode, Some(row.id))
            }
            _ => return Ok(None),
        };
        let former = self.former.and_then(|former| former.source(row.id));
        Ok(Some(Source {
            id: row.id,
            workspace_id: row.workspace_id,
            name: row.name.clone(),
            account,
            hook_keys: known.secrets.all(SecretName::HookKey).to_vec(),
            sync_test_mode,
            target,
            settings: row.settings.clone(),
            noted: former.map_or_else(|| Arc::new(Noted::default()), |former| Arc::clone(&former.noted)),
        }))
    }

    /// The location of a shop: the one that it names, or the only one.
    fn target_of(&self, shop: &ThriveCartConfig) -> Option<ConnectionId> {
        match &shop.target {
            Some(name) => self.targets.get(name).copied(),
            None if self.targets.len() == 1 => self.targets.values().next().copied(),
            None => None,
        }
    }

    /// How calls go out; `None` for a shop whose API nobody uses.
    fn line(&self, known: &Known) -> Result<Option<Line>, Problems> {
        let parts = self.parts;
        match Parts::lacking(known) {
            Lacks::Nothing => {}
            Lacks::Use => return Ok(None),
            Lacks::Need(why) => return Ok(Some(parts.missing(known, why))),
        }
        let fault =
            |key: &str, why: String| Problems::one(format!("connections.{}.{key}", known.row.name), why);
        let client = |allow| parts.client(allow).map_err(|why| fault("base_url", why));
        let clock = || Arc::clone(&parts.clock);
        let secret = |name| known.secrets.first(name).cloned();
        Ok(Some(match &known.account {
            AccountConfig::Ghl(ghl) => self.ghl_line(known, ghl)?,
            AccountConfig::ThriveCart(shop) => Line::ThriveCart {
                base_url: address(&known.row.name, "base_url", &shop.base_url)?,
                key: secret(SecretName::ApiKey).unwrap_or_default(),
                client: rest::Client::new(client(shop.allow_private_networks)?, clock()),
            },
            AccountConfig::Slack(slack) => {
                let url = secret(SecretName::Url).unwrap_or_default();
                Line::Slack(Slack::new(client(slack.allow_private_networks)?, clock(), url))
            }
            AccountConfig::Http(http) => Line::Http(Http::new(client(http.allow_private_networks)?, clock())),
            AccountConfig::Smtp(smtp) => {
                let server = smtp.server(secret(SecretName::Password));
                let mail = Mail::new(server, parts.request_timeout_ms.unsigned_abs(), clock());
                Line::Mail(mail.map_err(|error| fault("host", error.to_string()))?)
            }
        }))
    }

    fn ghl_line(&self, known: &Known, ghl: &GhlConfig) -> Result<Line, Problems> {
        let parts = self.parts;
        let fault =
            |key: &str, why: String| Problems::one(format!("connections.{}.{key}", known.row.name), why);
        let credential = match (&ghl.agency, &ghl.location_id) {
            (Some(agency), Some(location_id)) => {
                let Some(tokens) = self.agencies.get(agency) else {
                    let why = format!(
                        "its agency `{agency}` has no app that makes tokens; give that connection a client_id"
                    );
                    return Ok(parts.missing(known, why));
                };
                let tokens = LocationTokens::new(Arc::clone(tokens), location_id.clone());
                Credential::OfAgency(Arc::new(tokens))
            }
            _ => match parts.tokens(known, ghl)? {
                Some(tokens) => Credential::OAuth(tokens),
                None => Credential::Token(known.secrets.all(SecretName::Token).to_vec()),
            },
        };
        let client = parts.client(ghl.allow_private_networks);
        let client = client.map_err(|why| fault("base_url", why))?;
        let clock = || Arc::clone(&parts.clock);
        Ok(Line::Ghl(GhlLine {
            client: cartlane_ghl::Client::new(client, clock()).with_files(parts.files.clone()),
            base_url: address(&known.row.name, "base_url", &ghl.base_url)?,
            location_id: ghl.location_id.clone(),
            company_id: ghl.company_id.clone(),
            credential,
            clock: clock(),
        }))
    }
}

/// What a connection lacks for calls.
enum Lacks {
    Nothing,
    /// Nobody makes calls with it.
    Use,
    /// Something that it cannot do without; what to do.
    Need(String),
}

impl Parts {
    pub fn client(&self, allow_private_networks: bool) -> Result<cartlane_outbound::Client, String> {
        let options = cartlane_outbound::Options {
            request_timeout_ms: self.request_timeout_ms.unsigned_abs(),
            allow_private_networks,
            ..cartlane_outbound::Options::default()
        };
        cartlane_outbound::Client::new(&options).map_err(|error| error.to_string())
    }

    /// What a connection lacks for calls.
    fn lacking(known: &Known) -> Lacks {
        let name = &known.row.name;
        if let AccountConfig::ThriveCart(shop) = &known.account
            && !known.secrets.has(SecretName::ApiKey)
        {
            // Web hooks come in without it; only calls need one.
            if shop.client_id.is_none() {
                return Lacks::Use;
            }
            return Lacks::Need(format!(
                "nobody has agreed yet that it may use ThriveCart's API; `cartlane connections reauthorize {name}` prints \
                 where"
            ));
        }
        let mut needed = known.account.needed_secrets().iter();
        let missing = needed.find(|needed| **needed != SecretName::Secret && !known.secrets.has(**needed));
        missing.map_or(Lacks::Nothing, |missing| {
            Lacks::Need(format!(
                "its {missing} is missing ({}); give it with `cartlane connections rotate {name} {missing}`",
                missing.whence()
            ))
        })
    }

    fn missing(&self, known: &Known, why: String) -> Line {
        let kind = match known.account {
            AccountConfig::ThriveCart(_) => Kind::ThriveCart,
            AccountConfig::Ghl(_) => Kind::Ghl,
            AccountConfig::Slack(_) => Kind::Slack,
            AccountConfig::Smtp(_) => Kind::Smtp,
            AccountConfig::Http(_) => Kind::Http,
        };
        Line::Missing {
            kind,
            why,
            clock: Arc::clone(&self.clock),
        }
    }

    /// The tokens that the connection's own app gets; `None` where it has none.
    fn tokens(&self, known: &Known, ghl: &GhlConfig) -> Result<Option<Arc<Tokens>>, Problems> {
        let location = ghl.location_id.clone().map(Owner::Location);
        let owner = location.or_else(|| ghl.company_id.clone().map(Owner::Company));
        let secret = known.secrets.first(SecretName::ClientSecret);
        let (Some(client_id), Some(client_secret), Some(owner)) = (&ghl.client_id, secret, owner) else {
            return Ok(None);
        };
        let http = self.client(ghl.allow_private_networks);
        let http =
            http.map_err(|why| Problems::one(format!("connections.{}.base_url", known.row.name), why))?;
        let app = App {
            credentials: oauth::App {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
            },
            base_url: address(&known.row.name, "base_url", &ghl.base_url)?,
            authorize_url: address(&known.row.name, "authorize_url", ghl.authorize_url())?,
            redirect_uri: self.callback("ghl"),
            scopes: ghl.scopes.clone(),
        };
        let place = Place {
            db: self.db.clone(),
            vault: self.vault.clone(),
            node: self.node,
            clock: Arc::clone(&self.clock),
            http,
            request_timeout_ms: self.request_timeout_ms,
            settle_ms: self.settle_ms,
            #[cfg(feature = "break")]
            broken: self.broken,
        };
        Ok(Some(Arc::new(Tokens::new(known.row.id, owner, app, place))))
    }

    /// Where a person comes back who has agreed at a vendor's.
    pub fn callback(&self, vendor: &str) -> String {
        let public_url = self.public_url.as_deref().unwrap_or_default();
        format!("{}/oauth/{vendor}/callback", public_url.trim_end_matches('/'))
    }
}

fn keys(name: &str, ghl: &GhlConfig) -> Result<Keys, Problems> {
    let (key, rsa_key) = (ghl.webhook_key.as_deref(), ghl.webhook_rsa_key.as_deref());
    let parse = |key: Option<&str>, rsa_key: Option<&str>, path: &str| {
        let fault = |error: cartlane_ghl::hooks::KeyError| {
            Problems::one(format!("connections.{name}.{path}"), error.to_string())
        };
        Keys::parse(key, rsa_key).map_err(fault)
    };
    parse(key, None, "webhook_key")?;
    parse(key, rsa_key, "webhook_rsa_key")
}

/// An address that was declared.
pub(super) fn address(name: &str, key: &str, address: &str) -> Result<Url, Problems> {
    let parsed: Result<Url, _> = address.parse();
    let fault = |why: String| Problems::one(format!("connections.{name}.{key}"), why);
    let url = parsed.map_err(|error| fault(format!("is not an address: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault(
            "must hold no user name or password: settings are shown and exported".into(),
        ));
    }
    Ok(url)
}
