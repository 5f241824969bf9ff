//! The two hosts that Trunnion is built for, and what this machine can run.

use anyhow::{Context, Result};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::repo::Repo;

/// A machine that the `trunnion` command is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Host {
    /// x86-64 Linux
    #[value(name = "x86_64", alias = "x86-64")]
    X86_64,
    /// ARM64 Linux
    #[value(name = "aarch64", alias = "arm64")]
    Aarch64,
}

impl Host {
    /// The kind of machine this program runs on.
    pub(crate) const HERE: Self = if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 };

    /// Rust's name of the target.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The name used in reports and test names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Whether programs for it run here only under an emulator.
    pub(crate) fn is_foreign(self) -> bool {
        self != Self::HERE
    }

    /// The user-mode emulator that runs its programs on another kind of machine.
    pub(crate) fn emulator(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-x86_64",
            Self::Aarch64 => "qemu-aarch64",
        }
    }

    /// Where the release build of the command lands.
    pub(crate) fn command_path(self, repo: &Repo) -> PathBuf {
        if self.is_foreign() {
            repo.target.join(self.triple()).join("release/trunnion")
        } else {
            repo.target.join("release/trunnion")
        }
    }
}

/// A complete i386 program: `exit(42)`, as an ELF header, one program header and nine bytes of code.
const PROBE: &[u8] = &[
    0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, // identification: 32-bit, little endian
    2, 0, 3, 0, 1, 0, 0, 0, // an executable for the 80386
    0x54, 0x80, 0x04, 0x08, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // entry, program headers
    52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0, // sizes
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08, // one segment to load
    93, 0, 0, 0, 93, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0, // its sizes, R+X, alignment
    0x6a, 42, 0x5b, // push 42; pop ebx
    0x6a, 1, 0x58, // push 1; pop eax
    0xcd, 0x80, // int 0x80
    0xf4, // hlt, never reached
];

/// Whether this machine's own processor and kernel run i386 programs: tried, not guessed.
///
/// A handler for foreign programs (binfmt) that would start an emulator must not count: on a machine that is not
/// x86-64 the answer is no.
pub(crate) fn runs_i386(repo: &Repo) -> Result<bool> {
    if Host::HERE != Host::X86_64 {
        return Ok(false);
    }
    let path = repo.work_folder("xtask")?.join("i386-probe");
    let mut file = std::fs::File::create(&path).context("writing the i386 probe")?;
    file.write_all(PROBE).context("writing the i386 probe")?;
    file.set_permissions(std::fs::Permissions::from_mode(0o755))
        .context("making the i386 probe executable")?;
    drop(file);
    let status = Command::new(&path).stdin(Stdio::null()).stderr(Stdio::null()).status();
    Ok(status.is_ok_and(|status| status.code() == Some(42)))
}
