//! A mail server that takes one e-mail, and goes wrong where the test wants it to.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where it goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nowhere.
    None,
    /// It says this to `RCPT TO`, and takes nothing.
    Recipient(&'static str),
    /// It closes the line when asked for `DATA`.
    CutBeforeData,
    /// It closes the line when it has read the message, without a word.
    CutAfterMessage,
}

/// Its port, and what it was told, once the line is closed.
pub async fn listen(fault: Fault) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (port, tokio::spawn(serve(listener, fault)))
}

async fn serve(listener: TcpListener, fault: Fault) -> String {
    let (stream, _) = listener.accept().await.expect("a client");
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut heard = String::new();
    let mut in_message = false;
    let mut say = async |answer: &str| write.write_all(format!("{answer}\r\n").as_bytes()).await.is_ok();
    say("220 mail.example.com").await;
    while let Ok(Some(line)) = lines.next_line().await {
        heard.push_str(&line);
        heard.push('\n');
        let answer = match line.as_str() {
            "." if in_message && fault == Fault::CutAfterMessage => break,
            "." if in_message => {
                in_message = false;
                "250 taken as 4711"
            }
            _ if in_message => continue,
            "DATA" if fault == Fault::CutBeforeData => break,
            "DATA" => {
                in_message = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            line if line.starts_with("RCPT") => match fault {
                Fault::Recipient(answer) => answer,
                _ => "250 ok",
            },
            line if line.starts_with("EHLO") => "250-mail.example.com\r\n250 8BITMIME",
            _ => "250 ok",
        };
        say(answer).await;
    }
    heard
}
