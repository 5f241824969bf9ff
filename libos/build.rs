//! Links the library OS image: no C library, no start files, our own entry point.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if arch != "x86" {
        return;
    }
    let arguments = [
        "-nostdlib",
        "-nostartfiles",
        "-static-pie",
        "-Wl,-e,lib_os_initialize",
        "-Wl,--build-id=none",
        "-Wl,-z,noexecstack",
    ];
    for argument in arguments {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
