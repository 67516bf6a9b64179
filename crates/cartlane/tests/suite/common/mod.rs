//! What the tests stand on.

mod house;
pub mod http;
pub mod payload;

use std::thread::sleep;
use std::time::{Duration, Instant};

pub use house::{APP_SECRET, House, Output, SECRET, Setup, TOKEN, program, run};

/// How long anything may take before a test says that it never came.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `found` finds something; panics with `what` when it never does.
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        sleep(Duration::from_millis(30));
    }
}

/// Says why a test shows nothing on this machine.
#[expect(clippy::print_stderr, reason = "whoever reads the test's output must see it")]
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
