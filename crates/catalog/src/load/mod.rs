//! Reading the data files, one resource at a time. A fault in any of them is told with its place, all at once.

mod assemble;
mod facts;
mod inputs;
mod overlay;
mod sample;
mod sources;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use cartlane_model::Problems;

use crate::{Operation, OptionSource, System};
use facts::FactsFile;
use overlay::Overlay;
pub(crate) use sources::SOURCES;

/// The data files of one resource.
#[derive(Debug)]
pub(crate) struct Source {
    /// The files' name: `custom-fields`.
    pub name: &'static str,
    /// Whose resource it is.
    pub system: System,
    /// What the ids of the whole system begin with: `ghl`.
    directory: &'static str,
    /// The generated file; empty where all facts stand in the overlay.
    facts: &'static str,
    /// Empty where nothing was written by hand.
    overlay: &'static str,
    /// Whether it is one operation alone, whose id is only the system and the name, or only the system and this.
    single: Option<&'static str>,
    /// What inputs of a name mean in the whole system.
    inputs: &'static str,
}

impl Source {
    /// What the ids of its operations begin with: `ghl.custom_fields.`
    pub fn prefix(&self) -> String {
        match self.single {
            Some(name) => format!("{}.{name}", self.directory),
            None => format!("{}.{}.", self.directory, self.name.replace('-', "_")),
        }
    }

    /// Whether an operation of this id is one of its.
    pub fn owns(&self, id: &str) -> bool {
        if let Some(name) = self.single {
            return id.split_once('.') == Some((self.directory, name));
        }
        let mut parts = id.splitn(3, '.');
        let resource = |part: &str| part.len() == self.name.len() && part.replace('_', "-") == self.name;
        parts.next() == Some(self.directory) && parts.next().is_some_and(resource)
    }

    /// Its operations.
    pub fn read(&self) -> Result<Vec<Operation>, Problems> {
        static GHL: OnceLock<Result<overlay::CommonInputs, Problems>> = OnceLock::new();
        static NONE: overlay::CommonInputs = overlay::CommonInputs::new();
        let fault = |message: String| {
            let mut problems = Problems::default();
            problems.push(format!("{}/{}", self.directory, self.name), message);
            problems
        };
        let common = match self.system {
            System::Ghl => GHL
                .get_or_init(|| inputs::common(self.inputs))
                .as_ref()
                .map_err(Clone::clone)?,
            _ => &NONE,
        };
        let overlay: Overlay =
            toml::from_str(self.overlay).map_err(|error| fault(format!("overlay: {error}")))?;
        let facts = match self.facts {
            "" => FactsFile::of(&overlay).map_err(fault)?,
            text => serde_json::from_str(text).map_err(|error| fault(format!("generated: {error}")))?,
        };
        let resource = assemble::Resource {
            system: self.system,
            prefix: self.prefix(),
            facts: &facts,
            common,
        };
        resource.operations(overlay)
    }
}

/// The lists that inputs' values are chosen from, by name.
pub(crate) fn options() -> &'static Result<BTreeMap<String, OptionSource>, Problems> {
    static OPTIONS: LazyLock<Result<BTreeMap<String, OptionSource>, Problems>> = LazyLock::new(|| {
        let mut options = BTreeMap::new();
        for text in [
            include_str!("../../../../catalog/ghl/options.toml"),
            include_str!("../../../../catalog/thrivecart/options.toml"),
        ] {
            let sources: BTreeMap<String, OptionSource> =
                toml::from_str(text).map_err(|error| Problems::one("options.toml", error.to_string()))?;
            options.extend(sources);
        }
        Ok(options)
    });
    &OPTIONS
}
