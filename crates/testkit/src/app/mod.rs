//! The whole house in one process: sandbox, database, engine and web hooks over real HTTP.
//!
//! ```no_run
//! # async fn example() {
//! # use cartlane_testkit::{Backend, TestApp};
//! let app = TestApp::builder().database(Backend::Postgres).start().await;
//! let (status, _) = app.thrivecart().order_success("a@example.com").order("1001").send().await;
//! assert_eq!(status, 200);
//! app.drain().await;
//! assert_eq!(app.ghl().notes("a@example.com").len(), 1);
//! # }
//! ```
//!
//! Each node has a runtime of its own, so that [`TestApp::kill`] can end it in the middle of whatever it does.
//!
//! What always holds: when a `TestApp` is dropped without a panic, no run is left open, unless [`TestApp::leave_runs`]
//! was called.

mod builder;
mod ghl;
mod hooks;
mod node;
mod thrivecart;

use std::time::{Duration, Instant};

use cartlane_engine::Handle;
use cartlane_engine::records::{RunFilter, RunRow};
use cartlane_sandbox::Running;

pub use builder::{Backend, Builder};
pub use ghl::Ghl;
pub use hooks::GhlHook;
use node::{Node, Setup};
pub use thrivecart::{Delivery, ThriveCart};

use crate::TestClock;

/// The secret word that the shop's connection takes.
pub const SECRET: &str = "test-secret-word";
/// The token of the GHL connection.
pub const TOKEN: &str = "pit-test";
/// The location of the GHL connection.
pub const LOCATION: &str = "loc1";

/// How long anything in a test may take before it counts as stuck. Generous: machines that run tests are busy.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const AT_MOST: i64 = 1_000;

/// A running house.
pub struct TestApp {
    clock: TestClock,
    sandbox: Running,
    setup: Setup,
    nodes: Vec<Option<Node>>,
    leaves_runs: bool,
}

impl TestApp {
    /// One to be described; [`Builder::start`] starts it.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A shop that posts to the first node that runs.
    pub fn thrivecart(&self) -> ThriveCart {
        self.thrivecart_of(self.first_running())
    }

    /// A shop that posts to this node.
    pub fn thrivecart_of(&self, node: usize) -> ThriveCart {
        ThriveCart::new(self.running(node).address, builder::HOOK_KEY)
    }

    /// GHL as it posts web hooks to the first node that runs.
    pub fn ghl_hook(&self) -> GhlHook {
        let address = self.running(self.first_running()).address;
        GhlHook::new(address, builder::GHL_HOOK_KEY)
    }

    /// Where that account is.
    pub fn ghl_url(&self) -> String {
        self.sandbox.url()
    }

    /// The GHL account behind the connection.
    pub fn ghl(&self) -> Ghl<'_> {
        Ghl::new(&self.sandbox)
    }

    /// The engine of the first node that runs.
    pub fn handle(&self) -> &Handle {
        &self.running(self.first_running()).handle
    }

    /// The database of the first node that runs.
    pub fn db(&self) -> &cartlane_store::Db {
        &self.running(self.first_running()).db
    }

    /// The clock of all parts.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Runs of all events, oldest first.
    ///
    /// # Panics
    /// When the database doesn't answer.
    pub async fn runs(&self) -> Vec<RunRow> {
        let filter = RunFilter::default();
        let mut runs = self
            .handle()
            .runs(filter, AT_MOST)
            .await
            .expect("runs are listed");
        runs.reverse();
        runs
    }

    /// Waits until no run is open.
    ///
    /// # Panics
    /// After 90 s, with the runs that are still open.
    pub async fn drain(&self) {
        self.until("all runs are over", async || self.open_runs().await.is_empty())
            .await;
    }

    /// Waits until `holds`.
    ///
    /// # Panics
    /// After 90 s, with the runs that are still open.
    pub async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            if Instant::now() > deadline {
                let open_runs = self.open_runs().await;
                panic!("waited in vain until {what}; open runs: {open_runs:#?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn open_runs(&self) -> Vec<RunRow> {
        let mut runs = self.runs().await;
        runs.retain(|run| run.finished_at.is_none());
        runs
    }

    /// Stops a node as a signal does, and waits for its end.
    ///
    /// # Panics
    /// When it doesn't run.
    pub async fn stop(&mut self, node: usize) {
        self.take(node).stop().await;
    }

    /// Ends a node at once, as `kill -9` does: whatever it does is cut off where it stands.
    ///
    /// # Panics
    /// When it doesn't run.
    pub async fn kill(&mut self, node: usize) {
        self.take(node).kill().await;
    }

    /// Starts a node again, on the same database.
    ///
    /// # Panics
    /// When it still runs, or doesn't start.
    pub async fn start(&mut self, node: usize) {
        assert!(self.nodes[node].is_none(), "node {node} runs already");
        self.nodes[node] = Some(Node::start(self.setup.clone()).await);
    }

    /// Stops the first node and starts it again.
    pub async fn restart(&mut self) {
        self.stop(0).await;
        self.start(0).await;
    }

    /// Lets open runs be left behind when this is dropped.
    pub fn leave_runs(&mut self) {
        self.leaves_runs = true;
    }

    fn take(&mut self, node: usize) -> Node {
        self.nodes[node].take().expect("the node runs")
    }

    fn running(&self, node: usize) -> &Node {
        self.nodes[node].as_ref().expect("the node runs")
    }

    fn first_running(&self) -> usize {
        let running = self.nodes.iter().position(Option::is_some);
        running.expect("a node runs")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let left: Vec<i64> = self
            .nodes
            .iter_mut()
            .filter_map(Option::take)
            .map(Node::end)
            .collect();
        if !self.leaves_runs && !std::thread::panicking() {
            assert!(
                left.iter().all(|open| *open == 0),
                "open runs are left behind: {left:?}"
            );
        }
    }
}
