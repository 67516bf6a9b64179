//! The catalog, as documents are checked against it.

use cartlane_catalog::Catalog;

use crate::validate::Operations;

impl Operations for Catalog {
    fn has(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    fn nearest(&self, id: &str) -> Option<String> {
        Catalog::nearest(self, id).map(str::to_owned)
    }

    fn inputs(&self, id: &str) -> Option<Vec<String>> {
        self.get(id)
            .map(|operation| operation.inputs.iter().map(|input| input.name.clone()).collect())
    }
}
