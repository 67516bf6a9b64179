//! Relays between the servers and the sandbox, one for each server: who asked for a new pair of tokens, and the moment
//! at which the answer is in their hands. A server that is killed on this word dies before it can have stored the pair,
//! or just about then.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

const CHUNK: usize = 16 * 1024;

/// The relays of all servers; gone when dropped.
pub struct Relays {
    /// Where each server finds its GHL.
    pub addresses: Vec<SocketAddr>,
    refreshed: UnboundedReceiver<usize>,
    _tasks: JoinSet<()>,
}

impl Relays {
    /// One relay for each of `servers`.
    pub async fn start(servers: usize, sandbox: SocketAddr) -> Result<Self> {
        let (sender, refreshed) = mpsc::unbounded_channel();
        let (mut addresses, mut tasks) = (Vec::new(), JoinSet::new());
        for server in 0..servers {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.push(listener.local_addr()?);
            tasks.spawn(listen(listener, sandbox, server, sender.clone()));
        }
        Ok(Self {
            addresses,
            refreshed,
            _tasks: tasks,
        })
    }

    /// Forgets the pairs that have come so far.
    pub fn forget(&mut self) {
        while self.refreshed.try_recv().is_ok() {}
    }

    /// The server that is handed the next new pair, as soon as its last byte is on the way to it.
    pub async fn refreshed(&mut self) -> Option<usize> {
        self.refreshed.recv().await
    }
}

async fn listen(
    listener: TcpListener,
    sandbox: SocketAddr,
    server: usize,
    refreshed: UnboundedSender<usize>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let refreshed = refreshed.clone();
        connections.spawn(async move {
            // Nobody may be listening any more; and where either side goes away, the other one is let go as well.
            let tell = move || refreshed.send(server).unwrap_or_default();
            let _ = relay(stream, sandbox, tell).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(mut client: TcpStream, sandbox: SocketAddr, tell: impl Fn()) -> Result<()> {
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
                client.write_all(bytes).await?;
                if bytes.is_empty() {
                    return Ok(());
                }
                if is_refresh(&asked) && is_whole_success(&answered) {
                    tell();
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
