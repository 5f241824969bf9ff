//! The command's own streams.

use pal_abi::flags::{attr, open, stream};
use pal_abi::{Attr, Layout, PalError, Status};

use crate::harness::{ATTR_SIZE, Env, R, RW, Suite};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("console: the start-up block gives the three streams", standard),
        ("console: opened by name", by_name),
        ("console: terminal settings exist on terminals only", settings),
    ]);
}

fn standard(env: &Env) {
    for (handle, name) in
        [(env.startup.stdin, "stdin"), (env.startup.stdout, "stdout"), (env.startup.stderr, "stderr")]
    {
        if !handle.is_none() {
            assert_eq!(env.name(handle), Ok(format!("console:{name}")));
        }
    }
    if !env.startup.stdout.is_none() {
        assert_eq!(env.write(env.startup.stdout, u64::MAX, b""), Ok(0));
    }
}

fn by_name(env: &Env) {
    assert_eq!(env.open("console:rubbish", RW, 0), Err(PalError::NotFound));
    if !env.startup.stdout.is_none() {
        let console = env.open("console:", pal_abi::flags::access::WRITE, 0).unwrap();
        assert_eq!(env.name(console), Ok("console:stdout".into()));
        env.close(console);
    }
    if !env.startup.stdin.is_none() {
        // The inherited description never becomes non-blocking, whatever the guest asks for.
        let console = env.open("console:stdin", R, open::NONBLOCK).unwrap();
        assert_ne!(env.attributes(console).unwrap().flags & stream::NONBLOCK, 0);
        // SAFETY: takes and returns numbers.
        let flags = unsafe { libc::fcntl(0, libc::F_GETFL) };
        assert_eq!(flags & libc::O_NONBLOCK, 0);
        env.close(console);
    }
}

fn settings(env: &Env) {
    let stdout = env.startup.stdout;
    if stdout.is_none() {
        return;
    }
    let found = env.attributes(stdout).unwrap();
    let is_terminal = found.flags & stream::TERMINAL != 0;
    assert_eq!(found.valid & attr::TERMIOS != 0, is_terminal);
    let set =
        |attr: &Attr, mask| env.pal.stream_attributes_set_by_handle(stdout, attr.into(), ATTR_SIZE, mask);
    if is_terminal {
        assert_eq!(set(&found, attr::TERMIOS | attr::WINDOW), Ok(Status::Ok));
    } else {
        assert_eq!(set(&Attr::ZERO, attr::TERMIOS), Err(PalError::NotSupported));
    }
}
