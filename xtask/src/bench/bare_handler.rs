//! What ingest is compared with: the same web framework, reading the body and answering 200, and nothing else.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;

/// Options of the hidden sub-command.
#[derive(clap::Args)]
pub struct Args {
    /// Where to listen
    #[arg(long)]
    pub listen: SocketAddr,
}

/// Serves until it is killed.
pub fn run(args: &Args) -> Result<ExitCode> {
    let listen = args.listen;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async move {
            let listener = tokio::net::TcpListener::bind(listen).await?;
            let router = Router::new().route("/{*path}", post(|body: Bytes| async move { drop(body) }));
            axum::serve(listener, router).await?;
            Ok(ExitCode::SUCCESS)
        })
}
