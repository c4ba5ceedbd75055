//! Generates the contract of the context that the crate is named after.

use pulse_contract_build::{Part, build_script};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in build_script(Part::Context, std::env::var_os)? {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    Ok(())
}
