//! What a root has in memory on Linux: `/dev/shm`. It is made for one run, on the host's own memory where that has a place
//! for it, and removed after it.

use anyhow::{Context, Result, bail};
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A folder that goes with this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The user's alone.
    outer: PathBuf,
    /// What the program sees: everybody's, as in a `tmpfs` mounted there.
    inner: PathBuf,
}

impl Scratch {
    /// Makes one.
    pub(crate) fn new() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        for n in 0..1000 {
            let outer = place.join(format!("trunnion-{}-{n}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&outer) {
                // One that a killed command left, or another user's.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("making {}", outer.display())),
                Ok(()) => {
                    let scratch = Self { inner: outer.join("shm"), outer };
                    fs::create_dir(&scratch.inner)?;
                    fs::set_permissions(&scratch.inner, Permissions::from_mode(0o1777))?;
                    return Ok(scratch);
                }
            }
        }
        bail!("no name is free for a folder in {}", place.display())
    }

    /// What the program sees.
    pub(crate) fn folder(&self) -> &Path {
        &self.inner
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The run is over; what cannot be removed is left.
        let _ = fs::remove_dir_all(&self.outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_everybodys_and_goes_with_its_value() {
        let scratch = Scratch::new().expect("a place for temporary files");
        let folder = scratch.folder().to_owned();
        let mode = fs::metadata(&folder).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o1777);
        fs::write(folder.join("x"), "text").expect("writable");
        drop(scratch);
        assert!(!folder.exists());
    }
}
