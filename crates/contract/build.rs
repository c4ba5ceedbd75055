//! Generates the contract from `proto/` when it changes.

use std::path::PathBuf;

use pulse_contract_build::Contract;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Asked for when it runs, not when it is compiled: a checkout may have moved meanwhile.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).ok_or("CARGO_MANIFEST_DIR is not set")?;
    let proto = manifest.join("../../proto");
    println!("cargo:rerun-if-changed={}", proto.display());
    let out_dir = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set")?;
    // The contract that the tests of this crate run against; nothing of it gets into the library.
    let corners = manifest.join("../contract-build/tests/proto");
    println!("cargo:rerun-if-changed={}", corners.display());
    let corner = Contract {
        root: "pulse".to_owned(),
        files: Contract::files_below(&corners, "pulse")?,
        includes: vec![corners, proto.clone()],
        out_dir: out_dir.clone(),
        name: "corner".to_owned(),
        title: "Corner".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    corner.generate()?;
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
