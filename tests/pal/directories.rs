//! `dir:` — enumeration and what mappings add to it.

use std::collections::BTreeMap;
use std::fs;

use pal_abi::flags::{delete, node, open};
use pal_abi::{DirRecord, Handle, Layout, PalError, Status};

use crate::harness::{Env, R, RW, Suite, bad_inout, bad_out, bad_output, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("dir: every child once, whatever the buffer", enumerate),
        ("dir: mappings are children of the directories above them", mapped),
        ("dir: enumeration continues where a cookie says", cookies),
        ("dir: enumeration errors", errors),
        ("dir: deleted when empty", deleted),
    ]);
}

/// One call: the records, and the cookie that goes on after them.
fn once(env: &Env, dir: Handle, cookie: &mut u64, cap: usize) -> Result<Vec<(String, DirRecord)>, PalError> {
    let (mut buf, mut len) = (vec![0; cap], 0);
    let pal = env.pal;
    pal.stream_enumerate_children(dir, cookie.into(), buf.as_mut_slice().into(), cap, (&mut len).into())?;
    let (mut at, mut records) = (0, Vec::new());
    while at < len as usize {
        let record = DirRecord::read_from(&buf[at..]).expect("a whole record");
        let name = at + size_of::<DirRecord>();
        let text = String::from_utf8(buf[name..name + record.name_size as usize].to_vec()).unwrap();
        assert_eq!(record.record_size % 8, 0);
        records.push((text, record));
        at += record.record_size as usize;
    }
    Ok(records)
}

fn all(env: &Env, dir: Handle, cap: usize) -> BTreeMap<String, u32> {
    let (mut cookie, mut found) = (0, BTreeMap::new());
    loop {
        let records = once(env, dir, &mut cookie, cap).expect("records");
        if records.is_empty() {
            return found;
        }
        for (name, record) in records {
            assert!(found.insert(name.clone(), record.kind).is_none(), "{name} twice");
        }
    }
}

fn enumerate(env: &Env) {
    fs::create_dir_all(env.host("many/sub")).unwrap();
    for n in 0..300 {
        fs::write(env.host("many").join(format!("file-{n}")), "").unwrap();
    }
    let dir = env.open("dir:/rw/many", R, 0).unwrap();
    for cap in [64, 100, 4096, 1 << 20] {
        let found = all(env, dir, cap);
        assert_eq!(found.len(), 301, "with {cap} bytes");
        assert_eq!((found["sub"], found["file-7"]), (node::DIRECTORY, node::FILE));
    }
    env.close(dir);
}

fn mapped(env: &Env) {
    let root = env.open("dir:/", R, 0).unwrap();
    let found = all(env, root, 4096);
    let mut expected = vec!["far", "file", "ro", "rw"];
    if env.elsewhere.is_some() {
        expected.insert(0, "elsewhere");
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), expected);
    assert_eq!((found["far"], found["file"], found["rw"]), (node::DIRECTORY, node::FILE, node::DIRECTORY));
    assert_eq!(all(env, root, 48).len(), expected.len());
    assert_eq!(env.attributes(root).unwrap().kind, node::DIRECTORY);
    assert_eq!(env.name(root), Ok("dir:/".into()));
    fails(env.pal.stream_delete(root, delete::ALL), PalError::Busy);
    env.close(root);
    let far = env.open("dir:/far", R, 0).unwrap();
    assert_eq!(all(env, far, 4096), BTreeMap::from([("away".to_owned(), node::DIRECTORY)]));
    env.close(far);
    assert_eq!(env.open("file:/new", RW, open::CREATE), Err(PalError::NotFound));
}

fn cookies(env: &Env) {
    fs::create_dir_all(env.host("cookies")).unwrap();
    for n in 0..50 {
        fs::write(env.host("cookies").join(format!("{n}")), "").unwrap();
    }
    let dir = env.open("dir:/rw/cookies", R, 0).unwrap();
    let mut cookie = 0;
    let first = once(env, dir, &mut cookie, 1 << 16).unwrap();
    assert_eq!(first.len(), 50);
    // From the middle of what was read.
    let mut middle = first[20].1.next;
    let rest = once(env, dir, &mut middle, 1 << 16).unwrap();
    let names = |records: &[(String, DirRecord)]| records.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&rest), names(&first[21..]));
    env.close(dir);
}

fn errors(env: &Env) {
    let dir = env.open("dir:/rw", R, 0).unwrap();
    let mut cookie = 0;
    assert_eq!(once(env, dir, &mut cookie, 8).err(), Some(PalError::BufferTooSmall));
    let (mut buf, mut len) = ([0; 4096], 0);
    let (bad_cookie, bad_buf) = (bad_inout(), bad_output());
    let pal = env.pal;
    fails(
        pal.stream_enumerate_children(dir, bad_cookie, buf.as_mut_slice().into(), 4096, (&mut len).into()),
        PalError::Fault,
    );
    fails(
        pal.stream_enumerate_children(dir, (&mut cookie).into(), bad_buf, 4096, (&mut len).into()),
        PalError::Fault,
    );
    fails(
        pal.stream_enumerate_children(dir, (&mut cookie).into(), buf.as_mut_slice().into(), 4096, bad_out()),
        PalError::Fault,
    );
    let node = env.open("dir:/rw", 0, open::PATH_ONLY).unwrap();
    assert_eq!(once(env, node, &mut cookie, 4096).err(), Some(PalError::Denied));
    let file = env.file("/rw/nodir", b"");
    assert_eq!(once(env, file, &mut cookie, 4096).err(), Some(PalError::WrongType));
    for handle in [dir, node, file] {
        env.close(handle);
    }
    assert_eq!(once(env, dir, &mut cookie, 4096).err(), Some(PalError::BadHandle));
}

fn deleted(env: &Env) {
    fs::create_dir_all(env.host("going/sub")).unwrap();
    let dir = env.open("dir:/rw/going", R, 0).unwrap();
    fails(env.pal.stream_delete(dir, delete::ALL), PalError::NotEmpty);
    fs::remove_dir(env.host("going/sub")).unwrap();
    assert_eq!(env.pal.stream_delete(dir, delete::ALL), Ok(Status::Ok));
    assert!(!env.host("going").exists());
    env.close(dir);
    let root = env.open("dir:/rw", R, 0).unwrap();
    fails(env.pal.stream_delete(root, delete::ALL), PalError::Busy);
    env.close(root);
}
