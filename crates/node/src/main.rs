//! The command line of Pulse.

use std::process::ExitCode;

fn main() -> ExitCode {
    pulse_node::commands::run()
}
