//! The one proof of origin that `ThriveCart` gives: the account's secret word, inside the body.

use cartlane_model::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Whether `given` is one of `valid` (two while a secret is being changed).
///
/// Digests of equal length are compared in constant time, all of them, so that neither the time taken nor the
/// length tells how near a guess was.
pub fn secret_matches(given: &SecretString, valid: &[SecretString]) -> bool {
    let digest = |secret: &SecretString| Sha256::digest(secret.expose_secret().trim().as_bytes());
    let given = digest(given);
    let found = valid.iter().fold(Choice::from(0), |found, secret| {
        found | digest(secret).as_slice().ct_eq(given.as_slice())
    });
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_valid_secret_matches_and_no_other() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let valid = [secret("NEWSECRET001"), secret("OLDSECRET001\n")];
        assert!(secret_matches(&secret("NEWSECRET001"), &valid));
        assert!(secret_matches(&secret("OLDSECRET001"), &valid));
        assert!(!secret_matches(&secret("OLDSECRET00"), &valid));
        assert!(!secret_matches(&secret("NEWSECRET001"), &[]));
    }
}
