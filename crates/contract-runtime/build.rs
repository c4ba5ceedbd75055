//! Generates the shared messages and the error codes from `proto/`.

use pulse_contract_build::{Part, build_script};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in build_script(Part::Runtime, std::env::var_os)? {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    Ok(())
}
