//! The commands of `sordino`, one file each.

mod aim;
mod args;
mod ask;
mod check;
mod client;
mod compare;
mod demo;
mod eval;
mod forecast;
mod infer;
mod keygen;
mod output;
mod plan;
mod prepare;
mod profile;
mod protocol;
mod quantise;
mod rewrite;
mod run;
mod runner;
mod serve;
mod zoo;

use crate::exit::Exit;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Run a neural network on data that nobody else may see.
///
/// A model owner serves an ONNX network, a data owner gets the prediction; the model owner never
/// sees the input. With the default backend the data owner never sees the weights either.
#[derive(Debug, Parser)]
#[command(name = "sordino", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 2 usage, 3 model unsupported, 4 network, \
                          5 protocol abort, 1 anything else.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Prepare(Box<prepare::Prepare>),
    Infer(Box<infer::Infer>),
    Run(Box<run::Run>),
    Eval(Box<eval::Eval>),
    Check(Box<check::Check>),
    Plan(Box<plan::PlanCommand>),
    Profile(profile::ProfileCommand),
    Rewrite(Box<rewrite::Rewrite>),
    Zoo(zoo::Zoo),
    Keygen(keygen::Keygen),
    Demo(demo::Demo),
}

/// Runs a command line (program name first) and gives the exit code; errors go to stderr.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors; a closed pipe while printing them is none either.
            let _ = e.print();
            return ExitCode::from(e.exit_code() as u8);
        }
    };
    let result = match &cli.command {
        Command::Serve(c) => c.run(),
        Command::Prepare(c) => c.run(),
        Command::Infer(c) => c.run(),
        Command::Run(c) => c.run(),
        Command::Eval(c) => c.run(),
        Command::Check(c) => c.run(),
        Command::Plan(c) => c.run(),
        Command::Profile(c) => c.run(),
        Command::Rewrite(c) => c.run(),
        Command::Zoo(c) => c.run(),
        Command::Keygen(c) => c.run(),
        Command::Demo(c) => c.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if output::closed_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {}", output::describe(&e));
            ExitCode::from(Exit::of(&e) as u8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
