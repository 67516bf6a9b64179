//! Relays between the servers and the sandbox, one for each server: who asked for a new pair of tokens, and the moment
//! at which the answer is in their hands. A server that is killed on this word dies before it has stored the pair, or
//! just about then; where the end of the answer is held back, certainly before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

const CHUNK: usize = 16 * 1024;
/// How long the end of an answer is held back: enough to kill who waits for it.
const HELD_BACK: Duration = Duration::from_secs(1);

/// The relays of all servers; gone when dropped.
pub struct Relays {
    /// Where each server finds its GHL.
    pub addresses: Vec<SocketAddr>,
    refreshed: UnboundedReceiver<usize>,
    holds_back: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Relays {
    /// One relay for each of `servers`.
    pub async fn start(servers: usize, sandbox: SocketAddr) -> Result<Self> {
        let (sender, refreshed) = mpsc::unbounded_channel();
        let holds_back = Arc::new(AtomicBool::new(false));
        let (mut addresses, mut tasks) = (Vec::new(), JoinSet::new());
        for server in 0..servers {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.push(listener.local_addr()?);
            let teller = Teller {
                server,
                refreshed: sender.clone(),
                holds_back: Arc::clone(&holds_back),
            };
            tasks.spawn(listen(listener, sandbox, teller));
        }
        Ok(Self {
            addresses,
            refreshed,
            holds_back,
            _tasks: tasks,
        })
    }

    /// Forgets the pairs that have come so far. Whether the ends of the next ones are held back.
    pub fn expect(&mut self, holds_back: bool) {
        self.holds_back.store(holds_back, Ordering::Relaxed);
        while self.refreshed.try_recv().is_ok() {}
    }

    /// The server that is handed the next new pair, as soon as its last byte is on the way to it, or held back.
    pub async fn refreshed(&mut self) -> Option<usize> {
        let server = self.refreshed.recv().await;
        self.holds_back.store(false, Ordering::Relaxed);
        server
    }
}

/// Tells that a server is handed a new pair.
#[derive(Clone)]
struct Teller {
    server: usize,
    refreshed: UnboundedSender<usize>,
    holds_back: Arc<AtomicBool>,
}

impl Teller {
    fn tell(&self) {
        // At the end of a run nobody listens any more.
        self.refreshed.send(self.server).unwrap_or_default();
    }

    fn holds_back(&self) -> bool {
        self.holds_back.load(Ordering::Relaxed)
    }
}

async fn listen(listener: TcpListener, sandbox: SocketAddr, teller: Teller) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let teller = teller.clone();
        connections.spawn(async move {
            // Where either side goes away, the other one is let go as well.
            let _ = relay(stream, sandbox, &teller).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(mut client: TcpStream, sandbox: SocketAddr, teller: &Teller) -> Result<()> {
    let mut ghl = TcpStream::connect(sandbox).await?;
    client.set_nodelay(true)?;
    ghl.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; CHUNK], vec![0; CHUNK]);
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if !answered.is_empty() {
                    asked.clear();
                    answered.clear();
                }
                asked.extend_from_slice(bytes);
                ghl.write_all(bytes).await?;
                if bytes.is_empty() {
                    return Ok(());
                }
            }
            read = ghl.read(&mut down) => {
                let bytes = &down[..read?];
                answered.extend_from_slice(bytes);
                let is_new_pair = is_refresh(&asked) && is_whole_success(&answered);
                if is_new_pair && teller.holds_back() {
                    teller.tell();
                    tokio::time::sleep(HELD_BACK).await;
                    client.write_all(bytes).await?;
                } else {
                    client.write_all(bytes).await?;
                    if is_new_pair {
                        teller.tell();
                    }
                }
                if bytes.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}

fn is_refresh(request: &[u8]) -> bool {
    request.starts_with(b"POST /oauth/token ") && find(request, b"grant_type=refresh_token").is_some()
}

/// Whether these are all bytes of an answer with status 200.
fn is_whole_success(answer: &[u8]) -> bool {
    let Some(end) = find(answer, b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse::<usize>().ok());
    head.starts_with("http/1.1 200") && length.is_some_and(|length| answer.len() >= end + 4 + length)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_when_its_last_byte_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npair";
        assert!(is_whole_success(answer));
        assert!(!is_whole_success(&answer[..answer.len() - 1]));
        assert!(!is_whole_success(
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
        ));
    }

    #[test]
    fn only_a_refresh_is_one() {
        assert!(is_refresh(
            b"POST /oauth/token HTTP/1.1\r\n\r\ngrant_type=refresh_token&refresh_token=r"
        ));
        assert!(!is_refresh(
            b"POST /oauth/token HTTP/1.1\r\n\r\ngrant_type=authorization_code&code=c"
        ));
        assert!(!is_refresh(b"GET /contacts/1 HTTP/1.1\r\n\r\n"));
    }
}
