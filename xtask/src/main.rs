//! Commands for maintaining the repository: `cargo xtask tidy | errors | licenses | coverage`.
//!
//! Each command is one file that reads the repository and reports findings. No command changes source code;
//! `errors` writes pages below `docs/errors`, and `tidy --bless` writes its lists below `xtask`.
#![expect(clippy::print_stdout, reason = "a command line tool answers on standard output")]

mod catalogue;
mod coverage;
mod error_pages;
mod licenses;
mod literals;
mod proto;
mod repository;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
Commands for maintaining the repository.

  cargo xtask tidy [--bless]      check the repository rules; --bless records new frozen files and updates
                                  the ratchet
  cargo xtask errors [--check]    write missing pages and generated parts below docs/errors; --check only
                                  reports stale files
  cargo xtask licenses [--all]    check the licences of every dependency against deny.toml
  cargo xtask coverage [CRATE..]  measure how much of the domains the tests execute; fails below 80 %
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(false),
        ["tidy", "--bless"] => tidy::run(true),
        ["errors"] => error_pages::run(false),
        ["errors", "--check"] => error_pages::run(true),
        ["licenses"] => licenses::run(false),
        ["licenses", "--all"] => licenses::run(true),
        ["coverage", only @ ..] => coverage::run(only),
        ["help" | "--help" | "-h"] | [] => Ok(USAGE.to_owned()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(message) => {
            println!("{}", message.trim_end());
            ExitCode::SUCCESS
        }
        Err(message) => {
            println!("{}", message.trim_end());
            ExitCode::FAILURE
        }
    }
}
