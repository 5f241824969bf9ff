//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs unmodified 32-bit x86 Linux programs on 64-bit ARM and x86 hosts.
#[derive(Debug, Parser)]
#[command(name = "trunnion", subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program
    Run(Run),
}

/// How guest code is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum EngineChoice {
    /// Interpret what is cold, compile what is hot
    Auto,
    /// Interpret everything
    Interp,
    /// Compile everything at its first execution; stop where that cannot be done
    Jit,
    /// Interpret and compile everything, compare, and stop at the first difference; for programs of one thread (what others write meanwhile differs, too)
    Compare,
}

/// Which processor the program sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Processor {
    /// A Pentium Pro: no MMX, no SSE
    I686,
    /// With MMX, SSE and SSE2
    Sse2,
    /// With SSE3 to SSE4.2 and POPCNT, as x86-64-v2
    V2,
    /// Everything that is implemented
    Max,
}

/// How floats are computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Floats {
    /// As the processor does, in every bit and flag
    Exact,
}

/// What to print about a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Trace {
    /// System calls of the program, and those that are not implemented
    Syscalls,
    /// Signals as they are delivered
    Signals,
    /// Calls of the library OS to the layers below
    Calls,
    /// Exceptions of the guest's processor, and instructions that are not implemented
    Exceptions,
}

/// What of the network a program sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Network {
    /// Nothing: sockets of the Internet families are refused (EACCES)
    None,
    /// The host's: its addresses, ports and routes
    Host,
}

/// Arguments of `trunnion run`.
#[derive(Debug, Args)]
#[command(after_help = "\
The program sees only what is mapped. Without --rootfs and --map that is the program's own folder, read-only, and the \
current folder, both at their own paths.

The exit status is the program's; 128+n when signal n ended it; 125 when Trunnion itself failed, 126 when the file cannot \
be executed, 127 when it was not found.")]
pub(crate) struct Run {
    /// Make DIR the program's root directory
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: Option<PathBuf>,
    /// Show the file or folder HOST as GUEST (an absolute path); with :ro, read-only
    #[arg(long, value_name = "HOST=GUEST[:ro]")]
    pub(crate) map: Vec<OsString>,
    /// Set an environment variable; without =VALUE, take it from here. With any, or with --rootfs, the rest of this
    /// environment is not passed on
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) env: Vec<OsString>,
    /// The program's current folder (a guest path)
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// The network the program sees. UNIX sockets work in any case, within the command
    #[arg(long, value_enum, value_name = "NETWORK", default_value = "none")]
    pub(crate) net: Network,
    /// How guest code is run
    #[arg(long, value_enum, value_name = "ENGINE", default_value = "auto")]
    pub(crate) engine: EngineChoice,
    /// Which processor the program sees: what CPUID offers, and which instructions there are
    #[arg(long, value_enum, value_name = "CPU", default_value = "max")]
    pub(crate) cpu: Processor,
    /// How floats are computed: there is nothing but exact
    #[arg(long, value_enum, value_name = "HOW", default_value = "exact", hide_short_help = true)]
    pub(crate) fp: Floats,
    /// Print what happens, to standard error
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) trace: Vec<Trace>,
    /// Load the library OS from an ELF file of the host instead of the one inside this command
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) library_os: Option<PathBuf>,
    /// The program, a guest path (where nothing is mapped: a path here), or a name to look up in the guest's PATH
    #[arg(value_name = "PROGRAM")]
    pub(crate) program: OsString,
    /// Its arguments
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}
