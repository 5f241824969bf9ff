//! `file:` — opening, reading, writing, length, names, deletion, attributes; and what no path reaches.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use pal_abi::arg::{In, Out, OutBytes};
use pal_abi::flags::{APPEND_OFFSET, access, attr, delete, node, open, query, rename, stream, with_mode};
use pal_abi::{Attr, Handle, Layout, PalError, Status, TimeStamp};

use crate::harness::{ATTR_SIZE, BAD, Env, R, RW, Suite, bad_input, bad_out, bad_output, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("file: created, written, read", create_write_read),
        ("file: the end of the file is told", end_of_file),
        ("file: create options", create_options),
        ("file: access is kept to", access_modes),
        ("file: a read-only mapping stays as it is", read_only),
        ("file: appending writes go to the end", appending),
        ("file: length is set", lengths),
        ("file: flushed", flushed),
        ("file: deleted under the name it was opened by", deleted),
        ("file: renamed", renamed),
        ("file: names are canonical", names),
        ("file: attributes are the host's", attributes),
        ("file: attributes can be set", set_attributes),
        ("file: path errors", path_errors),
        ("file: nothing outside the mappings is reached", outside),
        ("file: hidden directories are denied", hidden),
        ("file: bad pointers are FAULT", faults),
        ("file: bad handles and flags", bad_parameters),
        ("file: a full device", full_device),
        ("file: FIFOs wait for their other side", fifos),
    ]);
}

fn create_write_read(env: &Env) {
    let file = env.file("/rw/plain", b"hello, world");
    assert_eq!(env.read(file, 7, 100), Ok((Status::Ok, b"world".to_vec())));
    assert_eq!(env.write(file, 5, b"!"), Ok(1));
    assert_eq!(env.write(file, 20, b"far"), Ok(3));
    assert_eq!(fs::read(env.host("plain")).unwrap(), b"hello! world\0\0\0\0\0\0\0\0far");
    assert_eq!(env.read(file, 0, 0), Ok((Status::Ok, vec![])));
    env.close(file);
}

fn end_of_file(env: &Env) {
    let file = env.file("/rw/end", b"abc");
    assert_eq!(env.read(file, 3, 10), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.read(file, 1 << 40, 10), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.read(file, 2, 10), Ok((Status::Ok, b"c".to_vec())));
    env.close(file);
}

fn create_options(env: &Env) {
    let name = "file:/rw/created";
    assert_eq!(env.open(name, RW, 0), Err(PalError::NotFound));
    let first = env.open(name, RW, with_mode(open::CREATE_NEW, 0o640)).unwrap();
    assert_eq!(fs::metadata(env.host("created")).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(env.open(name, RW, open::CREATE_NEW), Err(PalError::Exists));
    assert_eq!(env.write(first, 0, b"abc"), Ok(3));
    let second = env.open(name, RW, open::CREATE).unwrap();
    assert_eq!(env.read(second, 0, 9), Ok((Status::Ok, b"abc".to_vec())));
    let third = env.open(name, RW, open::TRUNCATE).unwrap();
    assert_eq!(env.read(second, 0, 9), Ok((Status::EndOfStream, vec![])));
    let unnamed = env.open("file:/rw", RW, open::TEMPORARY).unwrap();
    assert_eq!(env.write(unnamed, 0, b"x"), Ok(1));
    let durable = env.open(name, RW, open::SYNC).unwrap();
    assert_eq!(env.write(durable, 0, b"x"), Ok(1));
    for handle in [first, second, third, unnamed, durable] {
        env.close(handle);
    }
}

fn access_modes(env: &Env) {
    let file = env.file("/rw/modes", b"abc");
    let reads = env.open("file:/rw/modes", R, 0).unwrap();
    assert_eq!(env.write(reads, 0, b"x"), Err(PalError::Denied));
    assert_eq!(env.pal.stream_set_length(reads, 0), Err(PalError::Denied));
    let writes = env.open("file:/rw/modes", access::WRITE, 0).unwrap();
    assert_eq!(env.read(writes, 0, 1), Err(PalError::Denied));
    let node = env.open("file:/rw/modes", 0, open::PATH_ONLY).unwrap();
    assert_eq!(env.read(node, 0, 1), Err(PalError::Denied));
    assert_eq!(env.write(node, 0, b"x"), Err(PalError::Denied));
    fails(env.pal.stream_set_length(node, 0), PalError::Denied);
    fails(env.pal.stream_flush(node), PalError::Denied);
    assert_eq!(env.attributes(node).map(|a| a.size), Ok(3));
    for handle in [file, reads, writes, node] {
        env.close(handle);
    }
}

fn read_only(env: &Env) {
    let file = env.open("file:/ro/file", R, 0).unwrap();
    assert_eq!(env.read(file, 0, 100), Ok((Status::Ok, b"read only".to_vec())));
    fails(env.pal.stream_delete(file, delete::ALL), PalError::ReadOnly);
    fails(env.pal.stream_set_length(file, 0), PalError::ReadOnly);
    let to = "file:/ro/other";
    fails(env.pal.stream_rename(file, to.into(), to.len(), 0), PalError::ReadOnly);
    let attr = Attr { mode: 0o600, ..Attr::ZERO };
    fails(
        env.pal.stream_attributes_set_by_handle(file, (&attr).into(), ATTR_SIZE, attr::MODE),
        PalError::ReadOnly,
    );
    env.close(file);
    assert_eq!(env.open("file:/ro/file", RW, 0), Err(PalError::ReadOnly));
    assert_eq!(env.open("file:/ro/file", R, open::TRUNCATE), Err(PalError::ReadOnly));
    assert_eq!(env.open("file:/ro/new", RW, open::CREATE), Err(PalError::ReadOnly));
    assert_eq!(env.open("file:/ro/new", RW, 0), Err(PalError::NotFound));
    assert_eq!(env.open("file:/ro/file", R, open::CREATE_NEW), Err(PalError::Exists));
    let again = env.open("file:/ro/file", R, open::CREATE).unwrap();
    env.close(again);
    let mapped = env.open("file:/file", R, 0).unwrap();
    assert_eq!(env.read(mapped, 5, 4), Ok((Status::Ok, b"only".to_vec())));
    env.close(mapped);
    assert_eq!(env.open("file:/file", RW, 0), Err(PalError::ReadOnly));
}

fn appending(env: &Env) {
    let file = env.file("/rw/append", b"123");
    assert_eq!(env.write(file, APPEND_OFFSET, b"45"), Ok(2));
    let appends = env.open("file:/rw/append", RW, open::APPEND).unwrap();
    assert_eq!(env.write(appends, 0, b"6"), Ok(1));
    assert_eq!(env.write(file, APPEND_OFFSET, b"7"), Ok(1));
    assert_eq!(env.read(file, 0, 100), Ok((Status::Ok, b"1234567".to_vec())));
    assert_eq!(env.attributes(file).map(|a| a.size), Ok(7));
    env.close(file);
    env.close(appends);
}

fn lengths(env: &Env) {
    let file = env.file("/rw/length", b"abcdef");
    assert_eq!(env.pal.stream_set_length(file, 2), Ok(Status::Ok));
    assert_eq!(env.read(file, 0, 100), Ok((Status::Ok, b"ab".to_vec())));
    assert_eq!(env.pal.stream_set_length(file, 4), Ok(Status::Ok));
    assert_eq!(env.read(file, 0, 100), Ok((Status::Ok, b"ab\0\0".to_vec())));
    fails(env.pal.stream_set_length(file, u64::MAX), PalError::Invalid);
    fails(env.pal.stream_set_length(file, i64::MAX as u64), PalError::TooBig);
    let null = env.open("null:", RW, 0).unwrap();
    fails(env.pal.stream_set_length(null, 0), PalError::WrongType);
    let dir = env.open("dir:/rw", R, 0).unwrap();
    fails(env.pal.stream_set_length(dir, 0), PalError::IsDir);
    for handle in [file, null, dir] {
        env.close(handle);
    }
    fails(env.pal.stream_set_length(env.stale(), 0), PalError::BadHandle);
}

fn flushed(env: &Env) {
    let file = env.file("/rw/flush", b"x");
    assert_eq!(env.pal.stream_flush(file), Ok(Status::Ok));
    env.close(file);
    fails(env.pal.stream_flush(file), PalError::BadHandle);
    let null = env.open("null:", RW, 0).unwrap();
    assert_eq!(env.pal.stream_flush(null), Ok(Status::Ok));
    env.close(null);
    let event = env.no_stream();
    fails(env.pal.stream_flush(event), PalError::WrongType);
    env.close(event);
}

fn deleted(env: &Env) {
    let file = env.file("/rw/doomed", b"x");
    fails(env.pal.stream_delete(file, 9), PalError::Invalid);
    fails(env.pal.stream_delete(file, delete::READ), PalError::NotSupported);
    assert_eq!(env.pal.stream_delete(file, delete::ALL), Ok(Status::Ok));
    assert!(!env.host("doomed").exists());
    assert_eq!(env.read(file, 0, 1), Ok((Status::Ok, b"x".to_vec())));
    fails(env.pal.stream_delete(file, delete::ALL), PalError::NotFound);
    env.close(file);
    // Another file of that name is not the one that was opened.
    let file = env.file("/rw/doomed", b"x");
    fs::rename(env.host("doomed"), env.host("kept")).unwrap();
    fs::write(env.host("doomed"), "another").unwrap();
    fails(env.pal.stream_delete(file, delete::ALL), PalError::NotFound);
    assert!(env.host("doomed").exists() && env.host("kept").exists());
    env.close(file);
    fails(env.pal.stream_delete(env.stale(), 0), PalError::BadHandle);
    let event = env.no_stream();
    fails(env.pal.stream_delete(event, 0), PalError::WrongType);
    env.close(event);
}

fn rename_to(env: &Env, file: Handle, to: &str, flags: u32) -> Result<Status, PalError> {
    env.pal.stream_rename(file, to.into(), to.len(), flags)
}

fn renamed(env: &Env) {
    let file = env.file("/rw/old", b"x");
    assert_eq!(rename_to(env, file, "file:/rw/new", 0), Ok(Status::Ok));
    assert_eq!(env.name(file), Ok("file:/rw/new".into()));
    assert!(!env.host("old").exists() && env.host("new").exists());
    let other = env.file("/rw/other", b"y");
    assert_eq!(rename_to(env, file, "file:/rw/other", 0), Err(PalError::Exists));
    assert_eq!(rename_to(env, file, "file:/rw/other", rename::REPLACE), Ok(Status::Ok));
    assert_eq!(fs::read(env.host("other")).unwrap(), b"x");
    assert_eq!(rename_to(env, other, "file:/rw/more", 0), Err(PalError::NotFound));
    let third = env.file("/rw/third", b"z");
    match rename_to(env, file, "file:/rw/third", rename::EXCHANGE) {
        Ok(_) => assert_eq!(fs::read(env.host("other")).unwrap(), b"z"),
        Err(error) => assert_eq!(error, PalError::NotSupported),
    }
    assert_eq!(rename_to(env, file, "null:", 0), Err(PalError::Invalid));
    assert_eq!(rename_to(env, file, "file:/rw/x", 8), Err(PalError::Invalid));
    assert_eq!(rename_to(env, file, "file:/ro/x", 0), Err(PalError::ReadOnly));
    assert_eq!(rename_to(env, file, "file:/rw/none/x", 0), Err(PalError::NotFound));
    assert_eq!(rename_to(env, file, "file:/rw/third/x", 0), Err(PalError::NotDir));
    assert_eq!(rename_to(env, file, &format!("file:/rw/{}", "n".repeat(300)), 0), Err(PalError::NameTooLong));
    fs::create_dir(env.host("target")).unwrap();
    let plain = env.file("/rw/plainer", b"p");
    assert_eq!(rename_to(env, plain, "file:/rw/target", rename::REPLACE), Err(PalError::IsDir));
    env.close(plain);
    let dir = env.open("dir:/rw/target", R, 0).unwrap();
    fs::create_dir_all(env.host("full/x")).unwrap();
    assert_eq!(rename_to(env, dir, "dir:/rw/full", rename::REPLACE), Err(PalError::NotEmpty));
    assert_eq!(rename_to(env, dir, "dir:/rw/other", rename::REPLACE), Err(PalError::NotDir));
    let root = env.open("dir:/rw", R, 0).unwrap();
    assert_eq!(rename_to(env, root, "dir:/rw/x", 0), Err(PalError::Busy));
    for handle in [file, other, third, dir, root] {
        env.close(handle);
    }
    let null = env.open("null:", RW, 0).unwrap();
    assert_eq!(rename_to(env, null, "null:", 0), Err(PalError::WrongType));
    env.close(null);
    assert_eq!(rename_to(env, null, "null:", 0), Err(PalError::BadHandle));
}

fn names(env: &Env) {
    let file = env.file("/rw/named", b"");
    symlink("named", env.host("alias")).unwrap();
    let alias = env.open("file:/rw/./../rw//alias", R, 0).unwrap();
    assert_eq!(env.name(alias), Ok("file:/rw/named".into()));
    let (mut small, mut len) = ([0; 4], 0);
    let result = env.pal.stream_get_name(alias, small.as_mut_slice().into(), 4, (&mut len).into());
    assert_eq!((result, len), (Err(PalError::BufferTooSmall), 14));
    fails(env.pal.stream_get_name(alias, OutBytes::NONE, 0, bad_out()), PalError::Fault);
    fails(env.pal.stream_get_name(env.stale(), OutBytes::NONE, 0, Out::NONE), PalError::BadHandle);
    env.close(alias);
    env.close(file);
}

fn attributes(env: &Env) {
    let file = env.file("/rw/stat", b"12345");
    fs::set_permissions(env.host("stat"), fs::Permissions::from_mode(0o4711)).unwrap();
    let host = fs::metadata(env.host("stat")).unwrap();
    for found in [env.attributes(file).unwrap(), env.attributes_of("file:/rw/stat", 0).unwrap()] {
        assert_eq!((found.kind, found.mode, found.size), (node::FILE, 0o4711, 5));
        assert_eq!((found.inode, found.nlink), (host.ino(), 1));
        assert_eq!((found.uid, found.gid), (host.uid(), host.gid()));
        assert_eq!(
            (found.mtime.seconds, i64::from(found.mtime.nanoseconds)),
            (host.mtime(), host.mtime_nsec())
        );
        assert_eq!(found.blocks, host.blocks());
        assert_ne!(found.valid & attr::FILE, 0);
    }
    let flags = env.attributes(file).unwrap().flags;
    assert_eq!(flags, stream::READ | stream::WRITE | stream::SEEKABLE);
    env.close(file);
    symlink("stat", env.host("statlink")).unwrap();
    assert_eq!(env.attributes_of("file:/rw/statlink", 0).unwrap().kind, node::FILE);
    assert_eq!(env.attributes_of("file:/rw/statlink", query::NOFOLLOW).unwrap().kind, node::LINK);
    assert_eq!(env.attributes_of("dir:/rw", 0).unwrap().kind, node::DIRECTORY);
    assert_eq!(env.attributes_of("dir:/rw/stat", 0), Err(PalError::NotDir));
    assert_eq!(env.attributes_of("file:/rw/none", 0), Err(PalError::NotFound));
    assert_eq!(env.attributes_of("file:/rw/stat", 8), Err(PalError::Invalid));
    assert_eq!(env.attributes_of("pipe:", 0), Err(PalError::NotSupported));
    assert_eq!(env.attributes_of("rubbish", 0), Err(PalError::Invalid));
    assert_eq!(env.attributes_of("file:/rw/hidden", 0), Err(PalError::Denied));
    let long = format!("file:/rw/{}", "n".repeat(300));
    assert_eq!(env.attributes_of(&long, 0), Err(PalError::NameTooLong));
    let mut found = Attr::ZERO;
    let uri = "file:/rw/stat";
    fails(
        env.pal.stream_attributes_query(uri.into(), uri.len(), (&mut found).into(), 8, 0),
        PalError::Invalid,
    );
    fails(env.pal.stream_attributes_query(uri.into(), uri.len(), bad_out(), ATTR_SIZE, 0), PalError::Fault);
    fails(
        env.pal.stream_attributes_query_by_handle(file, (&mut found).into(), ATTR_SIZE),
        PalError::BadHandle,
    );
}

fn set_attributes(env: &Env) {
    let file = env.file("/rw/set", b"x");
    let set =
        |attr: Attr, mask| env.pal.stream_attributes_set_by_handle(file, (&attr).into(), ATTR_SIZE, mask);
    let mtime = TimeStamp { seconds: 1_000_000_000, nanoseconds: 5, reserved: 0 };
    let wanted = Attr { mode: 0o604, mtime, ..Attr::ZERO };
    assert_eq!(set(wanted, attr::MODE | attr::MTIME), Ok(Status::Ok));
    let host = fs::metadata(env.host("set")).unwrap();
    assert_eq!((host.mode() & 0o7777, host.mtime(), host.mtime_nsec()), (0o604, 1_000_000_000, 5));
    assert_eq!(set(Attr::ZERO, attr::MTIME_NOW | attr::ATIME_NOW), Ok(Status::Ok));
    assert!(fs::metadata(env.host("set")).unwrap().mtime() > 1_000_000_000);
    assert_eq!(set(Attr { flags: stream::NONBLOCK, ..Attr::ZERO }, attr::FLAGS), Ok(Status::Ok));
    assert_ne!(env.attributes(file).unwrap().flags & stream::NONBLOCK, 0);
    assert_eq!(set(Attr::ZERO, attr::TERMIOS), Err(PalError::NotSupported));
    assert_eq!(set(Attr::ZERO, attr::FILE), Err(PalError::Invalid));
    let late = TimeStamp { nanoseconds: 1_000_000_000, ..TimeStamp::ZERO };
    assert_eq!(set(Attr { atime: late, ..Attr::ZERO }, attr::ATIME), Err(PalError::Invalid));
    // SAFETY: the callee must cope with any address.
    let bad = unsafe { In::from_addr(BAD) };
    fails(env.pal.stream_attributes_set_by_handle(file, bad, ATTR_SIZE, attr::MODE), PalError::Fault);
    fails(env.pal.stream_attributes_set_by_handle(file, (&wanted).into(), 3, attr::MODE), PalError::Invalid);
    let node = env.open("file:/rw/set", 0, open::PATH_ONLY).unwrap();
    let by_path =
        env.pal.stream_attributes_set_by_handle(node, (&wanted).into(), ATTR_SIZE, attr::MODE | attr::MTIME);
    assert_eq!(by_path, Ok(Status::Ok));
    assert_eq!(fs::metadata(env.host("set")).unwrap().mtime(), 1_000_000_000);
    env.close(node);
    env.close(file);
    fails(
        env.pal.stream_attributes_set_by_handle(file, (&wanted).into(), ATTR_SIZE, attr::MODE),
        PalError::BadHandle,
    );
}

fn path_errors(env: &Env) {
    let file = env.file("/rw/leaf", b"");
    env.close(file);
    symlink("circle", env.host("circle")).unwrap();
    symlink("/nowhere", env.host("dangling")).unwrap();
    let open = |uri: &str, access, options| env.open(uri, access, options);
    assert_eq!(open("file:/rw/leaf/x", R, 0), Err(PalError::NotDir));
    assert_eq!(open("file:/rw/leaf/", R, 0), Err(PalError::NotDir));
    assert_eq!(open("file:/rw/leaf", R, open::DIRECTORY), Err(PalError::NotDir));
    assert_eq!(open("file:/rw/circle", R, 0), Err(PalError::Loop));
    assert_eq!(open("file:/rw/dangling", R, 0), Err(PalError::NotFound));
    assert_eq!(open("file:/rw/dangling", R, open::NOFOLLOW), Err(PalError::Loop));
    assert_eq!(open("file:/rw", RW, 0), Err(PalError::IsDir));
    assert_eq!(open("file:/far", RW, 0), Err(PalError::IsDir));
    assert_eq!(open("file:/nowhere", R, 0), Err(PalError::NotFound));
    assert_eq!(open(&format!("file:/rw/{}", "n".repeat(256)), R, 0), Err(PalError::NameTooLong));
    assert_eq!(open(&format!("file:/rw/{}", "n/".repeat(5000)), R, 0), Err(PalError::NameTooLong));
    assert_eq!(open("file:relative", R, 0), Err(PalError::Invalid));
    assert_eq!(open("file", R, 0), Err(PalError::Invalid));
    assert_eq!(open("gopher://x", R, 0), Err(PalError::NotSupported));
    assert_eq!(open("file:/rw/leaf", 0, 0), Err(PalError::Invalid));
    assert_eq!(open("file:/rw/leaf", 0x80, 0), Err(PalError::Invalid));
    assert_eq!(open("file:/rw/leaf", R, 0x4000), Err(PalError::Invalid));
    assert_eq!(open("file:/rw/leaf\0x", R, 0), Err(PalError::Invalid));
    if fs::write("/proc/self/fd/none", "").is_err() {
        // Sockets in the file system have nobody who serves them as a file.
        let _listener = std::os::unix::net::UnixListener::bind(env.host("socket")).unwrap();
        assert_eq!(open("file:/rw/socket", R, 0), Err(PalError::NoDevice));
    }
}

fn outside(env: &Env) {
    fs::write(env.host.join("secret"), "secret").unwrap();
    symlink(env.host.join("secret"), env.host("direct")).unwrap();
    symlink("../secret", env.host("relative")).unwrap();
    symlink("/proc/self/root", env.host("magic")).unwrap();
    for path in [
        "/rw/../../secret",
        "/rw/../secret",
        "/rw/direct",
        "/rw/relative",
        "/rw/magic/etc/passwd",
        "/etc/passwd",
        "/proc/self/mem",
        "/../../../../etc/passwd",
    ] {
        assert_eq!(env.open(&format!("file:{path}"), R, 0), Err(PalError::NotFound), "{path}");
    }
    assert_eq!(
        env.open(&format!("file:{}", env.host.join("secret").display()), R, 0),
        Err(PalError::NotFound)
    );
    for scheme in ["dev:mem", "dev:../etc/passwd", "dev:kmsg", "dev:"] {
        assert_eq!(env.open(scheme, R, 0), Err(PalError::NotFound), "{scheme}");
    }
}

fn hidden(env: &Env) {
    for path in ["/rw/hidden", "/rw/hidden/code", "/rw/../rw/hidden/code"] {
        assert_eq!(env.open(&format!("file:{path}"), R, 0), Err(PalError::Denied), "{path}");
    }
    symlink("hidden", env.host("peek")).unwrap();
    assert_eq!(env.open("file:/rw/peek/code", R, 0), Err(PalError::Denied));
}

fn faults(env: &Env) {
    let file = env.file("/rw/fault", b"abcdef");
    let (mut done, mut handle) = (0, Handle::NONE);
    let (input, output) = (bad_input(), bad_output());
    let pal = env.pal;
    fails(pal.stream_open(input, 4, R, 0, 0, (&mut handle).into()), PalError::Fault);
    let uri = "file:/rw/fault";
    fails(pal.stream_open(uri.into(), uri.len(), R, 0, 0, bad_out()), PalError::Fault);
    fails(pal.stream_open(uri.into(), uri.len(), R, 0, 0, Out::NONE), PalError::Fault);
    fails(pal.stream_read(file, 0, output, 6, (&mut done).into(), Out::NONE), PalError::Fault);
    fails(pal.stream_write(file, 0, input, 6, (&mut done).into(), Out::NONE), PalError::Fault);
    let mut buf = [0; 6];
    fails(pal.stream_read(file, 0, buf.as_mut_slice().into(), 6, bad_out(), Out::NONE), PalError::Fault);
    fails(pal.stream_write(file, 0, b"x".as_slice().into(), 1, bad_out(), Out::NONE), PalError::Fault);
    fails(pal.stream_rename(file, input, 4, 0), PalError::Fault);
    fails(pal.stream_attributes_query(input, 4, bad_out(), ATTR_SIZE, 0), PalError::Fault);
    fails(pal.stream_attributes_query_by_handle(file, bad_out(), ATTR_SIZE), PalError::Fault);
    fails(pal.stream_get_event(file, 0, bad_out()), PalError::Fault);
    env.close(file);
}

fn bad_parameters(env: &Env) {
    let (stale, event) = (env.stale(), env.no_stream());
    assert_eq!(env.read(stale, 0, 1), Err(PalError::BadHandle));
    assert_eq!(env.write(stale, 0, b"x"), Err(PalError::BadHandle));
    assert_eq!(env.read(event, 0, 1), Err(PalError::WrongType));
    assert_eq!(env.write(event, 0, b"x"), Err(PalError::WrongType));
    assert_eq!(env.event(stale, 0), Err(PalError::BadHandle));
    assert_eq!(env.event(event, 0), Err(PalError::WrongType));
    let file = env.file("/rw/bad", b"");
    assert_eq!(env.event(file, 99), Err(PalError::Invalid));
    assert_eq!(env.event(file, pal_abi::flags::event::CLIENT), Err(PalError::NotSupported));
    assert_eq!(env.read(file, u64::MAX - 1, 1), Err(PalError::Invalid));
    let dir = env.open("dir:/rw", R, 0).unwrap();
    assert_eq!(env.read(dir, 0, 1), Err(PalError::IsDir));
    assert_eq!(env.write(dir, 0, b"x"), Err(PalError::IsDir));
    for handle in [event, file, dir] {
        env.close(handle);
    }
}

fn full_device(env: &Env) {
    let full = env.open("dev:full", RW, 0).unwrap();
    assert_eq!(env.write(full, 0, b"x"), Err(PalError::NoSpace));
    env.close(full);
}

fn fifos(env: &Env) {
    let path = std::ffi::CString::new(env.host("fifo").as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    // Nobody writes, nobody reads.
    let reading = env.open("file:/rw/fifo", R, open::NONBLOCK).unwrap();
    assert_eq!(env.read(reading, 0, 1), Ok((Status::EndOfStream, vec![])));
    env.close(reading);
    assert_eq!(env.open("file:/rw/fifo", access::WRITE, open::NONBLOCK), Err(PalError::NoDevice));
    assert_eq!(env.interrupted(|| env.open("file:/rw/fifo", R, 0)), Err(PalError::Interrupted));
    let writer = env.later(20, |pal| {
        let (uri, mut handle, mut done) = ("file:/rw/fifo", Handle::NONE, 0);
        pal.stream_open(uri.into(), uri.len(), access::WRITE, 0, 0, (&mut handle).into()).unwrap();
        pal.stream_write(handle, 0, b"through".as_slice().into(), 7, (&mut done).into(), Out::NONE).unwrap();
        pal.object_close(handle).unwrap();
    });
    let reading = env.open("file:/rw/fifo", R, 0).unwrap();
    assert_eq!(env.read(reading, 0, 100), Ok((Status::Ok, b"through".to_vec())));
    env.join(writer);
    assert_eq!(env.read(reading, 0, 100), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.attributes(reading).unwrap().kind, node::FIFO);
    env.close(reading);
}
