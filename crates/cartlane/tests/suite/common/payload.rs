//! What ThriveCart sends.

use std::path::Path;

use cartlane_thrivecart::wire;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::SECRET;

const ORDER: &str =
    include_str!("../../../../thrivecart/fixtures/docstyle/order.success.product_plus_upsell.form");

/// A recorded delivery in both wire forms; the secret is the house's.
pub struct Recording {
    /// The file's name without its ending.
    pub name: String,
    /// Form-urlencoded.
    pub form: String,
    /// JSON.
    pub json: String,
}

/// Every recorded payload; a form that was not recorded is derived from the other.
pub fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../thrivecart/fixtures");
    let mut files = Vec::new();
    for directory in [root.clone(), root.join("docstyle")] {
        let entries = std::fs::read_dir(&directory).expect("the recorded payloads");
        files.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    files.retain(|path| path.is_file());
    for file in &mut files {
        file.set_extension("");
    }
    files.sort();
    files.dedup();
    files.iter().map(|stem| recording(stem)).collect()
}

fn recording(stem: &Path) -> Recording {
    let read = |ending: &str| {
        let path = format!("{}.{ending}", stem.display());
        std::fs::read_to_string(path)
            .ok()
            .map(|text| text.trim_end().to_owned())
    };
    let (form, json) = (read("form"), read("json"));
    let tree: Value = match (&form, &json) {
        (_, Some(json)) => serde_json::from_str(json).expect("recorded JSON"),
        (Some(form), None) => wire::to_json(form),
        (None, None) => panic!("{} is neither .form nor .json", stem.display()),
    };
    let recorded = tree["thrivecart_secret"]
        .as_str()
        .expect("a secret to replace")
        .to_owned();
    let name = stem
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let in_form = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
    Recording {
        name,
        form: form
            .unwrap_or_else(|| wire::to_form(&tree))
            .replace(&recorded, &in_form),
        json: json
            .unwrap_or_else(|| tree.to_string())
            .replace(&recorded, SECRET),
    }
}

/// The e-mail of [`order`] number `number`.
pub fn email(number: u32) -> String {
    format!("buyer-{number}@orders.example")
}

/// An order of a customer of its own, as a tree.
pub fn order_tree(number: u32) -> Value {
    let mut tree = wire::to_json(ORDER.trim_end());
    tree["thrivecart_secret"] = SECRET.into();
    tree["order_id"] = (7_000_000 + number).to_string().into();
    tree["invoice_id"] = format!("INV-{number}").into();
    tree["order_timestamp"] = (1_788_512_400 + number).to_string().into();
    tree["customer"]["email"] = email(number).into();
    tree
}

/// An order of a customer of its own, form-urlencoded.
pub fn order(number: u32) -> String {
    wire::to_form(&order_tree(number))
}
