//! Coverage of the domains.

pub(crate) fn run() -> Result<String, String> {
    Err("coverage: not measured yet".to_owned())
}
