//! `pty:` — pseudo-terminals.

use pal_abi::flags::{NEVER, attr, event, node, open, stream};
use pal_abi::{Attr, Handle, Layout, PalError, Status};

use crate::harness::{ATTR_SIZE, Env, R, RW, Suite, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("pty: the slave is had from the master, the line discipline between them", two_sides),
        ("pty: settings and window size are common", settings),
        ("pty: a name opens the slave and holds nothing", names),
        ("pty: input and output can be discarded", discarded),
        ("pty: either side's end is seen", ends),
        ("pty: what cannot be opened", mistakes),
    ]);
}

fn peer(env: &Env, of: Handle, options: u32) -> Result<Handle, PalError> {
    let mut handle = Handle::NONE;
    env.pal.stream_wait_for_client(of, options, (&mut handle).into())?;
    Ok(handle)
}

fn pair(env: &Env) -> (Handle, Handle) {
    let master = env.open("pty:", RW, 0).unwrap();
    (master, peer(env, master, 0).unwrap())
}

fn set(env: &Env, handle: Handle, attr: &Attr, mask: u32) -> Result<Status, PalError> {
    env.pal.stream_attributes_set_by_handle(handle, attr.into(), ATTR_SIZE, mask)
}

/// Waits until a side can be read, and reads it.
fn take(env: &Env, from: Handle) -> Vec<u8> {
    env.read(from, 0, 100).unwrap().1
}

fn wait_readable(env: &Env, stream: Handle) {
    let mut event = Handle::NONE;
    env.pal.stream_get_event(stream, event::READABLE, (&mut event).into()).unwrap();
    let mut index = 0u32;
    let list = event.0.to_le_bytes();
    env.pal.objects_wait_any((&list[..]).into(), list.len(), NEVER, 0, (&mut index).into()).unwrap();
    env.close(event);
}

fn two_sides(env: &Env) {
    let (master, slave) = pair(env);
    assert_eq!(env.attributes(master).unwrap().kind, node::CHARACTER);
    assert_ne!(env.attributes(slave).unwrap().flags & stream::TERMINAL, 0);
    assert_eq!(env.name(slave), Ok("pty:".into()));
    assert_eq!(env.write(master, 0, b"typed\n"), Ok(6));
    assert_eq!(take(env, slave), b"typed\n");
    assert_eq!(take(env, master), b"typed\r\n");
    assert_eq!(env.write(slave, 0, b"shown\n"), Ok(6));
    assert_eq!(take(env, master), b"shown\r\n");
    let waiting = Attr { flags: stream::NONBLOCK, ..Attr::ZERO };
    assert_eq!(set(env, master, &waiting, attr::FLAGS), Ok(Status::Ok));
    assert_eq!(env.read(master, 0, 10), Err(PalError::WouldBlock));
    env.close(slave);
    env.close(master);
}

fn settings(env: &Env) {
    const ICANON: u32 = 2;
    const ECHO: u32 = 8;
    let (master, slave) = pair(env);
    let mut found = env.attributes(slave).unwrap();
    assert_ne!(found.local_flags & ICANON, 0);
    found.local_flags &= !(ICANON | ECHO);
    (found.rows, found.columns) = (7, 9);
    assert_eq!(set(env, slave, &found, attr::TERMIOS | attr::WINDOW), Ok(Status::Ok));
    let seen = env.attributes(master).unwrap();
    assert_eq!((seen.local_flags, seen.rows, seen.columns), (found.local_flags, 7, 9));
    assert_eq!(env.write(master, 0, b"x"), Ok(1));
    assert_eq!(take(env, slave), b"x");
    env.close(slave);
    env.close(master);
}

fn names(env: &Env) {
    let (master, slave) = pair(env);
    let of_master = peer(env, master, open::PATH_ONLY).unwrap();
    let of_slave = peer(env, slave, open::PATH_ONLY).unwrap();
    env.close(slave);
    for name in [of_master, of_slave] {
        assert_eq!(env.attributes(name).unwrap().kind, node::CHARACTER);
        assert_eq!(env.attributes(name).unwrap().flags & stream::TERMINAL, 0);
        assert!(env.read(name, 0, 1).is_err());
        let again = peer(env, name, 0).unwrap();
        assert_eq!(env.write(again, 0, b"y"), Ok(1));
        assert_eq!(take(env, master), b"y");
        env.close(again);
        let mut event = Handle::NONE;
        fails(env.pal.stream_get_event(name, event::READABLE, (&mut event).into()), PalError::NotSupported);
        assert_eq!(set(env, name, &Attr::ZERO, attr::TERMIOS), Err(PalError::NotSupported));
    }
    env.close(master);
    assert_eq!(peer(env, of_master, 0), Err(PalError::Broken));
    env.close(of_master);
    env.close(of_slave);
}

fn discarded(env: &Env) {
    let (master, slave) = pair(env);
    assert_eq!(env.write(slave, 0, b"lost"), Ok(4));
    wait_readable(env, master);
    // It has arrived on the other side: from there it can be called back by that side only.
    assert_eq!(set(env, slave, &Attr::ZERO, attr::DISCARD_OUTPUT), Ok(Status::Ok));
    assert_eq!(set(env, master, &Attr::ZERO, attr::DISCARD_INPUT), Ok(Status::Ok));
    assert_eq!(env.write(slave, 0, b"kept"), Ok(4));
    assert_eq!(take(env, master), b"kept");
    assert_eq!(env.write(master, 0, b"lost\n"), Ok(5));
    // What is echoed has been looked at.
    assert_eq!(take(env, master), b"lost\r\n");
    assert_eq!(set(env, slave, &Attr::ZERO, attr::DISCARD_INPUT), Ok(Status::Ok));
    assert_eq!(env.write(master, 0, b"kept\n"), Ok(5));
    assert_eq!(take(env, slave), b"kept\n");
    env.close(slave);
    env.close(master);
}

fn ends(env: &Env) {
    let (master, slave) = pair(env);
    assert_eq!(env.write(slave, 0, b"last"), Ok(4));
    env.close(slave);
    assert_eq!(take(env, master), b"last");
    assert_eq!(env.read(master, 0, 1), Err(PalError::Io));
    let slave = peer(env, master, 0).unwrap();
    assert_eq!(env.write(slave, 0, b"back"), Ok(4));
    assert_eq!(take(env, master), b"back");
    env.close(master);
    assert_eq!(env.read(slave, 0, 1), Ok((Status::EndOfStream, vec![])));
    assert_eq!(env.write(slave, 0, b"x"), Err(PalError::Io));
    env.close(slave);
}

fn mistakes(env: &Env) {
    assert_eq!(env.open("pty:0", RW, 0), Err(PalError::NotFound));
    assert_eq!(env.open("pty:", R, 0), Err(PalError::Invalid));
    let master = env.open("pty:", RW, 0).unwrap();
    assert_eq!(peer(env, master, open::CREATE), Err(PalError::Invalid));
    let pipe = env.open("pipe:", R, 0).unwrap();
    assert_eq!(peer(env, pipe, open::PATH_ONLY), Err(PalError::Invalid));
    env.close(pipe);
    env.close(master);
}
