//! `trunnion`: runs unmodified 32-bit x86 Linux programs.
//!
//! The command is thin: it reads its arguments (`arguments.rs`), decides what the program sees (`view.rs`), and starts the
//! layers (`layers.rs`).

mod arguments;
mod layers;
mod scratch;
mod view;

use arguments::{Arguments, Command};
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

/// The library OS, byte-identical on every host.
static LIBOS_IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libos.image"));
/// Its SHA-256.
const LIBOS_SHA256: &str = env!("TRUNNION_LIBOS_SHA256");

/// Exit status for mistakes in the command line or on this side of the guest, as env(1) and docker have it.
const OWN_FAILURE: u8 = 125;

fn version() -> String {
    if LIBOS_IMAGE.is_empty() {
        return format!(
            "{} (no library OS image inside: build with `cargo xtask build`)",
            env!("CARGO_PKG_VERSION")
        );
    }
    format!("{}\nlibrary OS image SHA-256 {LIBOS_SHA256}", env!("CARGO_PKG_VERSION"))
}

fn main() -> ExitCode {
    let matches = match Arguments::command().version(&*version().leak()).try_get_matches() {
        Ok(matches) => matches,
        Err(e) => {
            let failed = e.use_stderr();
            // Nothing is left to do if the terminal is gone.
            let _ = e.print();
            return ExitCode::from(if failed { OWN_FAILURE } else { 0 });
        }
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(e) => e.exit(),
    };
    let Command::Run(run) = arguments.command;
    match layers::run(&run, LIBOS_IMAGE) {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            eprintln!("trunnion: {e:#}");
            ExitCode::from(OWN_FAILURE)
        }
    }
}
