//! The library OS image. Its entry point is `lib_os_initialize`, in `libos::arch::entry`.

#![cfg_attr(target_arch = "x86", no_std)]
#![cfg_attr(target_arch = "x86", no_main)]

#[cfg(target_arch = "x86")]
use libos as _;

#[cfg(not(target_arch = "x86"))]
fn main() {
    eprintln!("libos: this is a guest image; build it for i586-unknown-linux-gnu (cargo xtask build)");
    std::process::exit(2);
}
