//! The connections: what the configuration declared, joined with what the database knows of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cartlane_ghl::files::Files;
use cartlane_ghl::hooks::Keys;
use cartlane_model::{Clock, ConnectionId, Problems, UnixMs};
use cartlane_notify::{Http, Mail, Slack};
use cartlane_store::connections::{self, Declared, Trouble};
use cartlane_store::{Db, Error};

use crate::declare::{check, declare};
use crate::options::{
    AccountConfig, ConnectionConfig, GhlConfig, GhlCredential, MAIN_WORKSPACE, ThriveCartConfig,
};
use crate::source::{self, Sender, Source};
use crate::systems::{Credential, Kind, Line};
use crate::tokens::{Place, Tokens};

/// All connections.
pub(crate) struct Directory {
    sources: HashMap<String, Arc<Source>>,
    sources_by_id: HashMap<ConnectionId, Arc<Source>>,
    targets: HashMap<ConnectionId, Arc<Target>>,
    /// For requests to servers that no connection stands for.
    http: Http,
}

/// What makes the clients of connections.
pub(crate) struct Makers<'a> {
    /// An HTTP client, which may reach private networks or not.
    pub client: &'a (dyn Fn(bool) -> Result<cartlane_outbound::Client, String> + Sync),
    /// Where tokens are kept, and the client that gets them.
    pub tokens: &'a (dyn Fn(cartlane_outbound::Client) -> Place + Sync),
    pub clock: Arc<dyn Clock>,
    pub request_timeout_ms: u64,
    /// Where GHL's answers that are files are kept.
    pub files: &'a Files,
}

/// An account that calls go to.
pub(crate) struct Target {
    pub id: ConnectionId,
    pub name: String,
    pub line: Line,
    /// Calls in a row that came to nothing for reasons of the line or the other side.
    pub failures: AtomicU32,
    trouble: Mutex<Option<Trouble>>,
}

impl Target {
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub fn is_paused(&self) -> bool {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Faults in what was declared.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The database is used with another master key.
    #[error(
        "this database is used with another master key; start with that one (CARTLANE_MASTER_KEY, or master.key in the \
         data directory): all servers on one database need the same. If it is lost, start once with --new-master-key: \
         deliveries in quarantine can then not be opened any more"
    )]
    MasterKey,
    /// The store did not answer.
    #[error("the connections could not be written down")]
    Store(#[from] Error),
}

impl Directory {
    /// Declares the connections to the store and joins them with what it knows.
    pub async fn open(
        db: &Db,
        configs: &[ConnectionConfig],
        now: UnixMs,
        makers: &Makers<'_>,
    ) -> Result<Self, ConfigError> {
        check(configs)?;
        let declared: Vec<Declared> = configs.iter().map(|config| declare(config, now)).collect();
        let rows = db
            .write(move |tx| {
                connections::ensure_workspace(tx, MAIN_WORKSPACE, now)?;
                declared
                    .iter()
                    .map(|declared| connections::declare(tx, declared))
                    .collect::<Result<Vec<_>, Error>>()
            })
            .await?;
        let ids: HashMap<&str, ConnectionId> = rows.iter().map(|row| (row.name.as_str(), row.id)).collect();
        let http = (makers.client)(false).map_err(|message| {
            let mut problems = Problems::default();
            problems.push("http.request", message);
            problems
        })?;
        let mut directory = Self {
            sources: HashMap::new(),
            sources_by_id: HashMap::new(),
            targets: HashMap::new(),
            http: Http::new(http, Arc::clone(&makers.clock)),
        };
        for (config, row) in configs.iter().zip(&rows) {
            if let AccountConfig::ThriveCart(shop) = &config.account {
                directory.add_source(source(config, shop, row, only_target(configs, &ids, shop)));
            }
            if let AccountConfig::Ghl(ghl) = &config.account {
                directory.add_source(ghl_source(config, ghl, row)?);
            }
            if let Some(line) = line(config, row.id, makers)? {
                let target = Target {
                    id: row.id,
                    name: config.name.clone(),
                    line,
                    failures: AtomicU32::new(0),
                    trouble: Mutex::new(row.trouble.clone()),
                };
                directory.targets.insert(row.id, Arc::new(target));
            }
        }
        Ok(directory)
    }

    fn add_source(&mut self, source: Source) {
        let source = Arc::new(source);
        self.sources_by_id.insert(source.id, Arc::clone(&source));
        self.sources.insert(source.hook_key.clone(), source);
    }

    pub fn source_by_key(&self, hook_key: &str) -> Option<&Arc<Source>> {
        self.sources.get(hook_key)
    }

    pub fn source(&self, id: ConnectionId) -> Option<&Arc<Source>> {
        self.sources_by_id.get(&id)
    }

    /// Whose an event is that came by `source`: of its kind the one that it is about, where there is one.
    pub fn owner_of<'d>(&'d self, source: &'d Source, payload: &serde_json::Value) -> &'d Source {
        if source.is_about(payload) {
            return source;
        }
        let others = self.sources().map(Arc::as_ref);
        let mut others = others.filter(|other| other.is_of(Sender::Ghl) && other.is_about(payload));
        others.next().unwrap_or(source)
    }

    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }

    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.values()
    }

    /// The connection of a kind that an automation uses for events of `source`: the one it names, where that is of the
    /// kind; else the source's own; else the only one. A name that no connection has leads nowhere.
    pub fn target_of(&self, kind: Kind, named: Option<&str>, source: ConnectionId) -> Option<Arc<Target>> {
        let mut of_kind = self.targets.values().filter(|target| target.line.kind() == kind);
        if let Some(name) = named {
            if let Some(target) = of_kind.clone().find(|target| target.name == name) {
                return Some(Arc::clone(target));
            }
            let is_of_another_kind = self.targets.values().any(|target| target.name == name)
                || self.sources().any(|source| source.name == name);
            if !is_of_another_kind {
                return None;
            }
        }
        let own = match kind {
            Kind::Ghl => self.source(source).and_then(|source| source.target),
            Kind::ThriveCart => Some(source),
            _ => None,
        };
        let own = own
            .and_then(|id| self.targets.get(&id))
            .filter(|target| target.line.kind() == kind);
        let target = own.or_else(|| of_kind.next().filter(|_| of_kind.next().is_none()));
        let stranger = || (kind == Kind::Http).then(|| Arc::new(self.stranger(source)));
        target.map(Arc::clone).or_else(stranger)
    }

    /// Any server: its calls are recorded with the connection that the event came by.
    fn stranger(&self, source: ConnectionId) -> Target {
        Target {
            id: source,
            name: "http".into(),
            line: Line::Http(self.http.clone()),
            failures: AtomicU32::new(0),
            trouble: Mutex::new(None),
        }
    }
}

/// The target of a shop: the one that it names, or the only one.
fn only_target(
    configs: &[ConnectionConfig],
    ids: &HashMap<&str, ConnectionId>,
    shop: &ThriveCartConfig,
) -> Option<ConnectionId> {
    let mut ghl = configs
        .iter()
        .filter(|config| matches!(config.account, AccountConfig::Ghl(_)));
    let name = match &shop.target {
        Some(name) => name.as_str(),
        None => ghl.next().filter(|_| ghl.next().is_none())?.name.as_str(),
    };
    ids.get(name).copied()
}

fn source(
    config: &ConnectionConfig,
    shop: &ThriveCartConfig,
    row: &connections::Connection,
    target: Option<ConnectionId>,
) -> Source {
    Source {
        id: row.id,
        workspace_id: row.workspace_id,
        name: config.name.clone(),
        account: source::Account::ThriveCart {
            account: shop.account.clone(),
            secrets: shop.secrets.clone(),
        },
        hook_key: row.hook_key.clone().unwrap_or_default(),
        sync_test_mode: shop.sync_test_mode,
        target,
        settings: row.settings.clone(),
        received_at: AtomicI64::new(0),
        checked: AtomicBool::new(false),
    }
}

/// A location as a source: its events are dealt with in itself.
fn ghl_source(
    config: &ConnectionConfig,
    ghl: &GhlConfig,
    row: &connections::Connection,
) -> Result<Source, Problems> {
    let hooks = &ghl.hooks;
    let keys = |key: Option<&String>, rsa_key: Option<&String>, path: &str| {
        Keys::parse(key.map(String::as_str), rsa_key.map(String::as_str)).map_err(|error| {
            let mut problems = Problems::default();
            problems.push(format!("connections.{}.{path}", config.name), error.to_string());
            problems
        })
    };
    keys(hooks.key.as_ref(), None, "webhook_key")?;
    Ok(Source {
        id: row.id,
        workspace_id: row.workspace_id,
        name: config.name.clone(),
        account: source::Account::Ghl {
            keys: keys(hooks.key.as_ref(), hooks.rsa_key.as_ref(), "webhook_rsa_key")?,
            location_id: ghl.location_id.clone(),
            accept_unsigned: hooks.accept_unsigned,
            window_ms: hooks.window_ms,
        },
        hook_key: row.hook_key.clone().unwrap_or_default(),
        sync_test_mode: hooks.sync_test_mode,
        target: Some(row.id),
        settings: row.settings.clone(),
        received_at: AtomicI64::new(0),
        checked: AtomicBool::new(false),
    })
}

/// How calls of a connection go out; `None` for a shop without an API key.
fn line(config: &ConnectionConfig, id: ConnectionId, makers: &Makers<'_>) -> Result<Option<Line>, Problems> {
    let problem = |key: &str, message: String| {
        let mut problems = Problems::default();
        problems.push(format!("connections.{}.{key}", config.name), message);
        problems
    };
    let address = |base_url: &str| {
        let parsed: Result<url::Url, _> = base_url.parse();
        parsed.map_err(|error| problem("base_url", format!("is not an address: {error}")))
    };
    let client = |allow| (makers.client)(allow).map_err(|message| problem("base_url", message));
    let clock = || Arc::clone(&makers.clock);
    Ok(Some(match &config.account {
        AccountConfig::Ghl(ghl) => Line::Ghl {
            base_url: address(&ghl.base_url)?,
            location_id: ghl.location_id.clone(),
            credential: match &ghl.credential {
                GhlCredential::Token(token) => Credential::Token(token.clone()),
                GhlCredential::App(app) => {
                    let authorize_url = app.authorize_url.parse();
                    let authorize_url = authorize_url
                        .map_err(|error| problem("authorize_url", format!("is not an address: {error}")))?;
                    let http = client(ghl.allow_private_networks)?;
                    let urls = (address(&ghl.base_url)?, authorize_url);
                    let place = (makers.tokens)(http);
                    let location_id = ghl.location_id.clone();
                    Credential::OAuth(Arc::new(Tokens::new(id, location_id, app.clone(), urls, place)))
                }
            },
            client: cartlane_ghl::Client::new(client(ghl.allow_private_networks)?, clock())
                .with_files(makers.files.clone()),
        },
        AccountConfig::ThriveCart(ThriveCartConfig { api: None, .. }) => return Ok(None),
        AccountConfig::ThriveCart(ThriveCartConfig { api: Some(api), .. }) => Line::ThriveCart {
            base_url: address(&api.base_url)?,
            key: api.key.clone(),
            client: cartlane_thrivecart::rest::Client::new(client(api.allow_private_networks)?, clock()),
        },
        AccountConfig::Slack(slack) => {
            let client = client(slack.allow_private_networks)?;
            Line::Slack(Slack::new(client, clock(), slack.url.clone()))
        }
        AccountConfig::Http(http) => Line::Http(Http::new(client(http.allow_private_networks)?, clock())),
        AccountConfig::Smtp(server) => {
            let mail = Mail::new(server.clone(), makers.request_timeout_ms, clock());
            Line::Mail(mail.map_err(|error| problem("host", error.to_string()))?)
        }
    }))
}

/// Writes down what is only in memory: when events last came in and addresses were checked.
pub(crate) async fn flush(directory: &Directory, db: &Db) -> Result<(), Error> {
    let news: Vec<(ConnectionId, i64, bool)> = directory
        .sources()
        .map(|source| {
            let received_at = source.received_at.swap(0, Ordering::Relaxed);
            (
                source.id,
                received_at,
                source.checked.swap(false, Ordering::Relaxed),
            )
        })
        .filter(|(_, received_at, checked)| *received_at != 0 || *checked)
        .collect();
    if news.is_empty() {
        return Ok(());
    }
    db.write(move |tx| {
        for (id, received_at, checked) in &news {
            if *received_at != 0 {
                connections::received(tx, *id, UnixMs(*received_at))?;
            }
            if *checked {
                connections::checked(tx, *id)?;
            }
        }
        Ok::<_, Error>(())
    })
    .await
}
