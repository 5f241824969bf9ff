//! The Nodes group: by directory handle and one name component.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use pal_abi::arg::{InBytes, InOut, Out, OutBytes};
use pal_abi::flags::{access, hole, node, open, rename, unlink, watch, with_mode, xattr};
use pal_abi::{FsInfo, Handle, Layout, Nodes, PalError, Status, WatchRecord};

use crate::harness::{BAD, Env, R, RW, Suite, bad_out, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("nodes: children are opened by name", open_at),
        ("nodes: a name is one component", one_component),
        ("nodes: links are opened as themselves", links),
        ("nodes: an object is opened again", again),
        ("nodes: mappings are children too", mapped),
        ("nodes: unlinked", unlinked),
        ("nodes: renamed", renamed),
        ("nodes: linked", linked),
        ("nodes: made", made),
        ("nodes: extended attributes", xattrs),
        ("nodes: extended attribute errors", xattr_errors),
        ("nodes: file systems", file_systems),
        ("nodes: holes", holes),
        ("nodes: watched", watched),
        ("nodes: read-only mappings", read_only),
        ("nodes: handles and pointers are checked", parameters),
    ]);
}

fn nodes(env: &Env) -> &'static dyn Nodes {
    env.nodes.expect("the stack has the Nodes group")
}

/// A fresh directory and its handle.
fn dir(env: &Env, name: &str) -> Handle {
    fs::create_dir_all(env.host(name)).unwrap();
    env.open(&format!("dir:/rw/{name}"), R, 0).unwrap()
}

fn at(env: &Env, dir: Handle, name: &str, access: u32, options: u32) -> Result<Handle, PalError> {
    let mut handle = Handle::NONE;
    nodes(env).open_at(dir, name.into(), name.len(), access, options, (&mut handle).into())?;
    Ok(handle)
}

fn unlink_at(env: &Env, dir: Handle, name: &str, flags: u32) -> Result<Status, PalError> {
    nodes(env).unlink_at(dir, name.into(), name.len(), flags)
}

fn rename_at(
    env: &Env,
    dirs: (Handle, Handle),
    old: &str,
    new: &str,
    flags: u32,
) -> Result<Status, PalError> {
    let names = format!("{old}{new}");
    let split = u32::try_from(old.len()).unwrap();
    nodes(env).rename_at(dirs.0, dirs.1, names.as_str().into(), names.len(), split, flags)
}

fn link_at(env: &Env, dirs: (Handle, Handle), old: &str, new: &str) -> Result<Status, PalError> {
    let names = format!("{old}{new}");
    let split = u32::try_from(old.len()).unwrap();
    nodes(env).link_at(dirs.0, dirs.1, names.as_str().into(), names.len(), split)
}

fn make(env: &Env, dir: Handle, name: &str, mode: u32) -> Result<Status, PalError> {
    nodes(env).make_node(dir, name.into(), name.len(), mode, 0)
}

fn symlink_at(env: &Env, dir: Handle, name: &str, text: &str) -> Result<Status, PalError> {
    nodes(env).symlink_at(dir, name.into(), name.len(), text.into(), text.len())
}

fn read_link(env: &Env, link: Handle, cap: usize) -> Result<String, PalError> {
    let (mut buf, mut len) = (vec![0; cap], 0);
    nodes(env).read_link(link, buf.as_mut_slice().into(), cap, (&mut len).into())?;
    Ok(String::from_utf8_lossy(&buf[..len as usize]).into_owned())
}

fn open_at(env: &Env) {
    let dir = dir(env, "openat");
    assert_eq!(at(env, dir, "new", RW, 0), Err(PalError::NotFound));
    let file = at(env, dir, "new", RW, with_mode(open::CREATE_NEW, 0o600)).unwrap();
    assert_eq!(env.write(file, 0, b"abc"), Ok(3));
    assert_eq!(env.name(file), Ok("file:/rw/openat/new".into()));
    assert_eq!(at(env, dir, "new", RW, open::CREATE_NEW), Err(PalError::Exists));
    fs::create_dir(env.host("openat/sub")).unwrap();
    let sub = at(env, dir, "sub", R, open::DIRECTORY).unwrap();
    let deep = at(env, sub, "deep", RW, open::CREATE).unwrap();
    assert!(env.host("openat/sub/deep").exists());
    assert_eq!(at(env, dir, "new", R, open::DIRECTORY), Err(PalError::NotDir));
    assert_eq!(at(env, dir, "sub", RW, 0), Err(PalError::IsDir));
    assert_eq!(at(env, file, "x", R, 0), Err(PalError::NotDir));
    // The handle is the directory, wherever it went.
    fs::rename(env.host("openat"), env.host("moved")).unwrap();
    let found = at(env, dir, "new", R, 0).unwrap();
    assert_eq!(env.read(found, 0, 9), Ok((Status::Ok, b"abc".to_vec())));
    for handle in [dir, file, sub, deep, found] {
        env.close(handle);
    }
}

fn one_component(env: &Env) {
    let dir = dir(env, "component");
    for name in [".", "..", "a/b", "/etc/passwd", "../secret", "a\0b"] {
        assert_eq!(at(env, dir, name, R, 0), Err(PalError::Invalid), "{name:?}");
        assert_eq!(unlink_at(env, dir, name, 0), Err(PalError::Invalid), "{name:?}");
        assert_eq!(make(env, dir, name, 0o100_644), Err(PalError::Invalid), "{name:?}");
    }
    assert_eq!(at(env, dir, &"n".repeat(256), R, 0), Err(PalError::NameTooLong));
    assert_eq!(unlink_at(env, dir, "", 0), Err(PalError::NotFound));
    env.close(dir);
}

fn links(env: &Env) {
    let dir = dir(env, "links");
    assert_eq!(symlink_at(env, dir, "link", "/some/where"), Ok(Status::Ok));
    assert_eq!(fs::read_link(env.host("links/link")).unwrap().to_str(), Some("/some/where"));
    assert_eq!(symlink_at(env, dir, "link", "again"), Err(PalError::Exists));
    assert_eq!(symlink_at(env, dir, "empty", ""), Err(PalError::NotFound));
    assert_eq!(symlink_at(env, dir, "long", &"x".repeat(5000)), Err(PalError::NameTooLong));
    assert_eq!(at(env, dir, "link", R, 0), Err(PalError::Loop));
    let link = at(env, dir, "link", 0, open::PATH_ONLY).unwrap();
    assert_eq!(env.attributes(link).unwrap().kind, node::LINK);
    assert_eq!(read_link(env, link, 100), Ok("/some/where".into()));
    assert_eq!(read_link(env, link, 5), Ok("/some".into()));
    assert_eq!(at(env, link, "x", R, 0), Err(PalError::NotDir));
    assert_eq!(at(env, link, "", R, 0), Err(PalError::Loop));
    assert_eq!(read_link(env, dir, 100), Err(PalError::WrongType));
    // A link out of the mappings can be read, not followed.
    symlink(env.host.join("secret"), env.host("links/out")).unwrap();
    assert_eq!(at(env, dir, "out", R, 0), Err(PalError::Loop));
    env.close(link);
    env.close(dir);
}

fn again(env: &Env) {
    let file = env.file("/rw/again", b"abc");
    let node = env.open("file:/rw/again", 0, open::PATH_ONLY).unwrap();
    fs::rename(env.host("again"), env.host("elsewhere")).unwrap();
    let reads = at(env, node, "", R, 0).unwrap();
    assert_eq!(env.read(reads, 0, 9), Ok((Status::Ok, b"abc".to_vec())));
    assert_eq!(env.write(reads, 0, b"x"), Err(PalError::Denied));
    let writes = at(env, reads, "", RW, 0).unwrap();
    assert_eq!(env.write(writes, 0, b"x"), Ok(1));
    let dir = env.open("dir:/rw", 0, open::PATH_ONLY).unwrap();
    let lists = at(env, dir, "", R, 0).unwrap();
    assert_eq!(env.name(lists), Ok("dir:/rw".into()));
    let null = env.open("null:", R, 0).unwrap();
    assert_eq!(at(env, null, "", R, 0), Err(PalError::WrongType));
    for handle in [file, node, reads, writes, dir, lists, null] {
        env.close(handle);
    }
}

fn mapped(env: &Env) {
    let root = env.open("dir:/", R, 0).unwrap();
    let rw = at(env, root, "rw", R, open::DIRECTORY).unwrap();
    let file = at(env, root, "file", R, 0).unwrap();
    assert_eq!(env.read(file, 0, 4), Ok((Status::Ok, b"read".to_vec())));
    let far = at(env, root, "far", R, 0).unwrap();
    let away = at(env, far, "away", R, 0).unwrap();
    assert_eq!(env.name(away), Ok("dir:/far/away".into()));
    assert_eq!(at(env, root, "etc", R, 0), Err(PalError::NotFound));
    assert_eq!(make(env, root, "new", 0o40_755), Err(PalError::NotFound));
    assert_eq!(unlink_at(env, root, "rw", unlink::DIRECTORY), Err(PalError::Busy));
    assert_eq!(unlink_at(env, root, "far", unlink::DIRECTORY), Err(PalError::ReadOnly));
    assert_eq!(at(env, rw, "hidden", R, 0), Err(PalError::Denied));
    assert_eq!(rename_at(env, (rw, rw), "hidden", "shown", 0), Err(PalError::Denied));
    for handle in [root, rw, file, far, away] {
        env.close(handle);
    }
}

fn unlinked(env: &Env) {
    let dir = dir(env, "unlink");
    fs::write(env.host("unlink/file"), "").unwrap();
    fs::create_dir_all(env.host("unlink/full/x")).unwrap();
    assert_eq!(unlink_at(env, dir, "file", unlink::DIRECTORY), Err(PalError::NotDir));
    assert_eq!(unlink_at(env, dir, "full", 0), Err(PalError::IsDir));
    assert_eq!(unlink_at(env, dir, "full", unlink::DIRECTORY), Err(PalError::NotEmpty));
    assert_eq!(unlink_at(env, dir, "file", 8), Err(PalError::Invalid));
    assert_eq!(unlink_at(env, dir, "file", 0), Ok(Status::Ok));
    assert_eq!(unlink_at(env, dir, "file", 0), Err(PalError::NotFound));
    fs::remove_dir(env.host("unlink/full/x")).unwrap();
    assert_eq!(unlink_at(env, dir, "full", unlink::DIRECTORY), Ok(Status::Ok));
    assert!(!env.host("unlink/full").exists());
    env.close(dir);
}

fn renamed(env: &Env) {
    let (one, two) = (dir(env, "rename1"), dir(env, "rename2"));
    fs::write(env.host("rename1/a"), "a").unwrap();
    fs::write(env.host("rename2/b"), "b").unwrap();
    assert_eq!(rename_at(env, (one, two), "a", "b", 0), Err(PalError::Exists));
    match rename_at(env, (one, two), "a", "b", rename::EXCHANGE) {
        Ok(_) => {
            assert_eq!(fs::read(env.host("rename1/a")).unwrap(), b"b");
            rename_at(env, (one, two), "a", "b", rename::EXCHANGE).unwrap();
        }
        Err(error) => assert_eq!(error, PalError::NotSupported),
    }
    assert_eq!(rename_at(env, (one, two), "a", "b", rename::REPLACE), Ok(Status::Ok));
    assert_eq!(fs::read(env.host("rename2/b")).unwrap(), b"a");
    assert_eq!(rename_at(env, (one, two), "a", "c", 0), Err(PalError::NotFound));
    assert_eq!(rename_at(env, (two, one), "b", "", 0), Err(PalError::NotFound));
    assert_eq!(rename_at(env, (two, one), "b", "x", 4), Err(PalError::Invalid));
    let names = "ab";
    fails(nodes(env).rename_at(two, one, names.into(), 2, 3, 0), PalError::Invalid);
    fs::create_dir_all(env.host("rename1/dir/full")).unwrap();
    fs::create_dir_all(env.host("rename2/dir")).unwrap();
    assert_eq!(rename_at(env, (two, one), "dir", "dir", rename::REPLACE), Err(PalError::NotEmpty));
    assert_eq!(rename_at(env, (two, one), "b", "dir", rename::REPLACE), Err(PalError::IsDir));
    assert_eq!(rename_at(env, (one, two), "dir", "b", rename::REPLACE), Err(PalError::NotDir));
    // A directory cannot go into itself.
    let inner = env.open("dir:/rw/rename1/dir", R, 0).unwrap();
    assert_eq!(rename_at(env, (one, inner), "dir", "x", 0), Err(PalError::Invalid));
    for handle in [one, two, inner] {
        env.close(handle);
    }
}

fn linked(env: &Env) {
    let dir = dir(env, "link");
    fs::write(env.host("link/one"), "x").unwrap();
    assert_eq!(link_at(env, (dir, dir), "one", "two"), Ok(Status::Ok));
    assert_eq!(fs::metadata(env.host("link/two")).unwrap().nlink(), 2);
    assert_eq!(link_at(env, (dir, dir), "one", "two"), Err(PalError::Exists));
    assert_eq!(link_at(env, (dir, dir), "none", "three"), Err(PalError::NotFound));
    fs::create_dir(env.host("link/dir")).unwrap();
    assert_eq!(link_at(env, (dir, dir), "dir", "four"), Err(PalError::NotPermitted));
    // An unnamed file gets its first name.
    let unnamed = env.open("file:/rw/link", RW, open::TEMPORARY).unwrap();
    env.write(unnamed, 0, b"now named").unwrap();
    assert_eq!(link_at(env, (unnamed, dir), "", "named"), Ok(Status::Ok));
    assert_eq!(fs::read(env.host("link/named")).unwrap(), b"now named");
    env.close(unnamed);
    env.close(dir);
}

fn made(env: &Env) {
    let dir = dir(env, "make");
    assert_eq!(make(env, dir, "dir", 0o40_750), Ok(Status::Ok));
    assert_eq!(make(env, dir, "fifo", 0o10_600), Ok(Status::Ok));
    assert_eq!(make(env, dir, "file", 0o100_640), Ok(Status::Ok));
    assert_eq!(make(env, dir, "socket", 0o140_600), Ok(Status::Ok));
    let mode = |name: &str| fs::metadata(env.host("make").join(name)).unwrap().mode();
    assert_eq!((mode("dir"), mode("fifo")), (0o40_750, 0o10_600));
    assert_eq!((mode("file"), mode("socket")), (0o100_640, 0o140_600));
    assert_eq!(make(env, dir, "dir", 0o40_750), Err(PalError::Exists));
    assert_eq!(make(env, dir, "null", 0o20_666), Err(PalError::NotPermitted));
    assert_eq!(make(env, dir, "bad", 0o1_000_000), Err(PalError::Invalid));
    let name = "device";
    fails(nodes(env).make_node(dir, name.into(), 6, 0o20_666, 0x1_0000_0003), PalError::NotPermitted);
    assert_eq!(make(env, dir, &"n".repeat(256), 0o100_640), Err(PalError::NameTooLong));
    let file = env.open("file:/rw/make/file", R, 0).unwrap();
    assert_eq!(make(env, file, "x", 0o100_640), Err(PalError::NotDir));
    env.close(file);
    env.close(dir);
}

fn get(env: &Env, object: Handle, name: &str, cap: usize) -> Result<(Vec<u8>, u32), PalError> {
    let (mut buf, mut len) = (vec![0; cap], 0);
    let out = buf.as_mut_slice().into();
    nodes(env).xattr_get(object, name.into(), name.len(), out, cap, (&mut len).into())?;
    buf.truncate(len as usize);
    Ok((buf, len))
}

fn set(env: &Env, object: Handle, name: &str, value: &[u8], flags: u32) -> Result<Status, PalError> {
    nodes(env).xattr_set(object, name.into(), name.len(), value.into(), value.len(), flags)
}

/// A file, also as a path-only node; or none where the file system has no user attributes.
fn with_xattrs(env: &Env, name: &str) -> Option<(Handle, Handle)> {
    let file = env.file(name, b"");
    let node = env.open(&format!("file:{name}"), 0, open::PATH_ONLY).unwrap();
    if set(env, file, "user.probe", b"x", 0) == Err(PalError::NotSupported) {
        env.close(file);
        env.close(node);
        return None;
    }
    Some((file, node))
}

fn xattrs(env: &Env) {
    let Some((file, node)) = with_xattrs(env, "/rw/xattr") else { return };
    for object in [file, node] {
        assert_eq!(set(env, object, "user.one", b"value", 0), Ok(Status::Ok));
        assert_eq!(get(env, object, "user.one", 100), Ok((b"value".to_vec(), 5)));
        assert_eq!(get(env, object, "user.one", 0).map(|(_, len)| len), Ok(5));
        let (mut buf, mut len) = ([0; 100], 0);
        nodes(env).xattr_list(object, buf.as_mut_slice().into(), 100, (&mut len).into()).unwrap();
        let list = String::from_utf8_lossy(&buf[..len as usize]).into_owned();
        assert!(list.split('\0').any(|name| name == "user.one"), "{list:?}");
        let name = "user.one";
        assert_eq!(nodes(env).xattr_remove(object, name.into(), name.len()), Ok(Status::Ok));
        assert_eq!(get(env, object, name, 100), Err(PalError::NoData));
    }
    env.close(file);
    env.close(node);
}

fn xattr_errors(env: &Env) {
    let Some((file, node)) = with_xattrs(env, "/rw/xattr-errors") else { return };
    set(env, file, "user.a", b"12345", xattr::CREATE).unwrap();
    assert_eq!(set(env, file, "user.a", b"x", xattr::CREATE), Err(PalError::Exists));
    assert_eq!(set(env, file, "user.b", b"x", xattr::REPLACE), Err(PalError::NoData));
    assert_eq!(set(env, file, "user.a", b"x", 7), Err(PalError::Invalid));
    assert_eq!(set(env, file, "user.big", &vec![0; 70_000], 0), Err(PalError::TooBig));
    assert_eq!(get(env, file, "user.a", 2), Err(PalError::BufferTooSmall));
    assert_eq!(get(env, file, &format!("user.{}", "n".repeat(300)), 9), Err(PalError::NameTooLong));
    assert_eq!(get(env, file, "", 9), Err(PalError::Invalid));
    let name = "user.none";
    fails(nodes(env).xattr_remove(file, name.into(), name.len()), PalError::NoData);
    let (mut buf, mut len) = ([0; 2], 0);
    fails(
        nodes(env).xattr_list(file, buf.as_mut_slice().into(), 2, (&mut len).into()),
        PalError::BufferTooSmall,
    );
    env.close(file);
    env.close(node);
}

fn file_systems(env: &Env) {
    let file = env.file("/rw/statfs", b"");
    let mut info = FsInfo::ZERO;
    assert_eq!(nodes(env).stat_fs(file, (&mut info).into(), 88), Ok(Status::Ok));
    assert!(info.block_size >= 512 && info.blocks > 0 && info.name_max >= 255, "{info:?}");
    fails(nodes(env).stat_fs(file, (&mut info).into(), 8), PalError::Invalid);
    fails(nodes(env).stat_fs(file, bad_out(), 88), PalError::Fault);
    env.close(file);
    fails(nodes(env).stat_fs(file, (&mut info).into(), 88), PalError::BadHandle);
    let null = env.open("null:", R, 0).unwrap();
    fails(nodes(env).stat_fs(null, (&mut info).into(), 88), PalError::WrongType);
    env.close(null);
}

fn holes(env: &Env) {
    let file = env.file("/rw/holes", &[1; 3 * 65_536]);
    let op = |what, offset: &mut u64, length| nodes(env).hole(file, what, offset.into(), length);
    let mut offset = 65_536;
    match op(hole::PUNCH, &mut offset, 65_536) {
        Ok(_) => {
            assert_eq!(env.read(file, 65_536, 4), Ok((Status::Ok, vec![0; 4])));
            let mut at = 0;
            assert_eq!(op(hole::SEEK_HOLE, &mut at, 0), Ok(Status::Ok));
            assert_eq!(at, 65_536);
            assert_eq!(op(hole::SEEK_DATA, &mut at, 0), Ok(Status::Ok));
            assert_eq!(at, 2 * 65_536);
        }
        Err(error) => assert_eq!(error, PalError::NotSupported),
    }
    let mut beyond = 1 << 30;
    assert_eq!(op(hole::SEEK_DATA, &mut beyond, 0), Err(PalError::NoData));
    let mut end = 0;
    if op(hole::ALLOCATE, &mut end, 4 * 65_536) == Ok(Status::Ok) {
        assert_eq!(env.attributes(file).unwrap().size, 4 * 65_536);
    }
    assert_eq!(op(hole::ALLOCATE, &mut end, 0), Err(PalError::Invalid));
    assert_eq!(op(99, &mut end, 1), Err(PalError::Invalid));
    let reads = env.open("file:/rw/holes", R, 0).unwrap();
    fails(nodes(env).hole(reads, hole::PUNCH, (&mut end).into(), 1), PalError::Denied);
    // SAFETY: the callee must cope with any address.
    let bad = unsafe { InOut::from_addr(BAD) };
    fails(nodes(env).hole(file, hole::PUNCH, bad, 1), PalError::Fault);
    env.close(reads);
    env.close(file);
    let dir = env.open("dir:/rw", R, 0).unwrap();
    fails(nodes(env).hole(dir, hole::PUNCH, (&mut end).into(), 1), PalError::WrongType);
    env.close(dir);
}

fn watched(env: &Env) {
    let (dir, watches) = (dir(env, "watch"), env.open("watch:", R, 0).unwrap());
    let mask = watch::CREATE | watch::DELETE;
    let mut number = 0;
    assert_eq!(nodes(env).watch(watches, dir, mask, (&mut number).into()), Ok(Status::Ok));
    let event = env.event(watches, pal_abi::flags::event::READABLE).unwrap();
    assert_eq!(env.wait(&[event], 0), Ok(None));
    fs::write(env.host("watch/new"), "").unwrap();
    fs::remove_file(env.host("watch/new")).unwrap();
    assert_eq!(env.wait(&[event], env.soon(2000)), Ok(Some(0)));
    assert_eq!(env.attributes(watches).map(|attr| attr.available), Ok(64));
    let (_, first) = env.read(watches, 0, 40).unwrap();
    let record = WatchRecord::read_from(&first).unwrap();
    assert_eq!((record.number, record.mask, record.name_size), (number, watch::CREATE, 16));
    assert_eq!(&first[16..20], b"new\0");
    // The second record did not fit, and is still there.
    assert_eq!(env.wait(&[event], 0), Ok(Some(0)));
    let (_, second) = env.read(watches, 0, 400).unwrap();
    assert_eq!(WatchRecord::read_from(&second).unwrap().mask, watch::DELETE);
    assert_eq!(env.interrupted(|| env.read(watches, 0, 100)), Err(PalError::Interrupted));
    fs::write(env.host("watch/more"), "").unwrap();
    assert_eq!(env.read(watches, 0, 4), Err(PalError::Invalid));
    env.read(watches, 0, 100).unwrap();
    // A second node has its number, the same one has its first again.
    let (mut other, mut again) = (0, 0);
    let file = env.open("file:/rw/watch/more", R, 0).unwrap();
    let change = watch::MODIFY | watch::ONE_SHOT;
    assert_eq!(nodes(env).watch(watches, file, change, (&mut other).into()), Ok(Status::Ok));
    assert_ne!(number, other);
    let adds = watch::DELETE | watch::MASK_ADD;
    assert_eq!(nodes(env).watch(watches, dir, adds, (&mut again).into()), Ok(Status::Ok));
    assert_eq!(number, again);
    fails(nodes(env).watch(watches, dir, mask | watch::MASK_CREATE, (&mut again).into()), PalError::Exists);
    fails(
        nodes(env).watch(watches, file, mask | watch::ONLY_DIRECTORY, (&mut again).into()),
        PalError::NotDir,
    );
    fs::write(env.host("watch/more"), "x").unwrap();
    let (_, records) = env.read(watches, 0, 400).unwrap();
    let masks: Vec<u32> =
        records.chunks(16).filter_map(WatchRecord::read_from).map(|record| record.mask).collect();
    assert_eq!(masks, [watch::MODIFY, watch::ENDED]);
    assert_eq!(env.write(watches, 0, &number.to_ne_bytes()), Ok(4));
    assert_eq!(env.write(watches, 0, &number.to_ne_bytes()), Err(PalError::Invalid));
    assert_eq!(env.write(watches, 0, b"short"), Err(PalError::Invalid));
    let (_, ended) = env.read(watches, 0, 400).unwrap();
    assert_eq!(WatchRecord::read_from(&ended).unwrap().mask, watch::ENDED);
    fails(nodes(env).watch(watches, dir, 0, (&mut number).into()), PalError::Invalid);
    fails(nodes(env).watch(watches, dir, 0x0800_0000, (&mut number).into()), PalError::Invalid);
    fails(nodes(env).watch(dir, dir, mask, (&mut number).into()), PalError::WrongType);
    fails(nodes(env).watch(watches, dir, mask, bad_out()), PalError::Fault);
    assert_eq!(env.open("watch:x", R, 0), Err(PalError::Invalid));
    assert_eq!(env.name(watches), Ok("watch:".into()));
    for handle in [event, watches, dir, file] {
        env.close(handle);
    }
    fails(nodes(env).watch(watches, dir, mask, (&mut number).into()), PalError::BadHandle);
}

fn read_only(env: &Env) {
    let dir = env.open("dir:/ro", R, 0).unwrap();
    assert_eq!(at(env, dir, "file", RW, 0), Err(PalError::ReadOnly));
    assert_eq!(at(env, dir, "new", RW, open::CREATE), Err(PalError::ReadOnly));
    assert_eq!(unlink_at(env, dir, "file", 0), Err(PalError::ReadOnly));
    assert_eq!(make(env, dir, "x", 0o100_644), Err(PalError::ReadOnly));
    assert_eq!(symlink_at(env, dir, "x", "y"), Err(PalError::ReadOnly));
    assert_eq!(rename_at(env, (dir, dir), "file", "x", 0), Err(PalError::ReadOnly));
    assert_eq!(link_at(env, (dir, dir), "file", "x"), Err(PalError::ReadOnly));
    let file = at(env, dir, "file", R, 0).unwrap();
    assert_eq!(at(env, file, "", RW, 0), Err(PalError::ReadOnly));
    assert_eq!(set(env, file, "user.x", b"y", 0), Err(PalError::ReadOnly));
    let name = "user.x";
    fails(nodes(env).xattr_remove(file, name.into(), name.len()), PalError::ReadOnly);
    let mut offset = 0;
    fails(nodes(env).hole(file, hole::PUNCH, (&mut offset).into(), 1), PalError::ReadOnly);
    env.close(file);
    env.close(dir);
}

fn parameters(env: &Env) {
    let (stale, event) = (env.stale(), env.no_stream());
    let (watches, mut number) = (env.open("watch:", R, 0).unwrap(), 0);
    let name = "x";
    let mut handle = Handle::NONE;
    for (object, error) in [(stale, PalError::BadHandle), (event, PalError::WrongType)] {
        assert_eq!(at(env, object, "x", access::READ, 0), Err(error));
        assert_eq!(unlink_at(env, object, "x", 0), Err(error));
        assert_eq!(rename_at(env, (object, object), "x", "y", 0), Err(error));
        assert_eq!(link_at(env, (object, object), "x", "y"), Err(error));
        assert_eq!(symlink_at(env, object, "x", "y"), Err(error));
        assert_eq!(make(env, object, "x", 0o100_644), Err(error));
        assert_eq!(read_link(env, object, 9), Err(error));
        assert_eq!(get(env, object, "user.x", 9), Err(error));
        assert_eq!(set(env, object, "user.x", b"y", 0), Err(error));
        fails(nodes(env).xattr_remove(object, name.into(), 1), error);
        fails(nodes(env).xattr_list(object, OutBytes::NONE, 0, Out::NONE), error);
        fails(nodes(env).watch(watches, object, 1, (&mut number).into()), error);
    }
    env.close(event);
    env.close(watches);
    let dir = dir(env, "parameters");
    // SAFETY: the callee must cope with any address.
    let bad = unsafe { InBytes::from_addr(BAD) };
    let n = nodes(env);
    fails(n.open_at(dir, bad, 1, R, 0, (&mut handle).into()), PalError::Fault);
    fails(n.open_at(dir, name.into(), 1, R, 0, bad_out()), PalError::Fault);
    fails(n.unlink_at(dir, bad, 1, 0), PalError::Fault);
    fails(n.rename_at(dir, dir, bad, 2, 1, 0), PalError::Fault);
    fails(n.link_at(dir, dir, bad, 2, 1), PalError::Fault);
    fails(n.symlink_at(dir, bad, 1, name.into(), 1), PalError::Fault);
    fails(n.symlink_at(dir, name.into(), 1, bad, 1), PalError::Fault);
    fails(n.make_node(dir, bad, 1, 0o100_644, 0), PalError::Fault);
    fails(n.xattr_get(dir, bad, 1, OutBytes::NONE, 0, Out::NONE), PalError::Fault);
    fails(n.xattr_set(dir, bad, 1, name.into(), 1, 0), PalError::Fault);
    fails(n.xattr_remove(dir, bad, 1), PalError::Fault);
    fails(n.xattr_list(dir, OutBytes::NONE, 0, bad_out()), PalError::Fault);
    env.close(dir);
}
