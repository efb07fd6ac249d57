//! The command `sordino`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sordino::commands::main(std::env::args_os())
}
