//! What plays Slack, a mail server and any other server: it says yes to everything and keeps nothing.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Both servers; they stop when it is dropped.
pub struct Listener {
    /// Where the mail server listens.
    pub smtp_port: u16,
    http_port: u16,
    _stop: DropGuard,
}

impl Listener {
    /// Starts both on free ports of this machine.
    pub async fn open() -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let http = TcpListener::bind("127.0.0.1:0").await?;
        let smtp = TcpListener::bind("127.0.0.1:0").await?;
        let (http_port, smtp_port) = (http.local_addr()?.port(), smtp.local_addr()?.port());
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                let (stream, is_http) = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = http.accept() => (accepted, true),
                    accepted = smtp.accept() => (accepted, false),
                };
                let Ok((stream, _)) = stream else { return };
                tokio::spawn(async move {
                    // A client that goes away in between is answered by nobody.
                    let _ = if is_http {
                        answer_http(stream).await
                    } else {
                        answer_smtp(stream).await
                    };
                });
            }
        });
        Ok(Self {
            smtp_port,
            http_port,
            _stop: stop.drop_guard(),
        })
    }

    /// An address of the web server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.http_port)
    }
}

/// Answers one request with 200 and an empty object.
async fn answer_http(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    tokio::io::copy(&mut (&mut reader).take(length), &mut tokio::io::sink()).await?;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    reader.get_mut().write_all(answer.as_bytes()).await
}

/// Takes e-mail until the client says QUIT.
async fn answer_smtp(stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut in_message = false;
    write.write_all(b"220 test.localhost\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer = match line.as_str() {
            "." if in_message => {
                in_message = false;
                "250 taken"
            }
            _ if in_message => continue,
            "DATA" => {
                in_message = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            line if line.starts_with("EHLO") => "250-test.localhost\r\n250 8BITMIME",
            _ => "250 ok",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
