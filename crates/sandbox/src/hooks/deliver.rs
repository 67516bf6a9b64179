//! The task that sends events when they are due.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Job;
use crate::state::State;

const SIGNATURE: HeaderName = HeaderName::from_static("x-ghl-signature");
/// How often the sandbox's clock is looked at while something waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 16;

/// Sends what comes, until `shutdown`.
pub(crate) async fn run(
    state: Arc<State>,
    mut queue: mpsc::UnboundedReceiver<Job>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let mut waiting: Vec<Job> = Vec::new();
    let mut http: Option<reqwest::Client> = None;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            job = queue.recv() => waiting.extend(job),
            () = tokio::time::sleep(LOOK_EVERY), if !waiting.is_empty() => {}
        }
        let now = state.now();
        for job in waiting.extract_if(.., |job| job.due <= now) {
            let http = http.get_or_insert_with(client).clone();
            let (state, room, shutdown) = (Arc::clone(&state), Arc::clone(&room), shutdown.clone());
            tasks.spawn(async move {
                let attempt = async {
                    // Never closed, so there is always a permit in the end.
                    let _permit = room.acquire().await;
                    attempt(&http, &job).await
                };
                if let Some(answer) = shutdown.run_until_cancelled(attempt).await {
                    state.delivered(job, answer);
                }
            });
        }
    }
}

async fn attempt(http: &reqwest::Client, job: &Job) -> Result<u16, String> {
    let request = http
        .post(&job.url)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "HighLevel-Webhook-Sandbox")
        .header(SIGNATURE, &job.signature)
        .body(job.body.clone());
    let answer = request.send().await.map_err(|error| error.to_string())?;
    Ok(answer.status().as_u16())
}

fn client() -> reqwest::Client {
    // Whoever runs the sandbox may have chosen a provider already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    builder
        .build()
        .expect("a client with a crypto provider can be built")
}
