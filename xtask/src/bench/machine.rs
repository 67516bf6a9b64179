//! What the machine is, what its disk does, and what a process has used, as Linux tells.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::binary;

/// The kernel counts a process's time in these (`USER_HZ`, 100 on every architecture that matters here).
const TICK_US: f64 = 10_000.0;

/// One line: processor, cores, memory, kernel.
pub fn describe() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("\t: unknown processor");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let memory = field(&fs::read_to_string("/proc/meminfo")?, "MemTotal:")? / 1024.0 / 1024.0;
    let kernel = binary::output(Command::new("uname").arg("-r"))?;
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "Machine: {model}, {cores} cores, {memory:.0} GiB, Linux {}",
        kernel.trim()
    ))
}

/// How long the disk under `directory` takes to make 4 KiB durable: the 99th percentile of 500. A tmpfs is refused.
pub fn fsync_p99(directory: &Path) -> Result<Duration> {
    let system = binary::output(
        Command::new("stat")
            .args(["--file-system", "--format=%T"])
            .arg(directory),
    )?;
    ensure!(
        !["tmpfs", "ramfs"].contains(&system.trim()),
        "{} is memory, not a disk",
        directory.display()
    );
    let path = directory.join("fsync-probe");
    let mut file = fs::File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    fs::remove_file(path)?;
    took.sort();
    Ok(took[took.len() * 99 / 100])
}

/// Processor time that a process has used so far, in microseconds.
pub fn cpu_us(process: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; what follows are fields 3 and up, of which 14 and 15 are wanted.
    let (_, fields) = stat.rsplit_once(')').context("no process name in /proc")?;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<Result<f64, _>>()?;
    Ok(ticks * TICK_US)
}

/// Memory that a process has in use, in MiB.
pub fn resident_mib(process: &str) -> Result<f64> {
    Ok(field(&fs::read_to_string(format!("/proc/{process}/status"))?, "VmRSS:")? / 1024.0)
}

/// Lets `start` start its processes on `core`: children inherit where they may run.
pub fn on_core<T>(core: u32, start: impl FnOnce() -> Result<T>) -> Result<T> {
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .context("no cores")?;
    let own = std::process::id().to_string();
    let pin =
        |cores: &str| binary::output(Command::new("taskset").args(["--cpu-list", "--pid", cores, &own]));
    pin(&core.to_string())?;
    let started = start();
    pin(allowed.trim())?;
    started
}

fn field(text: &str, name: &str) -> Result<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("no {name} in /proc"))?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}
