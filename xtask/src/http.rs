//! A very small HTTP/1.1 client for loopback: no TLS, no redirects, nothing hidden. It costs a load generator little,
//! and an `xtask` that only formats code shouldn't have to build a real one.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// An answer.
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Body, without transfer encoding.
    pub body: Vec<u8>,
    /// Where a redirect leads.
    pub location: Option<String>,
}

impl Reply {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null where it isn't any.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A request's bytes; `extra` are whole header lines that end in CRLF.
pub fn encode(method: &str, path: &str, content_type: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n{extra}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A `POST` of a form.
pub fn encode_form(path: &str, body: &[u8]) -> Vec<u8> {
    encode("POST", path, FORM, "", body)
}

/// A connection that is kept alive as long as both sides want.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(16 * 1024, stream),
        })
    }

    /// Sends one encoded request and reads its answer. After an error the connection is of no more use.
    pub async fn send(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream
            .get_mut()
            .write_all(request)
            .await
            .context("sending")?;
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .await
            .context("reading the status")?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .context("no status line")?;
        let (mut length, mut chunked, mut location) = (None, false, None);
        loop {
            line.clear();
            ensure!(
                self.stream
                    .read_line(&mut line)
                    .await
                    .context("reading the headers")?
                    > 0,
                "cut in the headers"
            );
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<usize>().context("content-length")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("location") {
                location = Some(value.trim().to_owned());
            }
        }
        let body = match length {
            _ if chunked => self.chunks().await?,
            _ if status == 204 => Vec::new(),
            Some(length) => self.exactly(length).await?,
            None => bail!("an answer of unknown length"),
        };
        Ok(Reply {
            status,
            body,
            location,
        })
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream
            .read_exact(&mut body)
            .await
            .context("reading the body")?;
        Ok(body)
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream
                .read_line(&mut line)
                .await
                .context("reading a chunk")?;
            let length = usize::from_str_radix(line.trim_end(), 16).context("length of a chunk")?;
            let mut chunk = self.exactly(length + 2).await?;
            chunk.truncate(length);
            body.extend(chunk);
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

/// One request on a connection of its own.
pub async fn once(address: SocketAddr, request: &[u8], timeout: Duration) -> Result<Reply> {
    let exchange = async { Connection::open(address).await?.send(request).await };
    tokio::time::timeout(timeout, exchange)
        .await
        .context("no answer in time")?
}

/// One JSON request on a connection of its own; `extra` as in [`encode`].
pub async fn json(address: SocketAddr, method: &str, path: &str, extra: &str, body: &Value) -> Result<Reply> {
    let body = if body.is_null() {
        Vec::new()
    } else {
        serde_json::to_vec(body)?
    };
    once(
        address,
        &encode(method, path, JSON, extra, &body),
        Duration::from_secs(20),
    )
    .await
}

/// The bytes of a JSON request.
pub fn encode_json(method: &str, path: &str, extra: &str, body: &Value) -> Vec<u8> {
    encode(method, path, JSON, extra, body.to_string().as_bytes())
}
