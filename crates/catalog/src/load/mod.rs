//! Reading the data files into a catalog. A fault in any of them is told with its place, all at once.

mod assemble;
mod facts;
mod overlay;
#[cfg(test)]
mod tests;

use cartlane_model::Problems;

use crate::{Catalog, Operation, System};
use facts::FactsFile;
use overlay::Overlay;

/// The two data files of one resource.
struct Source {
    name: &'static str,
    system: System,
    facts: &'static str,
    overlay: &'static str,
}

macro_rules! source {
    ($system:ident, $directory:literal, $name:literal) => {
        Source {
            name: concat!($directory, "/", $name),
            system: System::$system,
            facts: include_str!(concat!(
                "../../../../catalog/",
                $directory,
                "/generated/",
                $name,
                ".json"
            )),
            overlay: include_str!(concat!(
                "../../../../catalog/",
                $directory,
                "/overlay/",
                $name,
                ".toml"
            )),
        }
    };
}

/// Every data file, in the order in which its operations are shown.
const SOURCES: &[Source] = &[source!(Ghl, "ghl", "contacts")];

/// The catalog of the files that are compiled in.
pub(crate) fn builtin() -> Result<Catalog, Problems> {
    let mut operations = Vec::new();
    let mut problems = Problems::default();
    for source in SOURCES {
        match read(source) {
            Ok(more) => operations.extend(more),
            Err(more) => problems.0.extend(more.0),
        }
    }
    problems.into_result(operations).and_then(Catalog::new)
}

fn read(source: &Source) -> Result<Vec<Operation>, Problems> {
    let fault = |message: String| {
        let mut problems = Problems::default();
        problems.push(source.name, message);
        problems
    };
    let facts: FactsFile =
        serde_json::from_str(source.facts).map_err(|error| fault(format!("generated: {error}")))?;
    let overlay: Overlay =
        toml::from_str(source.overlay).map_err(|error| fault(format!("overlay: {error}")))?;
    assemble::operations(source.system, &facts, overlay)
}
