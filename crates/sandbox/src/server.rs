//! Connections: each is served by a task of its own, so that a fault can really close it.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cartlane_model::Clock;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::hooks::deliver;
use crate::pipeline::{Outcome, Wire};
use crate::router;
use crate::settings::Settings;
use crate::state::State;
use crate::wire::{Call, WireBody, response};

/// How a sandbox is started.
pub struct Options {
    /// Address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What can also be set later.
    pub settings: Settings,
    /// The time behind limits, lag and dates.
    pub clock: Arc<dyn Clock>,
    /// File to which the log is appended as lines of JSON.
    pub log_file: Option<PathBuf>,
}

impl Options {
    /// Any free port of this machine, the default settings, no log file.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings: Settings::default(),
            clock,
            log_file: None,
        }
    }
}

/// An emulated GHL.
pub struct Sandbox;

impl Sandbox {
    /// Starts to answer requests. Errors where the address can't be listened on or the log file can't be opened.
    pub async fn bind(options: Options) -> io::Result<Running> {
        let log_file = options
            .log_file
            .map(|path| File::options().create(true).append(true).open(path));
        router::prepare();
        let listener = TcpListener::bind(options.listen).await?;
        let (hooks, queue) = mpsc::unbounded_channel();
        let state = State::new(options.settings, options.clock, log_file.transpose()?, hooks);
        let running = Running {
            addr: listener.local_addr()?,
            state: Arc::new(state),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let server = Server {
            state: Arc::clone(&running.state),
            shutdown: running.shutdown.clone(),
            tasks: running.tasks.clone(),
        };
        running.tasks.spawn(deliver::run(
            Arc::clone(&running.state),
            queue,
            running.tasks.clone(),
            running.shutdown.clone(),
        ));
        running.tasks.spawn(server.accept(listener));
        Ok(running)
    }
}

/// A sandbox that answers. Stops when dropped.
pub struct Running {
    addr: SocketAddr,
    state: Arc<State>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for a GHL connection, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Its state, from the inside.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Closes all connections, drops late effects that are still to come, and waits for it.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[derive(Clone)]
struct Server {
    state: Arc<State>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    async fn accept(self, listener: TcpListener) {
        while let Some(accepted) = self.shutdown.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => {
                    self.tasks.spawn(self.clone().serve(stream, peer));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: others may close meanwhile.
                    tracing::warn!(%error, "sandbox can't accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// Serves a connection until it ends or one of its requests has it cut.
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let cut = Notify::new();
        let from_here = peer.ip().is_loopback();
        let service = service_fn(|request| self.exchange(request, from_here, &cut));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            biased;
            () = cut.notified() => {}
            () = self.shutdown.cancelled() => {}
            ended = connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "sandbox connection");
                }
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<Incoming>,
        from_here: bool,
        cut: &Notify,
    ) -> Result<Response<WireBody>, Infallible> {
        let Some(call) = Call::read(request).await else {
            return Ok(hang_up(cut).await);
        };
        if admin::owns(&call.path) {
            return Ok(response(admin::answer(&self.state, &call, from_here), None, None));
        }
        let outcome = match self.state.latency() {
            None => Some(self.process(call)),
            Some((before, after)) => {
                // On a task of its own: a client that gives up can't take back a request that it has sent.
                let server = self.clone();
                let work = async move {
                    tokio::time::sleep(before).await;
                    let outcome = server.process(call);
                    tokio::time::sleep(after).await;
                    outcome
                };
                let shutdown = self.shutdown.clone();
                let work = async move { shutdown.run_until_cancelled(work).await };
                self.tasks.spawn(work).await.ok().flatten()
            }
        };
        let Some(Outcome { wire, trace_id, .. }) = outcome else {
            return Ok(hang_up(cut).await);
        };
        match wire {
            Wire::Answer(reply) => Ok(response(reply, Some(&trace_id), None)),
            Wire::Dribble(reply, slow) => Ok(response(reply, Some(&trace_id), Some(slow))),
            Wire::Cut => Ok(hang_up(cut).await),
            Wire::Silence => Ok(std::future::pending().await),
        }
    }

    /// Has the request handled, and sees to its late effect.
    fn process(&self, call: Call) -> Outcome {
        let mut outcome = self.state.lock().handle(&call);
        if let Some(late) = outcome.late.take() {
            let server = self.clone();
            self.tasks.spawn(async move {
                let wait = tokio::time::sleep(late.after);
                if server.shutdown.run_until_cancelled(wait).await.is_some() {
                    server.state.lock().apply_late(&late, &call);
                }
            });
        }
        outcome
    }
}

/// Has the connection closed under the request that calls this; never comes back.
async fn hang_up(cut: &Notify) -> Response<WireBody> {
    cut.notify_one();
    std::future::pending().await
}
