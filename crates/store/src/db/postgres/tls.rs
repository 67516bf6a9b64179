//! TLS to the database, checked against the platform's root certificates.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::Error;

/// What the driver needs to speak TLS.
pub(super) fn connector() -> Result<MakeRustlsConnect, Error> {
    let unfit = |error| Error::Unfit(format!("TLS to PostgreSQL cannot be set up: {error}"));
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(unfit)?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
