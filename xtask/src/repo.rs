//! Where things are: the checkout and its target folder.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// A checkout of this repository and the folder its builds go to.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// `target/`, or what `CARGO_TARGET_DIR` says.
    pub(crate) target: PathBuf,
}

impl Repo {
    /// Finds the checkout that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("the xtask folder has no parent")?.to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).context("resolving CARGO_TARGET_DIR")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A folder under `target/`, made if it is not there.
    pub(crate) fn work_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// The library OS image that `cargo xtask build` leaves.
    pub(crate) fn image(&self) -> PathBuf {
        self.target.join("libos/trunnion-libos.elf")
    }
}
