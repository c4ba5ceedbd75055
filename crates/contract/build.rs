//! Generates the lists over all contexts and the OpenAPI document from `proto/`.

use std::path::PathBuf;

use pulse_contract_build::{Contract, Part, build_script};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in build_script(Part::Facade, std::env::var_os)? {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    // The contract that the tests of this crate run against; nothing of it gets into the library.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).ok_or("CARGO_MANIFEST_DIR is not set")?;
    let corners = manifest.join("../contract-build/tests/proto");
    println!("cargo:rerun-if-changed={}", corners.display());
    let corner = Contract {
        root: "pulse".to_owned(),
        part: Part::Whole,
        files: Contract::files_below(&corners, "pulse")?,
        includes: vec![corners, manifest.join("../../proto")],
        out_dir: std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set")?,
        name: "corner".to_owned(),
        title: "Corner".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(corner.generate()?)
}
