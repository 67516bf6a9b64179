//! What happens to a run: killed servers, ended database connections, another user at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;

use super::sender::Sender;
use crate::processes::Server;
use crate::sandbox::Sandbox;
use cartlane_testkit::postgres::Cluster;

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Servers killed and started again.
    pub kills: usize,
    /// Longest time from a start to ready.
    pub slowest_start: Duration,
}

/// Kills a server `kills` times and starts it again.
///
/// Half of the kills come in the middle of a volley, just after its first acknowledgement; the others whenever.
pub async fn kill(
    servers: &mut [Server],
    sender: &Sender,
    kills: usize,
    random: &mut StdRng,
) -> Result<Done> {
    let mut done = Done::default();
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(random.random_range(200..1_500))).await;
        let mut victim = random.random_range(0..servers.len());
        if random.random_bool(0.5) && !sender.is_finished() {
            let size = sender.workload.emails.len().div_ceil(3).min(30);
            victim = sender.gate.volley(size).await.unwrap_or(victim);
            tokio::time::sleep(Duration::from_micros(random.random_range(0..1_500))).await;
        }
        servers[victim].kill().await?;
        done.kills += 1;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..700))).await;
        done.slowest_start = done.slowest_start.max(servers[victim].start().await?);
    }
    Ok(done)
}

/// Ends some database connections every few seconds until `stop`; how many times.
pub async fn end_connections(
    cluster: Arc<Cluster>,
    stop: Arc<AtomicBool>,
    mut random: StdRng,
) -> Result<usize> {
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(random.random_range(1_000..4_000))).await;
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' \
             AND pid <> pg_backend_pid() ORDER BY random() LIMIT {}",
            random.random_range(1..5)
        );
        let cluster = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || cluster.administer(&sql)).await?;
        times += 1;
    }
    Ok(times)
}

/// Gives contacts tags as another user of GHL would, until `stop`; those that were given.
pub async fn edit(
    sandbox: Arc<Sandbox>,
    emails: Vec<String>,
    stop: Arc<AtomicBool>,
    mut random: StdRng,
) -> Result<Vec<(usize, String)>> {
    let mut given = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(random.random_range(20..200))).await;
        let contact = random.random_range(0..emails.len());
        let tag = format!("user: vip-{}", given.len());
        if sandbox.add_tag_as_user(&emails[contact], &tag).await? {
            given.push((contact, tag));
        }
    }
    Ok(given)
}
