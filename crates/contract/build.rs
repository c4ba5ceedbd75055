//! Generates the contract from `proto/` when it changes.

use std::path::{Path, PathBuf};

use pulse_contract_build::Contract;

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", proto.display());
    let out_dir = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set")?;
    let contract = Contract {
        root: "pulse".to_owned(),
        files: Contract::files_below(&proto, "pulse")?,
        includes: vec![proto],
        out_dir,
        name: "contract".to_owned(),
        title: "Pulse".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    contract.generate()?;
    Ok(())
}
