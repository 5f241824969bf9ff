//! Descriptors used up, and names on another file system.

use std::fs;

use pal_abi::arg::Out;
use pal_abi::flags::{map, prot, ready, rename, wait_op};
use pal_abi::{Handle, Layout, PalError, Status, WaitRecord};

use crate::harness::{Env, R, RW, Suite, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("limits: descriptors used up are TOO_MANY, and nothing is lost", descriptors),
        ("limits: another file system is CROSS_DEVICE", cross_device),
        ("limits: unnamed memory is shared when mapped twice under the limit", mapping_needs_none),
    ]);
}

/// Runs `f` while no descriptor can be opened.
pub(crate) fn without_descriptors<R>(f: impl FnOnce() -> R) -> R {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is ours.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut old) }, 0);
    let none = libc::rlimit { rlim_cur: 3, ..old };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
    let result = f();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const old) }, 0);
    result
}

fn descriptors(env: &Env) {
    let file = env.file("/rw/limit", b"abc");
    let dir = env.open("dir:/rw", R, 0).unwrap();
    let server = env.open("pipe.srv:limits", R, 0).unwrap();
    let client = env.open("pipe:limits", RW, 0).unwrap();
    let reading = env.open("pipe:", R, 0).unwrap();
    let (set, event) = (env.open("waitset:", RW, 0).unwrap(), env.no_stream());
    let pal = env.pal;
    without_descriptors(|| {
        let mut handle = Handle::NONE;
        for uri in ["file:/rw/limit", "dir:/rw", "anon:", "pipe:", "pipe.srv:more", "waitset:", "dev:zero"] {
            assert_eq!(env.open(uri, R, 0), Err(PalError::TooMany), "{uri}");
        }
        assert_eq!(env.open("pipe:", RW, 0), Err(PalError::TooMany));
        assert_eq!(env.attributes_of("file:/rw/limit", 0), Err(PalError::TooMany));
        fails(pal.notification_event_create(0, (&mut handle).into()), PalError::TooMany);
        fails(pal.synchronization_event_create(0, (&mut handle).into()), PalError::TooMany);
        fails(pal.semaphore_create(0, 1, (&mut handle).into()), PalError::TooMany);
        fails(pal.stream_wait_for_client(server, 0, (&mut handle).into()), PalError::TooMany);
        let (mut cookie, mut buf, mut len) = (0, [0; 4096], 0);
        let result = pal.stream_enumerate_children(
            dir,
            (&mut cookie).into(),
            buf.as_mut_slice().into(),
            4096,
            (&mut len).into(),
        );
        fails(result, PalError::TooMany);
        let buf: &'static mut [u8] = Box::leak(Box::new([0; 8]));
        let mut done = 0;
        let result = pal.stream_read(reading, 0, buf.into(), 8, (&mut done).into(), (&mut handle).into());
        fails(result, PalError::TooMany);
        for uri in ["watch:", "counter:", "timer:1"] {
            assert_eq!(env.open(uri, RW, 0), Err(PalError::TooMany));
        }
        let record =
            WaitRecord { op: wait_op::ADD, handle: event, mask: ready::READABLE, flags: 0, cookie: 1 };
        // The object's own descriptor serves, but a second membership needs another.
        assert_eq!(env.write(set, 0, record.as_bytes()), Ok(24));
        let again = WaitRecord { cookie: 2, ..record };
        assert_eq!(env.write(set, 0, again.as_bytes()), Err(PalError::TooMany));
        if let Some(nodes) = env.nodes {
            let name = "limit";
            let result = nodes.open_at(dir, name.into(), name.len(), R, 0, (&mut handle).into());
            fails(result, PalError::TooMany);
        }
        // What is open goes on.
        assert_eq!(env.read(file, 0, 9), Ok((Status::Ok, b"abc".to_vec())));
    });
    // The client is still there to be accepted.
    let mut accepted = Handle::NONE;
    assert_eq!(pal.stream_wait_for_client(server, 0, (&mut accepted).into()), Ok(Status::Ok));
    for handle in [file, dir, server, client, reading, set, event, accepted] {
        env.close(handle);
    }
}

fn cross_device(env: &Env) {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &std::path::Path| fs::metadata(path).ok().map(|m| m.dev());
    if env.elsewhere.is_none() || env.elsewhere.as_deref().and_then(device) == device(&env.host) {
        return; // the host has one file system only
    }
    let file = env.file("/rw/here", b"x");
    let to = "file:/elsewhere/there";
    fails(env.pal.stream_rename(file, to.into(), to.len(), rename::REPLACE), PalError::CrossDevice);
    fails(env.pal.stream_rename(file, to.into(), to.len(), 0), PalError::CrossDevice);
    if let Some(nodes) = env.nodes {
        let (here, there) = (env.open("dir:/rw", R, 0).unwrap(), env.open("dir:/elsewhere", R, 0).unwrap());
        let names = "herethere";
        fails(nodes.rename_at(here, there, names.into(), 9, 4, rename::REPLACE), PalError::CrossDevice);
        fails(nodes.link_at(here, there, names.into(), 9, 4), PalError::CrossDevice);
        env.close(here);
        env.close(there);
    }
    env.close(file);
}

fn mapping_needs_none(env: &Env) {
    let size = env.startup.page_size as usize;
    let anon = env.open(&format!("anon:{size}"), RW, 0).unwrap();
    let base = without_descriptors(|| {
        let mut base = 0;
        let protection = prot::READ | prot::WRITE;
        env.pal.stream_map(anon, (&mut base).into(), size, 0, protection, map::SHARED).unwrap();
        base
    });
    env.pal.stream_unmap(base, size).unwrap();
    env.close(anon);
    fails(env.pal.virtual_memory_protect(base, size, prot::READ, Out::NONE), PalError::NotFound);
}
