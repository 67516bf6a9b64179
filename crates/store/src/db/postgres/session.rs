//! Connections, and the settings on which durability rests.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use postgres::config::SslMode;
use postgres::types::Type;
use postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::{Error, Options, Value};
use super::failure::{Next, classify, classify_connect, error_text};
use super::rewrite::rewrite;
use super::{tls, wire};

/// The oldest server whose behaviour is tested.
const OLDEST_VERSION: i64 = 150_000;

/// How long a connection may take, when the address doesn't say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long sent data may stay unacknowledged before the connection counts as dead, when the address doesn't say.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Silence after which the other end is probed; the driver's own default is two hours.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Makes sessions.
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    clock_offset_ms: Arc<AtomicI64>,
    allow_unsafe_fsync: bool,
}

impl Connector {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        // The driver's message names the part that is wrong, and no password.
        let unfit = |error| {
            Error::Unfit(format!(
                "the database address cannot be read: {}",
                error_text(&error)
            ))
        };
        let mut config: Config = options.url.parse().map_err(unfit)?;
        if !options.url.contains("sslmode=") {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(USER_TIMEOUT);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(KEEPALIVE));
        if config.get_application_name().is_none() {
            config.application_name("cartlane");
        }
        let tls = if config.get_ssl_mode() == SslMode::Disable {
            None
        } else {
            Some(tls::connector()?)
        };
        Ok(Self {
            config,
            tls,
            clock_offset_ms: Arc::clone(&options.clock_offset_ms),
            allow_unsafe_fsync: options.allow_unsafe_fsync,
        })
    }

    /// A new session on a server that was seen to be fit.
    pub(super) fn connect(&self) -> Result<Session, Error> {
        let client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        };
        let mut client = client.map_err(|error| classify_connect(&error))?;
        self.check(&mut client)?;
        Ok(Session {
            client,
            statements: HashMap::new(),
            offset_ms: None,
        })
    }

    /// The offset that `now_ms()` is to have now.
    pub(super) fn clock_offset_ms(&self) -> i64 {
        self.clock_offset_ms.load(Ordering::Relaxed)
    }

    fn check(&self, client: &mut Client) -> Result<(), Error> {
        let version = show(client, "SHOW server_version_num")?;
        if version
            .parse::<i64>()
            .is_ok_and(|version| version < OLDEST_VERSION)
        {
            return Err(Error::Unfit(format!(
                "PostgreSQL 15 or newer is needed; the server is {version}"
            )));
        }
        if show(client, "SHOW fsync")? != "on" {
            if !self.allow_unsafe_fsync {
                let message = "PostgreSQL runs with `fsync = off` and would lose acknowledged sales in a power cut; \
                               turn it on in postgresql.conf";
                return Err(Error::Unfit(message.to_owned()));
            }
            tracing::warn!("PostgreSQL runs with fsync = off, which was allowed; nothing in it is durable");
        }
        // A server that is set to wait for more than its own disk keeps that setting.
        let durable = ["on", "remote_apply", "remote_write"];
        if !durable.contains(&show(client, "SHOW synchronous_commit")?.as_str()) {
            let set = "SET synchronous_commit = on";
            client
                .batch_execute(set)
                .map_err(|error| classify(set, &error).1)?;
        }
        let found = show(client, "SHOW synchronous_commit")?;
        if durable.contains(&found.as_str()) {
            return Ok(());
        }
        Err(Error::Unfit(format!(
            "PostgreSQL keeps `synchronous_commit = {found}`; it must be `on`"
        )))
    }
}

fn show(client: &mut Client, sql: &'static str) -> Result<String, Error> {
    let row = client
        .query_one(sql, &[])
        .map_err(|error| classify(sql, &error).1)?;
    row.try_get(0).map_err(|error| classify(sql, &error).1)
}

/// One connection and its prepared statements.
pub(super) struct Session {
    pub(super) client: Client,
    statements: HashMap<(usize, usize), Prepared>, // by address and length: the texts are `'static`
    offset_ms: Option<i64>,
}

struct Prepared {
    statement: Statement,
    types: Vec<Option<Type>>,
}

impl Session {
    /// Tells the server how far the clock stands from the real time, when that has changed.
    pub(super) fn set_offset(&mut self, offset_ms: i64) -> Result<(), (Next, Error)> {
        if self.offset_ms == Some(offset_ms) {
            return Ok(());
        }
        let set = format!("SET cartlane.clock_offset_ms = '{offset_ms}'");
        self.client
            .batch_execute(&set)
            .map_err(|error| classify(&set, &error))?;
        self.offset_ms = Some(offset_ms);
        Ok(())
    }

    /// The statement, prepared for these values.
    pub(super) fn prepare(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Statement, postgres::Error> {
        let key = (sql.as_ptr().addr(), sql.len());
        let mut types = Vec::new();
        if let Some(known) = self.statements.get(&key) {
            if known.fits(params) {
                return Ok(known.statement.clone());
            }
            types.clone_from(&known.types);
        }
        types.resize(params.len(), None);
        for (known, param) in types.iter_mut().zip(params) {
            *known = wire::natural(param).or(known.take());
        }
        let told: Vec<Type> = types
            .iter()
            .map(|known| known.clone().unwrap_or(Type::UNKNOWN))
            .collect();
        let statement = self.client.prepare_typed(&rewrite(sql), &told)?;
        self.statements.insert(
            key,
            Prepared {
                statement: statement.clone(),
                types,
            },
        );
        Ok(statement)
    }

    /// Forgets prepared statements: their plans may be stale.
    pub(super) fn forget_statements(&mut self) {
        self.statements.clear();
    }
}

impl Prepared {
    /// No value has another type than the server was told or has inferred.
    fn fits(&self, params: &[Value<'_>]) -> bool {
        let inferred = self.statement.params();
        params
            .iter()
            .zip(inferred)
            .all(|(param, inferred)| wire::natural(param).is_none_or(|own| own == *inferred))
    }
}
