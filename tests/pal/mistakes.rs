//! Wrong handles, wrong kinds, bad pointers, impossible names: what the cases by subject leave over, and waiting
//! calls that are interrupted.

use pal_abi::arg::{Out, OutBytes};
use pal_abi::flags::{POLL, access, attr, event, hole, open, rename};
use pal_abi::{Attr, Handle, Layout, Nodes, PalError, Status};

use crate::harness::{ATTR_SIZE, Env, R, RW, Suite, bad_out, bad_output, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("mistakes: handles to what is no stream", no_streams),
        ("mistakes: streams without a name", nameless),
        ("mistakes: bad pointers", pointers),
        ("mistakes: what cannot be waited for", unwaitable),
        ("mistakes: handles over what carries none", no_channel),
        ("mistakes: links that lead in circles", circles),
        ("mistakes: names of nodes", node_names),
        ("mistakes: nodes of the wrong kind", node_kinds),
        ("interrupted: opening a FIFO by a node's name", fifo),
        ("interrupted: sending a handle over a full channel", full_channel),
    ]);
}

fn nodes(env: &Env) -> &'static dyn Nodes {
    env.nodes.expect("the Nodes group")
}

fn no_streams(env: &Env) {
    let (event, mut found) = (env.no_stream(), Attr::ZERO);
    let pal = env.pal;
    fails(pal.stream_get_name(event, OutBytes::NONE, 0, Out::NONE), PalError::WrongType);
    fails(pal.stream_attributes_query_by_handle(event, (&mut found).into(), ATTR_SIZE), PalError::WrongType);
    fails(
        pal.stream_attributes_set_by_handle(event, (&found).into(), ATTR_SIZE, attr::MODE),
        PalError::WrongType,
    );
    env.close(event);
    fails(nodes(env).hole(env.stale(), hole::PUNCH, (&mut 0).into(), 1), PalError::BadHandle);
}

fn nameless(env: &Env) {
    let control = env.event(env.startup.stdin, event::CONTROL).unwrap();
    assert_eq!(env.name(control), Err(PalError::NotSupported));
    env.close(control);
}

fn pointers(env: &Env) {
    let mut semaphore = Handle::NONE;
    env.pal.semaphore_create(0, 2, (&mut semaphore).into()).unwrap();
    fails(env.pal.semaphore_release(semaphore, 1, bad_out()), PalError::Fault);
    // It was not released.
    assert_eq!(env.wait(&[semaphore], POLL), Ok(None));
    env.close(semaphore);
    std::os::unix::fs::symlink("text", env.host("pointer")).unwrap();
    let link = env.open("file:/rw/pointer", 0, open::PATH_ONLY | open::NOFOLLOW).unwrap();
    fails(nodes(env).read_link(link, bad_output(), 9, (&mut 0).into()), PalError::Fault);
    env.close(link);
}

fn unwaitable(env: &Env) {
    assert_eq!(env.wait(&[env.startup.self_process], POLL), Err(PalError::WrongType));
    let event = env.no_stream();
    assert_eq!(env.wait(&[event, env.startup.self_process], POLL), Err(PalError::WrongType));
    env.close(event);
}

fn no_channel(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let (file, event) = (env.file("/rw/channel", b""), env.no_stream());
    let (one_way, mut other) = (env.open("pipe:", R, 0).unwrap(), Handle::NONE);
    assert_eq!(env.pal.stream_wait_for_client(one_way, 0, (&mut other).into()), Ok(Status::Ok));
    let mut got = Handle::NONE;
    for (handle, error) in [
        (env.stale(), PalError::BadHandle),
        (event, PalError::WrongType),
        (file, PalError::WrongType),
        (one_way, PalError::WrongType),
    ] {
        fails(passing.stream_receive_handle(handle, (&mut got).into(), Out::NONE), error);
        fails(passing.stream_send_handle(handle, event, 0), error);
    }
    for handle in [file, event, one_way, other] {
        env.close(handle);
    }
}

fn circles(env: &Env) {
    std::os::unix::fs::symlink("round", env.host("round")).unwrap();
    assert_eq!(env.attributes_of("file:/rw/round", 0), Err(PalError::Loop));
    assert_eq!(env.open("file:/rw/round/x", R, 0), Err(PalError::Loop));
    let (file, to) = (env.file("/rw/straight", b""), "file:/rw/round/x");
    fails(env.pal.stream_rename(file, to.into(), to.len(), rename::REPLACE), PalError::Loop);
    env.close(file);
}

fn node_names(env: &Env) {
    let dir = env.open("dir:/rw", R, 0).unwrap();
    let long = "n".repeat(256);
    let both = format!("{long}x");
    let n = nodes(env);
    fails(n.unlink_at(dir, long.as_str().into(), 256, 0), PalError::NameTooLong);
    fails(n.rename_at(dir, dir, both.as_str().into(), 257, 256, 0), PalError::NameTooLong);
    fails(n.link_at(dir, dir, both.as_str().into(), 257, 256), PalError::NameTooLong);
    for name in ["a/b", "..", "."] {
        assert_eq!(n.unlink_at(dir, name.into(), name.len(), 0), Err(PalError::Invalid), "{name}");
        assert_eq!(
            n.symlink_at(dir, name.into(), name.len(), "x".into(), 1),
            Err(PalError::Invalid),
            "{name}"
        );
        let names = format!("x{name}");
        let linked = n.link_at(dir, dir, names.as_str().into(), names.len(), 1);
        assert_eq!(linked, Err(PalError::Invalid), "{name}");
    }
    let file = env.file("/rw/long-attribute", b"");
    let name = format!("user.{long}");
    let value = b"x".as_slice();
    fails(n.xattr_set(file, name.as_str().into(), name.len(), value.into(), 1, 0), PalError::NameTooLong);
    fails(n.xattr_remove(file, name.as_str().into(), name.len()), PalError::NameTooLong);
    env.close(file);
    env.close(dir);
}

fn node_kinds(env: &Env) {
    let (dir, file) = (env.open("dir:/rw", R, 0).unwrap(), env.file("/rw/kind", b""));
    let n = nodes(env);
    fails(n.symlink_at(file, "x".into(), 1, "y".into(), 1), PalError::NotDir);
    fails(n.link_at(file, dir, "xy".into(), 2, 1), PalError::NotDir);
    fails(n.read_link(file, OutBytes::NONE, 0, Out::NONE), PalError::WrongType);
    env.close(dir);
    env.close(file);
}

fn fifo(env: &Env) {
    let dir = env.open("dir:/rw", R, 0).unwrap();
    let name = "waiting-fifo";
    nodes(env).make_node(dir, name.into(), name.len(), 0o10_600, 0).unwrap();
    let mut fifo = Handle::NONE;
    let opened = env.interrupted(|| {
        nodes(env).open_at(dir, name.into(), name.len(), access::READ, 0, (&mut fifo).into())
    });
    assert_eq!(opened, Err(PalError::Interrupted));
    let options = open::NONBLOCK;
    let opened = nodes(env).open_at(dir, name.into(), name.len(), access::WRITE, options, (&mut fifo).into());
    assert_eq!((opened, fifo), (Err(PalError::NoDevice), Handle::NONE));
    env.close(dir);
}

fn full_channel(env: &Env) {
    let passing = env.passing.expect("handle passing");
    let (near, mut far) = (env.open("pipe:", RW, 0).unwrap(), Handle::NONE);
    assert_eq!(env.pal.stream_wait_for_client(near, 0, (&mut far).into()), Ok(Status::Ok));
    let null = env.open("null:", R, 0).unwrap();
    let last = env.interrupted(|| {
        (0..1_000_000).map(|tag| passing.stream_send_handle(near, null, tag)).find(Result::is_err)
    });
    assert_eq!(last, Some(Err(PalError::Interrupted)));
    // What was sent before is there.
    let mut got = Handle::NONE;
    assert_eq!(passing.stream_receive_handle(far, (&mut got).into(), Out::NONE), Ok(Status::Ok));
    for handle in [near, far, null, got] {
        env.close(handle);
    }
    fails(passing.stream_send_handle(near, null, 0), PalError::BadHandle);
}
