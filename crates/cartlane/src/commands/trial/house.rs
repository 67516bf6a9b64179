//! A house that is thrown away: the engine on a database of its own, with the sandboxes as GHL and ThriveCart and a
//! listener as Slack, mail server and any other server. Nothing leaves this machine.
//!
//! Its clock jumps: while a run waits nothing else is under way, so that the time it waits for can simply have come.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlane_engine::records::{RunFilter, Step, StepState};
use cartlane_engine::{
    Accepted, AccountConfig, ConnectionConfig, Engine, Envelope, GhlConfig, Handle, HttpConfig, Limits,
    Options, RunDetail, SecretName, Secrets, Sender, SlackConfig, SmtpConfig, ThriveCartConfig, Tls,
};
use cartlane_model::{Clock, EventId, NodeId, UnixMs};
use cartlane_sandbox::thrivecart::{self, ThriveCart};
use cartlane_sandbox::{CustomField, Location, Sandbox, Settings, Token};
use cartlane_store::Db;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::case::Meanwhile;
use super::listener::Listener;
use super::payload::Payload;
use crate::clock::SystemClock;
use crate::commands::serve::make_private;

/// The GHL connection's name.
pub const CRM: &str = "crm";
/// The ThriveCart connection's name.
pub const SHOP: &str = "shop";
const LOCATION: &str = "sandbox-location";
const TOKEN: &str = "pit-test-of-automations";
const SECRET: &str = "TESTSECRET01";
const SHOP_HOOK_KEY: &str = "shop-of-a-test-of-automations-0123";
const CRM_HOOK_KEY: &str = "crm-of-a-test-of-automations-01234";
/// An Ed25519 key as DER begins with these bytes (RFC 8410).
const DER_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// How long one run may take: it is worked on this machine alone.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(10);

static HOUSES: AtomicU32 = AtomicU32::new(0);

/// The system's clock, put forward.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Ahead {
    /// Puts it forward to a moment, if that is to come.
    fn jump(&self, to: UnixMs) {
        let left = to.0 - self.now().0;
        self.0.fetch_add(left.max(0), Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now(&self) -> UnixMs {
        SystemClock.now().plus_ms(self.0.load(Ordering::Relaxed))
    }
}

/// The house.
pub struct House {
    /// The way to talk to its engine.
    pub handle: Handle,
    /// What plays all systems that have no sandbox.
    pub listener: Listener,
    ghl: cartlane_sandbox::Running,
    shop: thrivecart::Running,
    key: Ed25519KeyPair,
    clock: Arc<Ahead>,
    db: Db,
    engine: tokio::task::JoinHandle<()>,
    shutdown: CancellationToken,
    directory: PathBuf,
}

impl House {
    /// Opens one whose location has these custom fields, each known by this id, key and name.
    pub async fn open(custom_fields: &[String]) -> anyhow::Result<Self> {
        let ahead = Arc::new(Ahead::default());
        let clock: Arc<dyn Clock> = Arc::clone(&ahead) as Arc<dyn Clock>;
        let number = HOUSES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("cartlane-test-{}-{number}", std::process::id()));
        make_private(&directory)?;
        let ghl = Sandbox::bind(cartlane_sandbox::Options {
            settings: settings(custom_fields),
            ..cartlane_sandbox::Options::new(Arc::clone(&clock))
        })
        .await?;
        let shop = ThriveCart::bind(thrivecart::Options::new(Arc::clone(&clock))).await?;
        let listener = Listener::open().await?;
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32])
            .ok()
            .context("a key")?;
        let store = cartlane_store::Options::new("sqlite://test.db", &directory, Arc::clone(&clock));
        let db = Db::open(&store)?;
        cartlane_store::migrate(&db).await?;
        let options = Options {
            node_id: NodeId::new(clock.now()),
            connections: connections(&ghl.url(), &shop.api_url(), &listener, &key),
            clock,
            public_url: None,
            master_key: [7; 32],
            files_dir: directory.join("files"),
            limits: Limits {
                request_timeout_ms: 5_000,
                settle_ms: 200,
                backoff_base_ms: 20,
                backoff_cap_ms: 200,
                hold_ms: 2_000,
                ..Limits::default()
            },
            #[cfg(feature = "break")]
            broken: None,
        };
        let (engine, handle) = Engine::open(db.clone(), options).await?;
        for automation in handle.automations().await? {
            handle.remove_automation(automation.id).await?; // what a new installation begins with
        }
        let shutdown = CancellationToken::new();
        Ok(Self {
            engine: tokio::spawn(engine.run(shutdown.clone())),
            handle,
            listener,
            ghl,
            shop,
            key,
            clock: ahead,
            db,
            shutdown,
            directory,
        })
    }

    /// The choices that the sandbox's location offers in a list.
    pub async fn choices(&self, list: &str) -> Vec<String> {
        let choices = self
            .handle
            .executor()
            .choices(CRM, list, &Value::Null, false)
            .await;
        let choices = choices.map(|choices| {
            choices
                .choices
                .iter()
                .map(|choice| choice.value.clone())
                .collect()
        });
        choices.unwrap_or_default()
    }

    /// Does an operation in one of the sandboxes.
    pub async fn call(&self, operation: &str, inputs: &Value) -> anyhow::Result<Value> {
        let executor = self.handle.executor();
        let output = executor.call(connection_of(operation), operation, inputs).await;
        Ok(output.with_context(|| operation.to_owned())?.value)
    }

    /// Lets somebody buy a subscription at the ThriveCart sandbox.
    pub async fn sell(&self, email: &str, mode: &str) -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let sale = json!({"email": email, "items": ["product-12"], "mode": mode});
        let url = format!("{}/sale", self.shop.admin_url());
        client.post(url).json(&sale).send().await?.error_for_status()?;
        Ok(())
    }

    /// The id of the contact with this e-mail, which is made where there is none.
    pub async fn contact(&self, email: &str) -> anyhow::Result<String> {
        if let Some(contact) = self.ghl.state().contact(email) {
            return Ok(contact["id"].as_str().unwrap_or_default().to_owned());
        }
        let made = self
            .call(
                "ghl.contacts.create",
                &json!({"email": email, "firstName": "Test", "phone": "+13125550142"}),
            )
            .await?;
        Ok(made["contact"]["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Everything that GHL has of every contact, by id.
    pub async fn state(&self) -> anyhow::Result<Vec<(String, Value)>> {
        let mut states = Vec::new();
        for contact in self.ghl.state().contacts() {
            let id = contact["id"].as_str().unwrap_or_default().to_owned();
            let state = self.handle.executor().contact_state(CRM, &id).await?;
            states.push((id, state));
        }
        Ok(states)
    }

    /// Delivers a payload as its sender does. The event's id.
    async fn deliver(&self, sender: Sender, mut payload: Value) -> anyhow::Result<EventId> {
        let mut envelope = Envelope {
            content_type: Some("application/json".into()),
            ..Envelope::default()
        };
        match sender {
            Sender::ThriveCart => payload["thrivecart_secret"] = SECRET.into(),
            Sender::Ghl => {
                payload["locationId"] = LOCATION.into();
                if let Some(fields) = payload.as_object_mut() {
                    fields.remove("timestamp"); // that of the recording is too old to be believed
                }
                envelope.signature = Some(STANDARD.encode(self.key.sign(payload.to_string().as_bytes())));
            }
        }
        let body = payload.to_string().into_bytes().into();
        let hook_key = match sender {
            Sender::ThriveCart => SHOP_HOOK_KEY,
            Sender::Ghl => CRM_HOOK_KEY,
        };
        match self.handle.accept(sender, hook_key, envelope, body).await? {
            Accepted::New(id) | Accepted::Repeat(id) => Ok(id),
            Accepted::Checked => bail!("the payload is empty, so that it is no event"),
        }
    }

    /// Lets what a payload tells happen: delivers it, or starts the automation with it. The event's id.
    pub async fn happens(&self, payload: &Payload) -> anyhow::Result<EventId> {
        match payload.sender {
            Some(sender) => self.deliver(sender, payload.body.clone()).await,
            None => self.start(&payload.own()).await,
        }
    }

    /// Starts the only automation with an event of our own. The event's id.
    async fn start(&self, event: &Value) -> anyhow::Result<EventId> {
        let automations = self.handle.automations().await?;
        let automation = automations.first().context("an automation")?;
        Ok(self.handle.start_as(automation.id, event).await?)
    }

    /// The event of the first thing that the sandbox has of what is polled.
    pub async fn first_of_poll(&self, poll: &Value) -> anyhow::Result<Value> {
        let operation = poll["operation"].as_str().unwrap_or_default();
        let with = poll["inputs"].as_object().cloned().unwrap_or_default();
        let sample = self
            .handle
            .poll_sample(connection_of(operation), operation, &with)
            .await;
        let mut event = sample.with_context(|| operation.to_owned())?.with_context(|| {
            format!("the sandbox has nothing that `{operation}` shows; give an event with --event FILE")
        })?;
        if let Some(fields) = event.as_object_mut() {
            fields.remove("kind");
        }
        Ok(event)
    }

    /// Waits for the end of the event's only run; `None` where it has none. While it waits, what is for that time is
    /// delivered of `meanwhile`, in this order; when that is done, the moment that it waits for has come.
    pub async fn ended(
        &self,
        event: EventId,
        meanwhile: Vec<Meanwhile>,
    ) -> anyhow::Result<Option<RunDetail>> {
        let mut meanwhile = meanwhile.into_iter().peekable();
        let filter = RunFilter {
            event: Some(event),
            ..RunFilter::default()
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let runs = self.handle.runs(filter.clone(), 1).await?;
            let Some(run) = runs.first() else { return Ok(None) };
            let is_over = run.finished_at.is_some() || run.state == "held";
            if is_over || Instant::now() > deadline {
                return Ok(Some(self.handle.run(run.id).await?));
            }
            if run.state == "waiting" {
                let run = self.handle.run(run.id).await?;
                let waits = run.steps.iter().find(|step| step.state == StepState::Waiting);
                let is_now = |(during, _): &Meanwhile| {
                    during.is_none() || waits.is_some_and(|step| during.as_ref() == Some(&step.step_id))
                };
                match meanwhile.next_if(is_now) {
                    Some((_, next)) => drop(self.happens(&next).await?),
                    None => self.clock.jump(until(waits)),
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Closes it and removes what it kept.
    pub async fn close(self) {
        self.shutdown.cancel();
        let _ = self.engine.await; // a panic in it has been logged
        self.db.close().await;
        self.ghl.shutdown().await;
        self.shop.shutdown().await;
        let _ = std::fs::remove_dir_all(&self.directory); // the system empties its temporary directory anyway
    }
}

fn connection_of(operation: &str) -> &'static str {
    if operation.starts_with("thrivecart.") {
        SHOP
    } else {
        CRM
    }
}

/// Until when a run waits.
fn until(waits: Option<&Step>) -> UnixMs {
    let until = waits.and_then(|step| step.output["until"].as_i64());
    UnixMs(until.unwrap_or_default())
}

fn settings(custom_fields: &[String]) -> Settings {
    let field = |name: &String| {
        let mut field = CustomField::new(name, &key(name));
        field.shown.insert("name".into(), name.as_str().into());
        field
    };
    Settings {
        tokens: vec![Token::new(TOKEN, LOCATION)],
        locations: vec![Location {
            custom_fields: custom_fields.iter().map(field).collect(),
            allow_duplicate_opportunities: true,
            ..Location::new(LOCATION)
        }],
        ..Settings::default()
    }
}

/// A field's key as GHL makes it of a name.
fn key(name: &str) -> String {
    let name = name.trim_start_matches("contact.").to_lowercase();
    name.chars()
        .map(|letter| if letter.is_alphanumeric() { letter } else { '_' })
        .collect()
}

fn connections(
    ghl_url: &str,
    shop_url: &str,
    listener: &Listener,
    key: &Ed25519KeyPair,
) -> Vec<ConnectionConfig> {
    let shop = ThriveCartConfig {
        sync_test_mode: true,
        target: Some(CRM.into()),
        base_url: shop_url.to_owned(),
        allow_private_networks: true,
        ..ThriveCartConfig::default()
    };
    let crm = GhlConfig {
        base_url: ghl_url.to_owned(),
        location_id: Some(LOCATION.into()),
        allow_private_networks: true,
        webhook_key: Some(STANDARD.encode([&DER_HEAD, key.public_key().as_ref()].concat())),
        sync_test_mode: true,
        ..GhlConfig::default()
    };
    let smtp = SmtpConfig {
        host: "127.0.0.1".into(),
        from: "Cartlane <cartlane@example.com>".into(),
        port: listener.smtp_port,
        tls: Tls::None,
        username: None,
        allow_private_networks: true,
    };
    let slack = SlackConfig {
        allow_private_networks: true,
    };
    let http = HttpConfig {
        allow_private_networks: true,
    };
    let secrets = |pairs: &[(SecretName, &str)]| {
        pairs.iter().fold(Secrets::default(), |secrets, (name, value)| {
            secrets.with(*name, *value)
        })
    };
    let of_shop = [
        (SecretName::Secret, SECRET),
        (SecretName::HookKey, SHOP_HOOK_KEY),
        (SecretName::ApiKey, "tc-sandbox"),
    ];
    let of_crm = [(SecretName::Token, TOKEN), (SecretName::HookKey, CRM_HOOK_KEY)];
    let slack_url = listener.url("slack");
    [
        (SHOP, AccountConfig::ThriveCart(shop), secrets(&of_shop)),
        (CRM, AccountConfig::Ghl(crm), secrets(&of_crm)),
        (
            "slack",
            AccountConfig::Slack(slack),
            secrets(&[(SecretName::Url, &slack_url)]),
        ),
        ("mail", AccountConfig::Smtp(smtp), Secrets::default()),
        ("web", AccountConfig::Http(http), Secrets::default()),
    ]
    .map(|(name, account, secrets)| ConnectionConfig {
        name: name.into(),
        account,
        secrets,
    })
    .into()
}
