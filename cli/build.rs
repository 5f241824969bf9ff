//! Finds the library OS image that the command embeds.
//!
//! `cargo xtask build` names it in TRUNNION_LIBOS_IMAGE. Without it (a plain `cargo check`), an empty image is embedded
//! and the command says at run time how to build a whole one.

use sha2::{Digest, Sha256};
use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=TRUNNION_LIBOS_IMAGE");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let image = match env::var_os("TRUNNION_LIBOS_IMAGE") {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            fs::read(&path)
                .unwrap_or_else(|e| panic!("the library OS image {} cannot be read: {e}", path.display()))
        }
        None => Vec::new(),
    };
    let hash: String = Sha256::digest(&image).iter().map(|b| format!("{b:02x}")).collect();
    fs::write(out.join("libos.image"), &image).expect("OUT_DIR is writable");
    println!("cargo::rustc-env=TRUNNION_LIBOS_SHA256={hash}");
}
