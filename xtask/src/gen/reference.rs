//! `docs/operations.md`.

/// The page.
pub fn markdown() -> String {
    String::new()
}
