//! Accepting connections: bounded in number, each with a time limit for its head.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 4096;
/// A client has so long for the head of a request; a connection may idle as long between two.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Requests in flight have so long to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(9);

/// Serves `router` over TCP until `shutdown`.
pub async fn serve_tcp(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let accept = || async {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    serve(accept, router, shutdown).await;
}

/// Serves `router` over a Unix socket until `shutdown`.
pub async fn serve_unix(listener: UnixListener, router: Router, shutdown: CancellationToken) {
    let accept = || async { listener.accept().await.map(|(stream, _)| stream) };
    serve(accept, router, shutdown).await;
}

async fn serve<S, A, F>(accept: A, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn() -> F,
    F: Future<Output = std::io::Result<S>>,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let tracker = TaskTracker::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let Some(Ok(place)) = shutdown.run_until_cancelled(place).await else {
            break;
        };
        let stream = match shutdown.run_until_cancelled(accept()).await {
            None => break,
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await; // out of file descriptors: let some end
                continue;
            }
        };
        let (service, shutdown) = (TowerToHyperService::new(router.clone()), shutdown.clone());
        tracker.spawn(async move {
            let _place = place;
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            let served = tokio::select! {
                served = &mut connection => served,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    tracker.close();
    let _ = tokio::time::timeout(STOP_WITHIN, tracker.wait()).await; // whoever is not done by then is cut
}
