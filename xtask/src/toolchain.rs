//! Which cargo and rustc build for which target.
//!
//! Three targets: this machine, the other host, and the library OS image. The first is built by the cargo that runs
//! this program. For the other two a second toolchain may be needed, because `rustup` needs its own download site:
//! Debian packages a current compiler with ARM64's standard library and with its source
//! (`rustc-web cargo-web libstd-rust-web-dev:arm64 rust-web-src`). What is there is taken.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::host::Host;
use crate::packages;
use crate::repo::Repo;
use crate::step::is_there;

/// Where Debian puts its compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
/// The packages of Debian's toolchain.
const DEBIAN_RUST: &[packages::Package] = &["rustc-web", "cargo-web"];

/// The guest code's target: 32-bit x86 without SSE, so that the library OS never touches FP state.
pub(crate) const GUEST_TRIPLE: &str = "i586-unknown-linux-gnu";
/// The linker of guest programs and of the image.
pub(crate) const GUEST_CC: &str = "i686-linux-gnu-gcc";

const GUEST_CC_PACKAGES: [packages::Package; 2] = ["gcc-i686-linux-gnu", "libc6-dev-i386-cross"];

/// A cargo with its rustc.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    cargo: PathBuf,
    /// `None`: cargo finds its own.
    rustc: Option<PathBuf>,
    /// Whether the standard library is compiled with the crate, from Debian's source package.
    builds_std: bool,
}

impl Toolchain {
    /// The one that runs this program.
    pub(crate) fn here() -> Self {
        let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        Self { cargo, rustc: None, builds_std: false }
    }

    fn debian() -> Self {
        Self { cargo: DEBIAN_CARGO.into(), rustc: Some(DEBIAN_RUSTC.into()), builds_std: false }
    }

    /// The one for a host, installed if it is missing.
    pub(crate) fn for_host(host: Host) -> Result<Self> {
        let here = Self::here();
        if !host.is_foreign() || here.has_target(host.triple()) {
            return Ok(here);
        }
        let debian = Self::debian();
        if !debian.is_current() || !debian.has_target(host.triple()) {
            let why =
                format!("building for {} (with rustup: `rustup target add {}`)", host.name(), host.triple());
            packages::ensure(&[DEBIAN_RUST, &[foreign_std(host)]].concat(), &why)?;
        }
        if !debian.has_target(host.triple()) {
            bail!("no Rust standard library for {} after installing Debian's", host.triple());
        }
        Ok(debian)
    }

    /// The one for the library OS image, installed if it is missing.
    ///
    /// Debian's comes first, so that machines with different rustups still make the same bytes.
    pub(crate) fn for_image() -> Result<Self> {
        let here = Self::here();
        let mut debian = Self::debian();
        debian.builds_std = true;
        if debian.is_current() && packages::is_installed("rust-web-src") {
            return Ok(debian);
        }
        let wanted =
            packages::ensure(&[DEBIAN_RUST, &["rust-web-src"]].concat(), "building the library OS image");
        match wanted {
            Ok(()) => Ok(debian),
            Err(_) if here.has_target(GUEST_TRIPLE) => Ok(here),
            Err(error) => Err(error.context(format!(
                "no Rust toolchain can build the library OS image (with rustup: `rustup target add {GUEST_TRIPLE}`)"
            ))),
        }
    }

    /// Whether it compiles the core library itself; the prebuilt one is used otherwise.
    pub(crate) fn builds_std(&self) -> bool {
        self.builds_std
    }

    /// Starts a cargo command in the checkout, free of what `cargo run` put into our own environment.
    pub(crate) fn cargo(&self, repo: &Repo, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments).current_dir(&repo.root);
        forget_cargo_run(&mut command);
        if let Some(rustc) = &self.rustc {
            command.env("RUSTC", rustc).env("RUSTDOC", "/usr/bin/rustdoc").env_remove("RUSTUP_TOOLCHAIN");
        }
        command
    }

    /// A cargo command that compiles for `host`.
    pub(crate) fn cargo_for(&self, repo: &Repo, host: Host, arguments: &[&str]) -> Command {
        let mut command = self.cargo(repo, arguments);
        if host.is_foreign() {
            let variable = format!("CARGO_TARGET_{}", host.triple().to_uppercase().replace('-', "_"));
            command.args(["--target", host.triple()]);
            command.env(format!("{variable}_LINKER"), foreign_cc(host));
            command.env(format!("{variable}_RUNNER"), host.emulator());
            // Static: nothing of the foreign system needs to be here to run it.
            command.env("RUSTFLAGS", "-Ctarget-feature=+crt-static");
        }
        command
    }

    /// What the compiler calls itself.
    pub(crate) fn version(&self) -> Result<String> {
        let output = Command::new(self.rustc()).arg("--version").output().context("running rustc")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The folder of the compiler's libraries and of the standard library's source.
    pub(crate) fn sysroot(&self) -> Result<String> {
        let output =
            Command::new(self.rustc()).args(["--print", "sysroot"]).output().context("running rustc")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn rustc(&self) -> PathBuf {
        match &self.rustc {
            Some(rustc) => rustc.clone(),
            // Beside the cargo that runs us, or the one on the path.
            None => {
                let beside = self.cargo.with_file_name("rustc");
                if beside.is_file() { beside } else { PathBuf::from("rustc") }
            }
        }
    }

    fn has_target(&self, triple: &str) -> bool {
        Command::new(self.rustc())
            .args(["--print", "target-libdir", "--target", triple])
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|output| {
                let folder = String::from_utf8_lossy(&output.stdout);
                output.status.success() && Path::new(folder.trim()).is_dir()
            })
    }

    /// Whether its compiler is at least as new as the workspace asks.
    fn is_current(&self) -> bool {
        let wanted = env!("CARGO_PKG_RUST_VERSION");
        let version = self.version().unwrap_or_default();
        let number = version.split(' ').nth(1).unwrap_or_default();
        !number.is_empty() && ordered(number) >= ordered(wanted)
    }
}

/// The packages that building for `host` takes, as far as their tools are not here.
pub(crate) fn packages(host: Host) -> Vec<packages::Package> {
    let mut wanted = Vec::new();
    if !is_there(GUEST_CC) {
        wanted.extend(GUEST_CC_PACKAGES);
    }
    let debian = Toolchain::debian();
    let builds_image = debian.is_current() && packages::is_installed("rust-web-src");
    if !builds_image && !Toolchain::here().has_target(GUEST_TRIPLE) {
        wanted.extend(DEBIAN_RUST);
        wanted.push("rust-web-src");
    }
    if host.is_foreign() {
        if !is_there(foreign_cc(host)) {
            wanted.extend(foreign_cc_packages(host));
        }
        let found = [Toolchain::here(), debian].iter().any(|toolchain| toolchain.has_target(host.triple()));
        if !found {
            wanted.extend(DEBIAN_RUST);
            wanted.push(foreign_std(host));
        }
    }
    wanted
}

/// A version's first two numbers.
fn ordered(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Takes away what `cargo run` gave this process: it describes xtask's own package and toolchain.
pub(crate) fn forget_cargo_run(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let ours = name == "CARGO"
            || name == "LD_LIBRARY_PATH"
            || name == "OUT_DIR"
            || ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_"]
                .iter()
                .any(|start| name.starts_with(start));
        if ours {
            command.env_remove(name);
        }
    }
}

/// The C compiler that links for a foreign host.
pub(crate) fn foreign_cc(host: Host) -> &'static str {
    match host {
        Host::Aarch64 => "aarch64-linux-gnu-gcc",
        Host::X86_64 => "x86_64-linux-gnu-gcc",
    }
}

/// Makes sure of the C compiler that links for a foreign host.
pub(crate) fn ensure_foreign_cc(host: Host) -> Result<()> {
    if is_there(foreign_cc(host)) {
        return Ok(());
    }
    packages::ensure(&foreign_cc_packages(host), &format!("linking for {}", host.name()))
}

fn foreign_cc_packages(host: Host) -> [packages::Package; 2] {
    match host {
        Host::Aarch64 => ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        Host::X86_64 => ["gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"],
    }
}

/// Debian's package of a foreign host's standard library.
fn foreign_std(host: Host) -> packages::Package {
    match host {
        Host::Aarch64 => "libstd-rust-web-dev:arm64",
        Host::X86_64 => "libstd-rust-web-dev:amd64",
    }
}

/// Makes sure of the C compiler for i386 programs.
pub(crate) fn ensure_guest_cc() -> Result<()> {
    if is_there(GUEST_CC) {
        return Ok(());
    }
    packages::ensure(&GUEST_CC_PACKAGES, "linking i386 code")
}
