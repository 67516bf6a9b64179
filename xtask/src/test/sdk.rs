//! `GoHighLevel`'s official SDK against the sandbox: `e2e/sdk.mjs`, with the packages of its lock file.

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use super::tools;
use crate::binary::{self, Profile};
use crate::sandbox::{LOCATION, Sandbox, TOKEN};

/// Installs the SDK and has it work.
pub fn check() -> Result<()> {
    tools::require("node", "nodejs")?;
    tools::require("npm", "npm")?;
    let folder = binary::root().join("e2e");
    let npm = ["ci", "--no-audit", "--no-fund"];
    binary::check(Command::new("npm").args(npm).current_dir(&folder))?;
    let program = binary::build("cartlane", Profile::Dev, &[])?;
    let scratch = binary::scratch("sdk")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let sandbox = runtime.block_on(Sandbox::start(&program, &scratch, None, &json!({})))?;
    let mut node = Command::new("node");
    node.arg("sdk.mjs")
        .current_dir(&folder)
        .env("SANDBOX_URL", format!("http://{}", sandbox.address))
        .env("SANDBOX_TOKEN", TOKEN)
        .env("SANDBOX_LOCATION", LOCATION);
    let _inside = runtime.enter();
    binary::check(&mut node)?;
    drop(sandbox);
    Ok(())
}
