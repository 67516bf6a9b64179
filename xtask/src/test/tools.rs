//! Programs that the checks need: found, or installed where that needs nobody's consent.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::binary;

/// Compiled without optimisation: it runs for a second, and this way is built in two minutes.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Makes sure that `program` is there: of Debian's `package`, which is installed if this is root on a machine that has
/// apt-get. Anywhere else the error says what to install.
pub fn require(program: &str, package: &str) -> Result<()> {
    if find(program).is_some() {
        return Ok(());
    }
    if !is_root()? || find("apt-get").is_none() {
        bail!("{program} isn't installed; on Debian: apt-get install {package}");
    }
    println!("installing {package}");
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    binary::check(apt().args(["update", "-q"])).context("apt-get update")?;
    binary::check(apt().args(["install", "-q", "-y", "--no-install-recommends", package]))?;
    find(program)
        .map(drop)
        .with_context(|| format!("{package} is installed, but brought no {program}"))
}

/// `cargo deny`: the one on the PATH, or one of our own, kept in the target directory.
pub fn cargo_deny() -> Result<Command> {
    let own = binary::target().join("tools");
    let program = match find("cargo-deny") {
        Some(program) => program,
        None => own.join("bin/cargo-deny"),
    };
    if !program.is_file() {
        let options = ["install", "--locked", "--debug", "--quiet", CARGO_DENY, "--root"];
        binary::check(binary::cargo().args(options).arg(&own))?;
    }
    let mut command = Command::new(program);
    command.current_dir(binary::root());
    Ok(command)
}

/// A program on the PATH, or else in one of Debian's versioned PostgreSQL directories.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let versioned = versions.map(|version| version.path().join("bin"));
    std::env::split_paths(&path)
        .chain(versioned)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

fn is_root() -> Result<bool> {
    Ok(binary::output(Command::new("id").arg("-u"))?.trim() == "0")
}
