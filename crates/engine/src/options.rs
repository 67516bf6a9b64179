//! What the engine is told at start.

use std::path::PathBuf;
use std::sync::Arc;

use cartlane_model::{Clock, NodeId, WorkspaceId};

use crate::connections::ConnectionConfig;

/// The workspace of a new installation.
pub const MAIN_WORKSPACE: WorkspaceId = WorkspaceId::from_u128(1);

/// Everything the engine is told at start.
pub struct Options {
    /// This process; new at each start.
    pub node_id: NodeId,
    /// Where the present moment comes from.
    pub clock: Arc<dyn Clock>,
    /// The outside accounts that the configuration declares.
    pub connections: Vec<ConnectionConfig>,
    /// The address at which the world reaches this server; needed where people authorize by OAuth.
    pub public_url: Option<String>,
    /// The key that seals what has to be kept secret: 32 bytes.
    pub master_key: [u8; 32],
    /// Where answers are kept that are files, such as recordings.
    pub files_dir: PathBuf,
    /// Sizes and times.
    pub limits: Limits,
    /// Which safety to leave out: only in builds for the torture test's controls.
    #[cfg(feature = "break")]
    pub broken: Option<Broken>,
}

/// A safety that a torture control leaves out, to see that its verdict turns red.
#[cfg(feature = "break")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Answer 2xx before the event is durable.
    AckBeforeCommit,
    /// Send an unsafe call again without looking whether it took effect.
    NoConfirm,
    /// Each event has a lane of its own.
    NoLanes,
    /// A repeat is a new event.
    NoDedupe,
    /// Every node sends a refresh token without a claim.
    NoClaim,
}

/// Sizes and times. Each has a key in the configuration's `[limits]`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long one request to an outside account may take.
    pub request_timeout_ms: i64,
    /// How long after a request has ended without an answer it may still take effect.
    pub settle_ms: i64,
    /// How long a run may hold its lane by retrying.
    pub hold_ms: i64,
    /// How many lanes are worked side by side.
    pub workers: usize,
    /// How long a node owns a lane without renewing.
    pub lease_ms: i64,
    /// How many deliveries may wait to be stored.
    pub inbox_waiting: usize,
    /// How many bytes of deliveries may be in memory.
    pub inbox_bytes: usize,
    /// How many refused deliveries are kept of each connection.
    pub quarantine_rows: i64,
    /// The first retry comes within so many milliseconds; each further one within twice as many.
    pub backoff_base_ms: i64,
    /// The longest wait between two retries.
    pub backoff_cap_ms: i64,
    /// The largest answer that is kept as a file.
    pub file_bytes: u64,
    /// A connection that nothing was heard of for so long is tried.
    pub check_every_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout_ms: 30_000,
            settle_ms: 10_000,
            hold_ms: 30 * 60_000,
            workers: 32,
            lease_ms: 15_000,
            inbox_waiting: 4096,
            inbox_bytes: 64 << 20,
            quarantine_rows: 1000,
            backoff_base_ms: 1000,
            backoff_cap_ms: 5 * 60_000,
            file_bytes: 100 << 20,
            check_every_ms: 15 * 60_000,
        }
    }
}
