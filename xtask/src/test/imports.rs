//! The table of `ARCHITECTURE.md` ("Rooms"): which crate may import which, checked against `cargo metadata`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::binary;

/// Each crate of ours, and those of ours that it may depend on. What only tests use counts too.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("catalog", &["model"]),
    ("flow", &["model", "catalog"]),
    ("outbound", &["model"]),
    ("thrivecart", &["model", "catalog", "outbound"]),
    ("ghl", &["model", "catalog", "outbound"]),
    ("notify", &["model", "catalog", "outbound"]),
    ("store", &["model"]),
    (
        "engine",
        &[
            "model",
            "catalog",
            "flow",
            "outbound",
            "thrivecart",
            "ghl",
            "notify",
            "store",
        ],
    ),
    ("server", &["model", "catalog", "flow", "engine"]),
    ("sandbox", &["model", "catalog"]),
    ("xtask", &["model", "catalog", "flow", "store", "testkit"]),
];
/// May import everything: the program, and the tests' kit.
const EVERYTHING: &[&str] = &["cartlane", "testkit"];
/// For tests everyone may use the kit and the only emulators that there are.
const FOR_TESTS: &[&str] = &["testkit", "sandbox"];
/// These know no runtime, SQL or HTTP, so that they can be folded over anything.
const PURE: &[&str] = &["model", "catalog", "flow", "thrivecart"];
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "hyper",
    "axum",
    "rusqlite",
    "postgres",
    "tokio-postgres",
    "mio",
    "socket2",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Fails with every import that isn't in the table.
pub fn check() -> Result<()> {
    let text = binary::output(binary::cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: Metadata = serde_json::from_str(&text)?;
    let wrong = violations(&metadata.packages);
    ensure!(
        wrong.is_empty(),
        "imports that ARCHITECTURE.md doesn't allow:\n  {}",
        wrong.join("\n  ")
    );
    println!("{} crates import only what they may", metadata.packages.len());
    Ok(())
}

fn violations(packages: &[Package]) -> Vec<String> {
    let table: BTreeMap<_, _> = TABLE.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = short(&package.name);
        let Some(allowed) = table.get(name) else {
            if !EVERYTHING.contains(&name) {
                wrong.push(format!("{name}: not in the table"));
            }
            continue;
        };
        for dependency in &package.dependencies {
            let is_test = dependency.kind.as_deref() == Some("dev");
            let other = short(&dependency.name);
            let is_ours =
                other != dependency.name || packages.iter().any(|package| package.name == dependency.name);
            if is_ours && !allowed.contains(&other) && !(is_test && FOR_TESTS.contains(&other)) {
                wrong.push(format!("{name} imports {other}"));
            }
            if !is_test && PURE.contains(&name) && IMPURE.contains(&other) {
                wrong.push(format!("{name} is pure, but imports {other}"));
            }
        }
    }
    wrong
}

/// The name in the table: that of the directory.
fn short(package: &str) -> &str {
    package.strip_prefix("cartlane-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_outside_the_table_are_named() {
        let cases: [(&str, &str, Option<&str>, &[&str]); 8] = [
            ("cartlane-flow", "cartlane-model", None, &[]),
            (
                "cartlane-server",
                "cartlane-store",
                None,
                &["server imports store"],
            ),
            ("cartlane-server", "cartlane-testkit", Some("dev"), &[]),
            (
                "cartlane-store",
                "cartlane-engine",
                Some("dev"),
                &["store imports engine"],
            ),
            (
                "cartlane-flow",
                "tokio",
                None,
                &["flow is pure, but imports tokio"],
            ),
            ("cartlane-thrivecart", "tokio", Some("dev"), &[]),
            ("cartlane", "cartlane-store", None, &[]),
            ("cartlane-new", "serde", None, &["new: not in the table"]),
        ];
        for (name, dependency, kind, wanted) in cases {
            let dependency = Dependency {
                name: dependency.to_owned(),
                kind: kind.map(str::to_owned),
            };
            let package = Package {
                name: name.to_owned(),
                dependencies: vec![dependency],
            };
            assert_eq!(violations(&[package]), wanted, "{name}");
        }
    }
}
