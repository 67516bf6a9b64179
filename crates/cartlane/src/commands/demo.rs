//! `cartlane demo`: server, sandbox and sample deliveries on this machine, from nothing.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use cartlane_engine::{
    AccountConfig, ConnectionConfig, GhlConfig, Handle, SecretName, Secrets, ThriveCartConfig,
};
use cartlane_sandbox::{Location, Sandbox, Settings, Token};
use cartlane_thrivecart::wire;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::serve::{Server, log_to_stderr, make_private, stop_on_signal};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::output;

const TOKEN: &str = "pit-demo";
const LOCATION: &str = "demo-location";
const SECRET: &str = "DEMOSECRET01";

/// Recorded deliveries in the order in which they are sent, each with its name.
const SAMPLES: [(&str, &str); 8] = [
    (
        "cart.abandoned",
        include_str!("../../../thrivecart/fixtures/cart.abandoned.2020.form"),
    ),
    (
        "order.success",
        include_str!("../../../thrivecart/fixtures/order.success.subscription.stripe.testmode.2023.form"),
    ),
    (
        "order.subscription_payment",
        include_str!("../../../thrivecart/fixtures/order.subscription_payment.stripe.live.2020.form"),
    ),
    (
        "order.success (two items)",
        include_str!("../../../thrivecart/fixtures/docstyle/order.success.product_plus_upsell.form"),
    ),
    (
        "order.rebill_failed",
        include_str!("../../../thrivecart/fixtures/docstyle/order.rebill_failed.form"),
    ),
    (
        "order.subscription_cancelled",
        include_str!("../../../thrivecart/fixtures/docstyle/order.subscription_cancelled.form"),
    ),
    (
        "order.subscription_resumed",
        include_str!("../../../thrivecart/fixtures/docstyle/order.subscription_resumed.form"),
    ),
    (
        "order.refund",
        include_str!("../../../thrivecart/fixtures/docstyle/order.refund.upsell.form"),
    ),
];

/// How the demo ends.
#[derive(clap::Args)]
pub struct Arguments {
    /// Stop with status 0 once the sample deliveries are processed.
    #[arg(long)]
    exit_when_done: bool,
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8480")]
    listen: String,
    /// Keep the data here; a directory that is deleted afterwards when it is not given.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// Runs the demo.
pub fn run(arguments: &Arguments, as_json: bool) -> anyhow::Result<ExitCode> {
    let given = arguments.data_dir.clone();
    let is_temporary = given.is_none();
    let data_dir =
        given.unwrap_or_else(|| std::env::temp_dir().join(format!("cartlane-demo-{}", std::process::id())));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(demo(arguments, &data_dir, as_json));
    if is_temporary {
        let _ = std::fs::remove_dir_all(&data_dir);
    }
    ended
}

async fn demo(arguments: &Arguments, data_dir: &std::path::Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let say = |text: &str| {
        if !as_json {
            output::line(text);
        }
    };
    make_private(data_dir)?;
    let path = data_dir.join("cartlane.toml");
    if !path.exists() {
        // So that other commands find this server.
        let text = format!("data_dir = \".\"\nlisten = \"{}\"\n", arguments.listen);
        std::fs::write(&path, text)?;
    }
    let mut config = Config::read(&path)?;
    config.listen.clone_from(&arguments.listen);
    config.data_dir = data_dir.to_owned();
    config.log = "warn".into();
    log_to_stderr(&config)?;
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;
    let options = cartlane_sandbox::Options {
        settings: Settings {
            tokens: vec![Token::new(TOKEN, LOCATION)],
            locations: vec![Location::new(LOCATION)],
            ..Settings::default()
        },
        ..cartlane_sandbox::Options::new(Arc::new(SystemClock))
    };
    let sandbox = Sandbox::bind(options).await?;
    let (server, engine) =
        Server::start(&config, connections(&sandbox.url()), false, shutdown.clone()).await?;
    let hook = format!("http://{}{}", server.address, hook_path(&engine).await?);
    say(&format!("sandbox of GoHighLevel: {}", sandbox.url()));
    say(&format!("ThriveCart web hook:    {hook}\n"));
    send_samples(&hook, say).await?;
    wait_until_done(&engine, &shutdown).await?;
    let contacts = contacts(&sandbox.url()).await?;
    if as_json {
        output::json(
            &json!({"sandbox": sandbox.url(), "hook": hook, "data_dir": data_dir, "contacts": contacts}),
        );
    }
    for contact in &contacts {
        say(&described(contact));
    }
    say(&format!(
        "\nlook further:  cartlane --config {}/cartlane.toml events list",
        data_dir.display()
    ));
    if arguments.exit_when_done {
        shutdown.cancel();
    } else {
        say("running until Ctrl-C");
    }
    shutdown.cancelled().await;
    server.ended().await;
    sandbox.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

fn connections(sandbox_url: &str) -> Vec<ConnectionConfig> {
    let shop = ThriveCartConfig {
        sync_test_mode: true,
        ..ThriveCartConfig::default()
    };
    let crm = GhlConfig {
        base_url: sandbox_url.to_owned(),
        location_id: Some(LOCATION.into()),
        allow_private_networks: true,
        ..GhlConfig::default()
    };
    vec![
        ConnectionConfig {
            name: "shop".into(),
            account: AccountConfig::ThriveCart(shop),
            secrets: Secrets::default().with(SecretName::Secret, SECRET),
        },
        ConnectionConfig {
            name: "crm".into(),
            account: AccountConfig::Ghl(crm),
            secrets: Secrets::default().with(SecretName::Token, TOKEN),
        },
    ]
}

async fn hook_path(engine: &Handle) -> anyhow::Result<String> {
    let health = engine.health().await?;
    let shop = health
        .connections
        .iter()
        .find(|connection| connection.row.kind == "thrivecart");
    let path = shop.and_then(|shop| shop.hook_paths.first());
    Ok(path.map(|(path, _)| path.clone()).unwrap_or_default())
}

async fn send_samples(hook: &str, say: impl Fn(&str)) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    for (name, form) in SAMPLES {
        let mut tree = wire::to_json(form.trim_end());
        tree["thrivecart_secret"] = Value::String(SECRET.into());
        let (status, answer) = super::send::post(&client, hook, false, wire::to_form(&tree), None).await?;
        say(&format!("{name:30} {status} {}", answer.trim()));
        if status != 200 {
            bail!("the server refused a sample delivery");
        }
    }
    Ok(())
}

async fn wait_until_done(engine: &Handle, shutdown: &CancellationToken) -> anyhow::Result<()> {
    while engine.health().await?.open_runs > 0 && !shutdown.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The contacts as GHL's own API gives them, each with its `notes`.
async fn contacts(url: &str) -> anyhow::Result<Vec<Value>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .user_agent("cartlane-demo")
        .build()?;
    let get = async |path: String| -> anyhow::Result<Value> {
        let request = client
            .get(format!("{url}{path}"))
            .bearer_auth(TOKEN)
            .header("Version", "2021-07-28");
        Ok(request.send().await?.error_for_status()?.json().await?)
    };
    let page = get(format!("/contacts/?locationId={LOCATION}&limit=100")).await?;
    let mut contacts = Vec::new();
    for contact in page["contacts"].as_array().into_iter().flatten() {
        let id = contact["id"].as_str().unwrap_or_default();
        let mut whole = get(format!("/contacts/{id}")).await?["contact"].take();
        whole["notes"] = get(format!("/contacts/{id}/notes")).await?["notes"].take();
        contacts.push(whole);
    }
    Ok(contacts)
}

/// A contact for people.
fn described(contact: &Value) -> String {
    let text = |name: &str| contact[name].as_str().unwrap_or_default();
    let list = |name: &str| contact[name].as_array().into_iter().flatten();
    let tags: Vec<&str> = list("tags").filter_map(Value::as_str).collect();
    let mut lines = format!(
        "\n{} {} <{}> {}\n  tags: {}",
        text("firstName"),
        text("lastName"),
        text("email"),
        text("phone"),
        tags.join(", ")
    );
    for note in list("notes") {
        let body = note["body"].as_str().unwrap_or_default();
        lines.push_str("\n  note: ");
        lines.push_str(&body.trim().replace('\n', "\n        "));
    }
    lines
}
