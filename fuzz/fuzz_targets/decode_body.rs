//! Any bytes are a delivery, a ping or a refusal; what is stored of a delivery makes the same event, and does not hold
//! its secret. The first byte chooses the header and the limits.
#![no_main]

use cartlane_model::ExposeSecret;
use cartlane_thrivecart::{ContentType, Delivery, Limits, decode, decode_stored};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let content_type = match choice & 3 {
        0 => None,
        1 => Some("application/json"),
        2 => Some("text/plain"),
        _ => Some("application/x-www-form-urlencoded"),
    };
    if choice & 4 != 0 {
        let tight = Limits {
            body_bytes: 64 * 1024,
            keys: 8,
            depth: 2,
        };
        let _ = decode(content_type, body, &tight);
        let _ = decode_stored(ContentType::Json, body);
        return;
    }
    match decode(content_type, body, &Limits::default()) {
        Ok(Delivery::Event(incoming)) => {
            let stored = decode_stored(incoming.masked.content_type, &incoming.masked.body);
            assert_eq!(stored, incoming.event);
            if let Some(secret) = &incoming.secret {
                assert_no_secret(
                    secret.expose_secret(),
                    incoming.event.facts.payload.to_string().as_bytes(),
                );
                // `%3EXAMPLE` spells `>XAMPLE`: where there are escapes, raw bytes may look like a secret by chance.
                if !incoming
                    .masked
                    .body
                    .iter()
                    .any(|byte| matches!(byte, b'%' | b'\\'))
                {
                    assert_no_secret(secret.expose_secret(), &incoming.masked.body);
                }
            }
        }
        Ok(Delivery::Ping) => {}
        Err(error) => assert!(error.position() <= body.len()),
    }
});

/// For secrets as ThriveCart makes them; one that is itself JSON syntax, say, may stand in a body by chance.
fn assert_no_secret(secret: &str, kept: &[u8]) {
    let is_usual = secret.len() == 12
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let found = kept
        .windows(secret.len().max(1))
        .any(|window| window == secret.as_bytes());
    assert!(!(is_usual && found), "the secret is still there");
}
