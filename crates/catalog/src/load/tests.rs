//! Faults in the data, and how they are told.

use cartlane_model::Problems;

use crate::{Catalog, links};

#[test]
fn a_wrong_link_in_the_data_is_told() {
    let mut operations: Vec<_> = Catalog::builtin().operations().cloned().collect();
    operations.retain(|operation| operation.id != "ghl.contacts.list_notes");
    let mut problems = Problems::default();
    links::check(&operations, &mut problems);
    assert_eq!(
        problems.to_string(),
        "ghl.contacts.create_note: confirm: `ghl.contacts.list_notes` is not a read"
    );
}
