//! Files as inputs, and the parts of the form that they are sent in.
//!
//! ```json
//! {"name": "invoice.pdf", "base64": "JVBERi0…"}
//! {"name": "notes.txt", "text": "Called back."}
//! {"kept": "file_01k…"}
//! ```
//!
//! A file that an earlier step's answer brought is named by its id: `{kept: "{{ steps.recording.file.id }}"}`. An
//! operation that sends several files takes a list of these, each with the name of its part of the form where the vendor
//! wants one of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlane_model::FileId;
use serde::Deserialize;
use serde_json::Value;

use crate::{BodyKind, Operation, Shape, Type};

/// The format of an input that is a file, and of a list's items that are.
pub const FILE: &str = "file";
/// That of a file which has to say the name of its part.
const FILE_WITH_PART: &str = "file_with_part";
/// What the vendor's description calls a file.
const BINARY: &str = "binary";
/// Where the bytes come from: one of these.
const CONTENTS: [&str; 3] = ["text", "base64", "kept"];

/// One part of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name in the form.
    pub name: String,
    /// What is in it.
    pub content: PartContent,
}

/// What is in a part.
#[derive(Clone, Debug, PartialEq)]
pub enum PartContent {
    /// A value.
    Text(String),
    /// A file.
    File(File),
}

/// A file to send.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// What the receiver is to call it; `None` for a kept file under its own name.
    pub name: Option<String>,
    /// What it is; `None` for what a kept file is, or what its name says.
    pub content_type: Option<String>,
    /// Where its bytes are.
    pub bytes: FileBytes,
}

/// A file's bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum FileBytes {
    /// These.
    Here(Vec<u8>),
    /// Those of a file that an earlier answer brought.
    Kept(FileId),
}

/// A file as an input gives it.
#[derive(Deserialize)]
struct FileIn {
    part: Option<String>,
    name: Option<String>,
    content_type: Option<String>,
    text: Option<String>,
    base64: Option<String>,
    kept: Option<FileId>,
}

impl Operation {
    /// The parts of the form that `body`, made by [`Operation::request`], is sent as; `None` where it is sent as JSON.
    ///
    /// # Errors
    /// Why a file in it is none.
    pub fn parts(&self, body: &Value) -> Option<Result<Vec<Part>, String>> {
        let endpoint = self.endpoint()?;
        let fields = body.as_object().filter(|_| endpoint.body == BodyKind::Form)?;
        let parts = fields.iter().flat_map(|(name, value)| {
            let shape = self.input(name).map(|input| &input.shape);
            let values = match value {
                Value::Array(values) => values.iter().collect(),
                value => vec![value],
            };
            values
                .into_iter()
                .map(move |value| part(name, value, shape.is_some_and(is_file)))
        });
        Some(parts.collect())
    }
}

fn is_file(shape: &Shape) -> bool {
    let item = shape.items.as_deref().unwrap_or(shape);
    item.format.as_deref() == Some(FILE)
}

fn part(name: &str, value: &Value, is_file: bool) -> Result<Part, String> {
    if !is_file {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(Part {
            name: name.to_owned(),
            content: PartContent::Text(text),
        });
    }
    let file: FileIn =
        serde_json::from_value(value.clone()).map_err(|error| format!("`{name}` is no file: {error}"))?;
    let bytes = match (file.text, file.base64, file.kept) {
        (Some(text), None, None) => FileBytes::Here(text.into_bytes()),
        (None, Some(text), None) => {
            let bytes = STANDARD.decode(text.trim());
            FileBytes::Here(bytes.map_err(|error| format!("`{name}.base64` is not base64: {error}"))?)
        }
        (None, None, Some(id)) => FileBytes::Kept(id),
        _ => return Err(format!("`{name}` needs exactly one of {}", CONTENTS.join(", "))),
    };
    Ok(Part {
        name: file.part.unwrap_or_else(|| name.to_owned()),
        content: PartContent::File(File {
            name: file.name,
            content_type: file.content_type,
            bytes,
        }),
    })
}

/// Gives what a form's description calls a file, and what an overlay does, the fields that a file has.
pub(crate) fn complete(shape: &mut Shape) {
    if let Some(items) = &mut shape.items {
        return complete(items);
    }
    let with_part = match shape.format.as_deref() {
        Some(FILE | BINARY) => false,
        Some(FILE_WITH_PART) => true,
        _ => return,
    };
    let field = |name: &str, required: bool, format: Option<&str>| Shape {
        name: name.to_owned(),
        required,
        r#type: Type::String,
        format: format.map(str::to_owned),
        ..Shape::default()
    };
    let part = with_part.then(|| field("part", true, None));
    let said = [
        field("name", false, None),
        field("content_type", false, None),
        field("text", false, None),
        field("base64", false, Some("base64")),
        field("kept", false, Some("file_id")),
    ];
    shape.r#type = Type::Object;
    shape.format = Some(FILE.to_owned());
    shape.fields = part.into_iter().chain(said).collect();
    shape.needs_one = CONTENTS.map(str::to_owned).to_vec();
    shape.takes_one = true;
}

/// Whether the text is base64, as it is written with padding.
pub(crate) fn is_base64(text: &str) -> bool {
    STANDARD.decode(text.trim()).is_ok()
}
