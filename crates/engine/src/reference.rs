//! The short unique reference by which an effect of ours is found again.

use cartlane_model::{AutomationId, EventId};
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 12;

/// The reference of (event, automation, step): 12 letters and digits, 60 bits, the same each time.
pub(crate) fn reference(event: EventId, automation: AutomationId, step: &str) -> String {
    let digest = Sha256::digest(format!("{event}/{automation}/{step}"));
    digest
        .iter()
        .take(LENGTH)
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}
