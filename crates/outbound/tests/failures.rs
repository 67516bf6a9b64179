//! What each way of failing means, against a server that speaks raw TCP.

use std::future::Future;
use std::io;

use cartlane_outbound::{Client, Error, Options, Request, install_crypto_provider};
use http::{HeaderValue, Method, header::AUTHORIZATION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn client(change: impl FnOnce(&mut Options)) -> Client {
    install_crypto_provider();
    let mut options = Options {
        allow_private_networks: true,
        max_body_bytes: 1000,
        ..Options::default()
    };
    change(&mut options);
    Client::new(&options).expect("a client")
}

fn post(port: u16) -> Request {
    let url = format!("http://127.0.0.1:{port}/notes?secret=q")
        .parse()
        .expect("a URL");
    let mut request = Request {
        method: Method::POST,
        body: "{}".into(),
        ..Request::get(url)
    };
    request
        .headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer pit-secret"));
    request
}

/// A server that hands every connection to `serve`. Gives its port.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// Reads a request to its end (`{}`).
async fn read(stream: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"{}") {
        if stream.read_buf(&mut seen).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// What the client says when every request is answered with these bytes and a closed connection.
async fn outcome(answer: &'static [u8]) -> Result<Vec<u8>, Error> {
    let port = server(move |mut stream| async move {
        read(&mut stream).await?;
        stream.write_all(answer).await
    })
    .await;
    client(|_| {})
        .send(post(port))
        .await
        .map(|response| response.body.to_vec())
}

#[tokio::test]
async fn a_refused_connection_or_unknown_name_was_never_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    assert!(matches!(
        client(|_| {}).send(post(port)).await,
        Err(Error::NotSent(_))
    ));
    let unknown = Request::get("http://nowhere.invalid/".parse().expect("a URL"));
    assert!(matches!(
        client(|_| {}).send(unknown).await,
        Err(Error::NotSent(_))
    ));
}

#[tokio::test]
async fn failed_tls_was_never_sent() {
    let port =
        server(|mut stream| async move { stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await }).await;
    let mut request = post(port);
    request.url.set_scheme("https").expect("a scheme");
    assert!(matches!(
        client(|_| {}).send(request).await,
        Err(Error::NotSent(_))
    ));
}

#[tokio::test]
async fn a_cut_before_or_within_the_answer_is_unclear() {
    assert_eq!(outcome(ANSWER).await, Ok(b"ok".to_vec()));
    let cuts: [&[u8]; 3] = [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
    ];
    for answer in cuts {
        assert!(matches!(outcome(answer).await, Err(Error::Cut(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_cut_on_a_used_connection_is_unclear_and_not_repeated() {
    let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let port = server(move |mut stream| {
        let seen = seen.clone();
        async move {
            read(&mut stream).await?;
            stream.write_all(ANSWER).await?;
            read(&mut stream).await?;
            seen.send(()).map_err(io::Error::other)
        }
    })
    .await;
    let client = client(|_| {});
    assert!(client.send(post(port)).await.is_ok());
    assert!(matches!(client.send(post(port)).await, Err(Error::Cut(_))));
    assert!(
        requests.recv().await.is_some(),
        "the first connection was used again"
    );
    assert!(requests.try_recv().is_err(), "the request went out once");
}

#[tokio::test]
async fn silence_times_out_before_and_within_the_answer() {
    let starts: [&[u8]; 2] = [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"];
    for start in starts {
        let port = server(move |mut stream| async move {
            read(&mut stream).await?;
            stream.write_all(start).await?;
            std::future::pending().await
        })
        .await;
        let impatient = client(|options| options.request_timeout_ms = 200);
        assert_eq!(
            impatient.send(post(port)).await.map(|_| ()),
            Err(Error::TimedOut),
            "{start:?}"
        );
    }
}

#[tokio::test]
async fn a_large_answer_is_given_up_announced_or_not() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n";
    assert_eq!(outcome(announced).await, Err(Error::TooLarge));
    let streamed = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 1001]].concat();
    assert_eq!(outcome(streamed.leak()).await, Err(Error::TooLarge));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let port = server(|mut stream| async move {
        read(&mut stream).await?;
        stream
            .write_all(b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n")
            .await
    })
    .await;
    let response = client(|_| {}).send(post(port)).await.expect("an answer");
    assert_eq!(response.status.as_u16(), 302);
}

#[tokio::test]
async fn private_networks_are_refused_by_address_and_by_name() {
    let port = server(|mut stream| async move {
        read(&mut stream).await?;
        stream.write_all(ANSWER).await
    })
    .await;
    let guarded = client(|options| options.allow_private_networks = false);
    for host in ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let mut request = post(port);
        request.url = format!("http://{host}:{port}/").parse().expect("a URL");
        let error = guarded.send(request.clone()).await.expect_err("refused");
        assert!(
            matches!(&error, Error::NotSent(why) if why.contains("private network")),
            "{host}: {error}"
        );
    }
    assert!(client(|_| {}).send(post(port)).await.is_ok());
}

#[tokio::test]
async fn no_text_shows_the_credential_or_the_query() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let request = post(port);
    let error = client(|_| {}).send(request.clone()).await.expect_err("refused");
    let texts = format!("{request:?} {error:?} {error}");
    assert!(!texts.contains("secret"), "{texts}");
}
