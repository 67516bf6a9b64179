//! Who asks: the engine, in the name of whoever the request says it comes from.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use cartlane_engine::Handle;

/// The header that says who asks. Whoever reaches the socket is trusted, so it is a name, not a proof.
pub const ACTOR: &str = "cartlane-actor";
/// Who it is where the request does not say.
const UNKNOWN: &str = "unknown";

/// The engine, changing things in the caller's name.
pub struct Caller(pub Handle);

impl FromRequestParts<Handle> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, engine: &Handle) -> Result<Self, Infallible> {
        let given = parts.headers.get(ACTOR);
        let actor = given.map(|name| String::from_utf8_lossy(name.as_bytes()));
        let actor = actor.as_deref().map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(engine.by(actor.unwrap_or(UNKNOWN))))
    }
}
