//! Every recipe, as its users meet it: `cartlane apply docs/examples/` loads one example of each into a server, and
//! `cartlane automations test --all` runs all automations on recorded payloads.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::binary::{self, Profile};

/// How long the server may take to start; machines that run tests are busy.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Does it.
pub fn check() -> Result<()> {
    let program = binary::build("cartlane", Profile::Dev, &[])?;
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("cartlane.toml");
    std::fs::write(
        &config,
        "data_dir = \"data\"\nlisten = \"127.0.0.1:0\"\nlog = \"warn\"\n",
    )?;
    let command = || {
        let mut command = Command::new(&program);
        command.arg("--config").arg(&config).stdin(Stdio::null());
        command
    };
    let server = command().arg("serve").spawn().context("starting the server")?;
    let mut server = Server(server);
    let started = Instant::now();
    while !is_there(command()) {
        ensure!(server.0.try_wait()?.is_none(), "the server has ended");
        ensure!(started.elapsed() < PATIENCE, "the server does not start");
        std::thread::sleep(LOOK_EVERY);
    }
    let examples: &Path = &binary::root().join("docs/examples");
    binary::check(command().arg("apply").arg(examples))?;
    binary::check(command().args(["automations", "test", "--all"]))
}

fn is_there(mut command: Command) -> bool {
    let quiet = command
        .args(["automations", "list"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A server that is gone when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}
