//! HTTP over a plain socket: nothing between a test and the bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status; 0 when the connection ended without one.
    pub status: u16,
    /// Its head, in lower case.
    pub head: String,
    /// Where it sends whoever asked.
    pub location: Option<String>,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The event's id in `stored as evt_…` and `already stored as evt_…`.
    pub fn event(&self) -> String {
        let id = self.body.trim().rsplit(' ').next().unwrap_or_default();
        assert!(self.status == 200 && id.starts_with("evt_"), "{self:?}");
        id.to_owned()
    }

    /// Whether it says that the delivery had come before.
    pub fn is_repeat(&self) -> bool {
        self.body.starts_with("already stored")
    }
}

/// A connection on which nothing is waited for longer than a minute.
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .expect("a time-out");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Sends one request on a connection of its own.
pub fn send(to: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = connect(to);
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    let written = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body.as_bytes()));
    drop(written); // a server that has refused already may have closed; its answer is there all the same
    read(stream)
}

/// Reads until the other side closes.
pub fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    drop(ended); // a reset after the answer takes nothing away from it
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.to_owned())
    });
    let head = head.to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = if head.contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Answer {
        status: status.unwrap_or(0),
        head,
        location,
        body,
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        whole.push_str(&rest[..size]);
        body = &rest[(size + 2).min(rest.len())..];
    }
    whole
}
