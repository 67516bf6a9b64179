//! The catalog, as documents are checked against it.

use cartlane_catalog::{Catalog, Effect};
use cartlane_model::UnixMs;
use serde_json::{Map, Value};

use crate::moments;
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

    fn poll_faults(&self, id: &str, with: &Map<String, Value>) -> Vec<(String, String)> {
        let Some(operation) = self.get(id) else {
            return Vec::new();
        };
        let inputs = moments::filled(operation, with, UnixMs(0));
        if operation.effect_with(&inputs) != Effect::Read {
            let message = format!("`{id}` changes something; only what reads can be polled");
            return vec![(String::new(), message)];
        }
        let faults = operation.validate(&inputs).err().map(|faults| faults.0);
        let faults = faults.into_iter().flatten();
        faults.map(|fault| (fault.path, fault.message)).collect()
    }
}
