//! The `coditect` binary: reads the command line and hands over to one command.

use std::process::ExitCode;

use clap::Parser as _;

mod adapters;
mod ambient;
mod assets;
mod cli;
mod client;
mod command;
mod config;
mod output;
mod serve;
mod telemetry;

fn main() -> ExitCode {
    // The sandbox launcher is a separate small binary: this one may be as large and as threaded as it likes.
    let arguments = cli::Arguments::parse();
    let json = arguments.json;
    match command::run(arguments) {
        Ok(code) => code,
        Err(failure) => output::report(&failure, json),
    }
}
