//! The PAL conformance suite: every call of the table, every error of its closed list.
//!
//! The cases see a stack of layers only through the table it ends in, so they run unchanged over any stack. `--over`
//! chooses one: `native` (the native PAL alone), `copied` (a pass-through layer made by copying the table), `renamed`
//! (a layer that renames every handle), the default being all of them in turn. Other arguments select cases by part
//! of their name; `--list` lists them. A checking layer on top holds every result against the call's closed list;
//! `claims` fails a whole run in which an error of some list was met by no case.

#![expect(clippy::unwrap_used, reason = "a case that fails panics")]

mod asynchronous;
mod checked;
mod claims;
mod clones;
mod console;
mod crossing;
mod directories;
mod events;
mod exceptions;
mod exhausted;
mod failing;
mod files;
mod harness;
mod injected;
mod limits;
mod linux_sockets;
mod locks;
mod memory;
mod messages;
mod misc;
mod mistakes;
mod nodes;
mod outside;
mod pipes;
mod processes;
mod ptys;
mod renamed;
mod socket_options;
mod sockets;
mod threads;
mod timers;
mod waitsets;
mod words;

use std::process::ExitCode;

use harness::Suite;

/// Every case, by module.
fn suite() -> Suite {
    let mut suite = Suite::default();
    memory::register(&mut suite);
    files::register(&mut suite);
    directories::register(&mut suite);
    nodes::register(&mut suite);
    locks::register(&mut suite);
    limits::register(&mut suite);
    exhausted::register(&mut suite);
    pipes::register(&mut suite);
    ptys::register(&mut suite);
    console::register(&mut suite);
    events::register(&mut suite);
    timers::register(&mut suite);
    waitsets::register(&mut suite);
    asynchronous::register(&mut suite);
    words::register(&mut suite);
    misc::register(&mut suite);
    threads::register(&mut suite);
    exceptions::register(&mut suite);
    processes::register(&mut suite);
    clones::register(&mut suite);
    crossing::register(&mut suite);
    sockets::register(&mut suite);
    linux_sockets::register(&mut suite);
    socket_options::register(&mut suite);
    messages::register(&mut suite);
    mistakes::register(&mut suite);
    failing::register(&mut suite);
    injected::register(&mut suite);
    suite
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1)).cloned();
    if args.iter().any(|a| a == "--list") {
        suite().list();
        return ExitCode::SUCCESS;
    }
    if let Some(role) = value("--role") {
        return outside::run_role(&role);
    }
    if let Some(over) = value("--over") {
        let filters = args.iter().filter(|a| !a.starts_with("--") && **a != over).cloned().collect();
        return harness::run_family(&over, filters);
    }
    // A family of processes begins in a process with one thread: one such process for each stack.
    let Ok(me) = std::env::current_exe() else { return ExitCode::FAILURE };
    let mut failed = false;
    for over in ["native", "copied", "renamed"] {
        let wrapper = std::env::var("PAL_TEST_RUNNER").ok();
        let mut command = match &wrapper {
            Some(runner) => {
                let mut command = std::process::Command::new(runner);
                command.arg(&me);
                command
            }
            None => std::process::Command::new(&me),
        };
        let filters = args.iter().filter(|a| !a.starts_with("--"));
        let status = command.arg("--over").arg(over).args(filters).status();
        failed |= !status.is_ok_and(|status| status.success());
    }
    let filters: Vec<&str> = args.iter().filter(|a| !a.starts_with("--")).map(String::as_str).collect();
    failed |= !outside::run(&me, &filters);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
