//! `bench list`: a location's contacts listed to the last one through the server, and how much memory that takes.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::no_limit;
use crate::binary::{self, Profile};
use crate::http;
use crate::processes::{Credential, Server, Setup};
use crate::sandbox::Sandbox;

/// Options of `bench list`.
#[derive(clap::Args)]
pub struct Args {
    /// Contacts in the location
    #[arg(long, default_value_t = 167_623)]
    contacts: u32,
    /// Contacts that a page has; as many as GHL allows, if left out
    #[arg(long)]
    page: Option<u32>,
    /// Measure a debug build
    #[arg(long)]
    debug: bool,
}

/// Measures and prints.
pub async fn run(args: &Args) -> Result<()> {
    let profile = if args.debug {
        Profile::Dev
    } else {
        Profile::Release
    };
    let program = binary::build("cartlane", profile, &[])?;
    let directory = super::fresh_directory("bench-list")?;
    let settings = json!({"limit": no_limit(), "log": false});
    let sandbox = Sandbox::start(&program, &directory, None, &settings).await?;
    seed(&sandbox, args.contacts).await?;
    let setup = Setup {
        program,
        directory,
        database_url: "sqlite://cartlane.db".to_owned(),
        sandbox: sandbox.address,
        credential: Credential::Token,
        sabotage: None,
        limits: String::new(),
        core: None,
    };
    let mut server = setup.server(0)?;
    server.start().await?;
    let before_kb = peak_kb(&server)?;
    let begun = Instant::now();
    let listed = list(&server, args).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let after_kb = peak_kb(&server)?;
    server.kill().await?;
    let requests = sandbox.requests().await?;
    println!(
        "\n{} contacts, {} build.\n",
        args.contacts,
        if args.debug { "debug" } else { "release" }
    );
    println!("| listed | different | seconds | requests | server's peak memory before | after |");
    println!("|---:|---:|---:|---:|---:|---:|");
    println!(
        "| {} | {} | {seconds:.1} | {requests} | {:.1} MiB | {:.1} MiB |",
        listed.items,
        listed.different,
        before_kb / 1024.0,
        after_kb / 1024.0
    );
    let expected = usize::try_from(args.contacts)?;
    ensure!(
        listed.items == expected && listed.different == expected,
        "not each contact once"
    );
    Ok(())
}

async fn seed(sandbox: &Sandbox, contacts: u32) -> Result<()> {
    let request = http::encode_json("POST", "/_sandbox/seed", "", &json!({"contacts": contacts}));
    let reply = http::once(sandbox.address, &request, Duration::from_mins(2)).await?;
    ensure!(
        reply.is_success(),
        "the sandbox refused to seed: {}",
        reply.status
    );
    Ok(())
}

/// What came of the list.
struct Listed {
    items: usize,
    different: usize,
}

async fn list(server: &Server, args: &Args) -> Result<Listed> {
    let mut command = server.client(&[
        "ops",
        "call",
        "ghl.contacts.search",
        "--connection",
        "crm",
        "--all",
    ]);
    if let Some(page) = args.page {
        command.args(["--input", &format!("pageLimit={page}")]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("the command's output")?;
    let mut lines = BufReader::new(output).lines();
    let (mut items, mut ids) = (0, HashSet::new());
    while let Some(line) = lines.next_line().await? {
        let contact: Value = serde_json::from_str(&line)?;
        ids.insert(contact["id"].as_str().context("a contact's id")?.to_owned());
        items += 1;
    }
    ensure!(child.wait().await?.success(), "the command failed");
    Ok(Listed {
        items,
        different: ids.len(),
    })
}

/// The most memory that the server has had so far, as Linux counts it.
fn peak_kb(server: &Server) -> Result<f64> {
    let process = server.process_id().context("the server runs")?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM in the process's status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
