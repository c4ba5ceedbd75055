//! Records which test uses which engine, for the table at the end of a run.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Environment variable with the path of the file. Without it nothing is recorded.
const FILE: &str = "PULSE_TEST_ENGINES";

/// Appends a line `<test binary> <test> <engine>`. The name of the test is that of its thread, which libtest sets.
pub(crate) fn engine(engine: &str) {
    let Some(file) = std::env::var_os(FILE) else { return };
    let binary = std::env::current_exe().ok().and_then(|path| Some(PathBuf::from(path.file_name()?)));
    let line = format!(
        "{}\t{}\t{engine}\n",
        binary.unwrap_or_default().display(),
        std::thread::current().name().unwrap_or_default()
    );
    let opened = OpenOptions::new().append(true).create(true).open(file);
    if let Err(error) = opened.and_then(|mut file| file.write_all(line.as_bytes())) {
        // A missing line in the table does not fail the test.
        eprintln!("the engine of a test is not recorded: {error}");
    }
}
