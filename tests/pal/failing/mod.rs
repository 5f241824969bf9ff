//! A host that fails: broken disks, full devices, spent quotas, old kernels.
//!
//! Every call of the table that asks the host for anything is made while one system call fails, for each system call
//! it makes and each way to fail. The checking layer holds what comes out against the call's closed list, and remembers
//! it for `claims`. Where the host has no filter for system calls there is nothing to see: the cases count as skipped.

mod filter;
mod scenes;
mod scenes_nodes;

use crate::checked;
use crate::harness::{Env, Suite};
use filter::{ERRORS, HOST_CALLS, HostCall, means_again, while_failing};
use scenes::Scene;

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("failing host: processes, threads, memory, objects", |env| play(env, scenes::EXECUTION)),
        ("failing host: streams", |env| play(env, scenes::STREAMS)),
        ("failing host: files", |env| play(env, scenes_nodes::FILES)),
        ("failing host: nodes", |env| play(env, scenes_nodes::NODES)),
    ]);
}

/// Whether this is about the stack under test: the lowest layer alone knows the host.
pub(crate) fn concerns(env: &Env) -> bool {
    env.over == "native"
}

/// Whether this host's system calls can be made to fail: tried out in a thread.
pub(crate) fn host_can_fail(env: &Env) -> bool {
    while_failing(env, ("SYS_fsync", libc::SYS_fsync), libc::EIO, Vec::new).is_some()
}

/// What a scene answered, by the checking layer.
fn outcome(env: &Env, scene: &Scene, host_call: HostCall, error: i32) -> Vec<(u32, i32)> {
    let prepared = (scene.1)(env);
    let answers = while_failing(env, host_call, error, prepared.call).unwrap_or_default();
    for handle in prepared.handles {
        env.close(handle);
    }
    answers
}

/// A thread that a call makes inherits the failure: these it could not live with.
const SPARED: &[(&str, libc::c_long)] = &[
    ("thread", libc::SYS_mmap),
    ("thread", libc::SYS_mprotect),
    ("read asynchronously", libc::SYS_mmap),
    ("read asynchronously", libc::SYS_mprotect),
    ("read asynchronously", libc::SYS_write), // its end could not be told
];

fn play(env: &Env, scenes: &[Scene]) {
    if !concerns(env) {
        return;
    }
    if !host_can_fail(env) {
        println!("SKIPPED 1 the host cannot make system calls fail");
        return;
    }
    let none = ("none", 0xffff);
    for scene in scenes {
        let healthy = outcome(env, scene, none, libc::EIO);
        assert!(!healthy.is_empty(), "{} makes no call", scene.0);
        for host_call in HOST_CALLS.iter().filter(|call| !SPARED.contains(&(scene.0, call.1))) {
            // What takes no notice of a failure does not make the system call.
            if outcome(env, scene, *host_call, libc::EIO) == healthy
                && outcome(env, scene, *host_call, libc::ENOMEM) == healthy
            {
                continue;
            }
            for error in ERRORS.iter().filter(|error| !means_again(*host_call, **error)) {
                let before = checked::violations();
                outcome(env, scene, *host_call, *error);
                if checked::violations() > before {
                    eprintln!("  {}: {} fails with {error}", scene.0, host_call.0);
                }
            }
        }
    }
}
