//! Runs that were finished long ago, written into a store in bulk while its server is down.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use cartlane_model::{Clock, ContactKey, EventId, RunId, UnixMs};
use cartlane_store::inbox::{DeliveredItem, Delivery, NewRun};
use cartlane_store::{Db, Error, Options, automations, connections, seed};

use crate::wire::{Form, ORDER_SUCCESS};

/// Runs of one transaction.
const GROUP: u32 = 2_000;
/// When the first of them came in: 14 November 2023. The others follow second by second.
const FIRST_AT: UnixMs = UnixMs(1_700_000_000_000);

/// Options of the hidden sub-command.
#[derive(clap::Args)]
pub struct Args {
    /// Directory of the SQLite file `cartlane.db`
    #[arg(long)]
    pub data_dir: PathBuf,
    /// Runs
    #[arg(long)]
    pub runs: u32,
}

/// A clock that stands: nothing that is seeded is of today.
struct LongAgo;

impl Clock for LongAgo {
    fn now(&self) -> UnixMs {
        FIRST_AT
    }
}

/// Writes them.
pub fn run(args: &Args) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(write(args))?;
    println!("null");
    Ok(ExitCode::SUCCESS)
}

async fn write(args: &Args) -> Result<()> {
    let db = Db::open(&Options::new(
        "sqlite://cartlane.db",
        &args.data_dir,
        Arc::new(LongAgo),
    ))?;
    let (shops, rules) = db
        .read(|tx| Ok::<_, Error>((connections::list(tx)?, automations::list(tx)?)))
        .await?;
    let shop = shops.iter().find(|shop| shop.name == "shop").context("no shop")?;
    let rule = rules.first().context("no automation")?;
    let sample = Delivery {
        event_id: EventId::new(FIRST_AT),
        workspace_id: rule.workspace_id,
        connection_id: shop.id,
        kind: "order.success".to_owned(),
        mode: Some("live"),
        occurred_at: FIRST_AT,
        received_at: FIRST_AT,
        contact_keys: Vec::new(),
        email: None,
        order_id: None,
        items: vec![DeliveredItem {
            key: "product-12".to_owned(),
            name: None,
        }],
        amount_minor: Some(4_700),
        currency: Some("USD".to_owned()),
        content_type: "form",
        body: Form::parse(ORDER_SUCCESS).encode().into_bytes(),
        dedupe_keys: Vec::new(),
        runs: Vec::new(),
        install: None,
    };
    for from in (0..args.runs).step_by(GROUP as usize) {
        let numbers = from..(from + GROUP).min(args.runs);
        let run = |at| NewRun {
            id: RunId::new(at),
            automation_id: rule.id,
            version: rule.version,
        };
        let group: Vec<_> = numbers.map(|number| sale(&sample, number, run)).collect();
        db.write(move |tx| seed::finished_runs(tx, &group)).await?;
    }
    db.close().await;
    Ok(())
}

fn sale(sample: &Delivery, number: u32, run: impl Fn(UnixMs) -> NewRun) -> Delivery {
    let at = FIRST_AT.plus_ms(i64::from(number) * 1_000);
    let email = format!("seeded-{number}@example.com");
    Delivery {
        event_id: EventId::new(at),
        occurred_at: at,
        received_at: at,
        contact_keys: vec![ContactKey::Email(email.clone())],
        email: Some(email),
        order_id: Some(number.to_string()),
        dedupe_keys: ["webhook", "event", "fact", "body"]
            .map(|kind| format!("{kind}:seeded-{number}"))
            .to_vec(),
        runs: vec![run(at)],
        ..sample.clone()
    }
}
