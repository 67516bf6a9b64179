//! Cargo, and the programs that it builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

/// How a program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Optimised.
    Release,
    /// Quick to build.
    Dev,
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A directory below the target directory for what a task leaves behind; made if missing.
pub fn scratch(name: &str) -> Result<PathBuf> {
    let path = target().join("xtask").join(name);
    std::fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
    Ok(path)
}

/// `cargo` in the workspace's root: the one that started this program, where one did.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `command` to its end with its output on the terminal and nothing on its standard input.
pub fn check(command: &mut Command) -> Result<()> {
    let status = command.stdin(std::process::Stdio::null()).status();
    let status = status.with_context(|| format!("starting {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// The standard output of `command`, which must succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(std::process::Stdio::null()).output();
    let output = output.with_context(|| format!("starting {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}: {}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Builds `package` and copies its program aside, so that a later build can't replace it under a running process.
pub fn build(package: &str, profile: Profile, features: &[&str]) -> Result<PathBuf> {
    let (folder, flag) = match profile {
        Profile::Release => ("release", Some("--release")),
        Profile::Dev => ("debug", None),
    };
    let mut command = cargo();
    command.args(["build", "--package", package]).args(flag);
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    check(&mut command)?;
    let name = [&[package, folder], features].concat().join("-");
    let copy = scratch("bin")?.join(name);
    let fresh = copy.with_extension("new");
    std::fs::copy(target().join(folder).join(package), &fresh).context("copying the program aside")?;
    std::fs::rename(&fresh, &copy).context("replacing the last copy of the program")?;
    Ok(copy)
}
