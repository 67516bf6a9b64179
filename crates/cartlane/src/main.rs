//! The cartlane program.
fn main() {}
