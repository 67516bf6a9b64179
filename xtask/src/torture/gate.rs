//! Where deliveries gather, so that a server can be killed just after it acknowledged the first of many in flight.
//! A kill at any other moment would hardly ever meet the few milliseconds in which an acknowledgement could be a lie.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Open, but for the moment before a volley.
pub struct Gate {
    is_open: watch::Sender<bool>,
    waiting: AtomicUsize,
    last_server: AtomicUsize,
    acknowledged: Notify,
}

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self {
            is_open: watch::Sender::new(true),
            waiting: AtomicUsize::new(0),
            last_server: AtomicUsize::new(0),
            acknowledged: Notify::new(),
        }
    }

    /// Waits until the gate is open.
    pub async fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Can't fail: the sending half lives as long as the gate.
        drop(
            self.is_open
                .subscribe()
                .wait_for(|is_open| *is_open)
                .await
                .map(|_| ()),
        );
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Tells that this server has acknowledged something.
    pub fn acknowledged(&self, server: usize) {
        self.last_server.store(server, Ordering::Relaxed);
        self.acknowledged.notify_waiters();
    }

    /// Gathers deliveries, up to `size` or for 1.5 s, lets them go at once, and waits for the first acknowledgement: the
    /// server that gave it, if one came.
    pub async fn volley(&self, size: usize) -> Option<usize> {
        self.is_open.send_replace(false);
        for _ in 0..150 {
            if self.waiting.load(Ordering::Relaxed) >= size {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let first = self.acknowledged.notified();
        self.is_open.send_replace(true);
        timeout(Duration::from_millis(500), first).await.ok()?;
        Some(self.last_server.load(Ordering::Relaxed))
    }
}
