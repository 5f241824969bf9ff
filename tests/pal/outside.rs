//! The family as its user sees it: a command that is signalled, killed, or whose processes end in all ways.
//!
//! Each case starts this program in a *role*: a small layer run by the native PAL, which prints what the case needs.

use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use native_pal_aarch64::Config;
use pal_abi::arg::Out;
use pal_abi::flags::{NEVER, clone, delete, event};
use pal_abi::{
    Cloning, CloningTable, ConfigEntry, Handle, LibOsExceptionDispatch, LibOsThreadStart, Pal, PalError,
    PalTable, ProcessParams, Startup, Status, ThreadParams, UpcallTable,
};

type Case = (&'static str, fn(&Path));

const CASES: &[Case] = &[
    ("outside: the root's exit code is the command's", exit_code),
    ("outside: the root's death by a signal is 128 and the signal", killed_root),
    ("outside: when the root ends, all end", root_ends),
    ("outside: when the command is killed, all end", command_killed),
    ("outside: an interrupt nobody hears ends the family", unheard),
    ("outside: signals are reported where somebody hears them", heard),
    ("outside: a second SIGTERM ends a family that does not", stubborn),
    ("outside: the family has a limit", limit),
    ("outside: a fault nobody takes is one line", fault),
    ("outside: faults in the dispatcher do not go on for ever", fault_loop),
    ("outside: the network is off unless allowed", no_network),
    ("outside: the first thread may end first, the last ends the process", threads_end),
    ("outside: a clone outlives the thread that made it", clone_of_a_thread),
];

/// Runs the cases; whether all passed.
pub(crate) fn run(me: &Path, filters: &[&str]) -> bool {
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, case) in CASES {
        if !filters.is_empty() && !filters.iter().any(|f| name.contains(f)) {
            continue;
        }
        if catch_unwind(AssertUnwindSafe(|| case(me))).is_ok() {
            passed += 1;
        } else {
            eprintln!("FAILED {name}");
            failed.push(*name);
        }
    }
    println!("pal from outside: {passed} passed, {} failed {failed:?}", failed.len());
    crate::harness::close(passed, failed.len());
    failed.is_empty()
}

// ---- from outside -----------------------------------------------------------------------------------------------

struct Started {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

fn start(me: &Path, role: &str) -> Started {
    let mut command = match std::env::var("PAL_TEST_RUNNER") {
        Ok(runner) => {
            let mut command = Command::new(runner);
            command.arg(me);
            command
        }
        Err(_) => Command::new(me),
    };
    let mut child = command
        .args(["--role", role])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe"));
    Started { child, lines }
}

impl Started {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// The number at the end of the next line.
    fn number(&mut self) -> i32 {
        let line = self.line();
        line.rsplit(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or_else(|| panic!("no number in {line:?}"))
    }

    fn signal(&self, number: i32) {
        let pid = i32::try_from(self.child.id()).expect("a process number");
        // SAFETY: takes numbers.
        assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    }

    fn code(&mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        panic!("the command hangs");
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
        text
    }
}

/// Waits until no process of that number runs any more.
fn gone(pid: i32) {
    for _ in 0..2000 {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_over =
            state.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']));
        if is_over {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("process {pid} is still there");
}

fn exit_code(me: &Path) {
    assert_eq!(start(me, "exit 7").code(), Some(7));
    assert_eq!(start(me, "exit 0").code(), Some(0));
    assert_eq!(start(me, "exit 511").code(), Some(255));
}

fn killed_root(me: &Path) {
    assert_eq!(start(me, "kill self").code(), Some(128 + libc::SIGKILL));
}

fn root_ends(me: &Path) {
    let mut command = start(me, "leave children");
    let (created, cloned) = (command.number(), command.number());
    assert_eq!(command.code(), Some(9));
    gone(created);
    gone(cloned);
}

fn command_killed(me: &Path) {
    let mut command = start(me, "sleep with children");
    let pids = [command.number(), command.number(), command.number()];
    command.signal(libc::SIGKILL);
    assert_eq!(command.code(), None);
    pids.into_iter().for_each(gone);
}

fn unheard(me: &Path) {
    for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let mut command = start(me, "sleep with children");
        let pids = [command.number(), command.number(), command.number()];
        command.signal(libc::SIGWINCH);
        command.signal(number);
        assert_eq!(command.code(), Some(128 + number));
        pids.into_iter().for_each(gone);
    }
}

fn heard(me: &Path) {
    let mut command = start(me, "hear");
    assert_eq!(command.line(), "listening");
    for number in [libc::SIGINT, libc::SIGWINCH, libc::SIGTERM] {
        command.signal(number);
        assert_eq!(command.line(), format!("heard {number}"));
    }
    assert_eq!(command.code(), Some(3));
}

fn stubborn(me: &Path) {
    let mut command = start(me, "hear nothing");
    assert_eq!(command.line(), "listening");
    command.signal(libc::SIGINT);
    command.signal(libc::SIGTERM);
    std::thread::sleep(Duration::from_millis(50));
    assert!(command.child.try_wait().expect("a status").is_none());
    command.signal(libc::SIGTERM);
    assert_eq!(command.code(), Some(128 + libc::SIGTERM));
}

fn limit(me: &Path) {
    let mut command = start(me, "limit");
    assert_eq!(command.line(), "clone 1 OK");
    assert_eq!(command.line(), "clone 2 OK");
    assert_eq!(command.line(), "clone 3 TOO_MANY");
    assert_eq!(command.line(), "create TOO_MANY");
    assert_eq!(command.line(), "after one ended OK");
    assert_eq!(command.code(), Some(0));
}

fn fault(me: &Path) {
    let mut command = start(me, "fault");
    assert_eq!(command.code(), Some(128 + libc::SIGSEGV));
    let errors = command.errors();
    assert!(errors.starts_with("trunnion: fatal: host signal 11 (read at 0x8)"), "{errors:?}");
    assert_eq!(errors.lines().count(), 1, "{errors:?}");
}

fn fault_loop(me: &Path) {
    let mut command = start(me, "fault loop");
    assert_eq!(command.code(), Some(128 + libc::SIGSEGV));
    assert_eq!(command.errors().lines().count(), 1);
}

fn no_network(me: &Path) {
    let mut command = start(me, "network");
    assert_eq!(command.line(), "DENIED DENIED DENIED");
    assert_eq!(command.code(), Some(0));
}

fn threads_end(me: &Path) {
    assert_eq!(start(me, "first thread ends").code(), Some(4));
    assert_eq!(start(me, "all threads end").code(), Some(0));
}

fn clone_of_a_thread(me: &Path) {
    let mut command = start(me, "clone of a thread");
    assert_eq!(command.line(), "code 21");
    assert_eq!(command.code(), Some(0));
}

// ---- the roles --------------------------------------------------------------------------------------------------

static ROLE: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Runs a role as a family of its own.
pub(crate) fn run_role(role: &str) -> ExitCode {
    let _ = ROLE.set(role.to_owned());
    let config = Config { process_limit: if role == "limit" { 3 } else { 0 }, ..Config::default() };
    ExitCode::from(u8::try_from(native_pal_aarch64::start(config, layer)).unwrap_or(255))
}

/// What the roles use.
#[derive(Clone, Copy)]
struct Stack {
    pal: &'static PalTable,
    cloning: &'static CloningTable,
    startup: &'static Startup,
    is_spawned: bool,
}

static STACK: std::sync::OnceLock<Stack> = std::sync::OnceLock::new();

fn at(addr: u64) -> usize {
    usize::try_from(addr).expect("an address")
}

unsafe extern "C" fn layer(startup: *mut Startup) {
    // SAFETY: the layer below passes its start-up block, which lives as long as the process.
    let startup: &'static Startup = unsafe { &*startup };
    // SAFETY: the start-up block names a table.
    let pal = unsafe { PalTable::at(at(startup.downcall_table)) }.expect("the table");
    let count = startup.config_bytes as usize / size_of::<ConfigEntry>();
    let start: *const ConfigEntry = core::ptr::with_exposed_provenance(at(startup.config));
    // SAFETY: the start-up block tells where the entries are and how many.
    let entries = unsafe { core::slice::from_raw_parts(start, count) };
    let group = entries.iter().find(|e| e.is(CloningTable::NAME, 1)).map_or(0, |e| at(e.address));
    // SAFETY: the entry names a table.
    let cloning = unsafe { CloningTable::at(group) }.expect("the table");
    let is_spawned = entries.iter().any(|e| e.is("spawn", 1));
    let stack = Stack { pal, cloning, startup, is_spawned };
    let _ = STACK.set(stack);
    let role = ROLE.get().map_or("", String::as_str);
    if role != "fault" {
        let (thread, dispatch): (LibOsThreadStart, LibOsExceptionDispatch) =
            (thread_start, exception_dispatch);
        let table = UpcallTable {
            size: 24,
            version: 1,
            thread_start: thread as usize as u64,
            exception_dispatch: dispatch as usize as u64,
        };
        let slot: *mut UpcallTable = core::ptr::with_exposed_provenance_mut(at(startup.upcall_slot));
        // SAFETY: the slot is where the layer below said it is.
        unsafe { slot.write(table) };
    }
    let code = stack.play(role);
    let _ = pal.process_exit(code);
}

unsafe extern "C" fn thread_start(start: usize, _param: usize) {
    let stack = STACK.get().expect("set before any thread");
    let _ = match start {
        1 => stack.pal.process_exit(4),
        2 => {
            let (process, is_child) = stack.fork();
            if is_child {
                // Its maker's thread is over by then.
                let _ = stack.pal.thread_delay_execution(stack.soon(50));
                let _ = stack.pal.process_exit(21);
            }
            CLONED.store(process.map_or(0, |p| p.0), std::sync::atomic::Ordering::SeqCst);
            stack.pal.thread_exit(Out::NONE)
        }
        _ => stack.pal.thread_exit(Out::NONE),
    };
}

static CLONED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

unsafe extern "C" fn exception_dispatch(exception: *mut pal_abi::Exception, _: *mut pal_abi::ContextHeader) {
    // SAFETY: the layer below passes a record that lives for the call.
    let code = unsafe { (*exception).code };
    if code != pal_abi::flags::exception::INTERRUPT {
        read_from_nowhere();
    }
}

#[cfg(target_arch = "x86_64")]
fn read_from_nowhere() {
    // SAFETY: faults.
    unsafe { std::arch::asm!("mov rax, [rax]", in("rax") 8, lateout("rax") _) };
}

#[cfg(target_arch = "aarch64")]
fn read_from_nowhere() {
    // SAFETY: faults.
    unsafe { std::arch::asm!("ldr x0, [x0]", in("x0") 8, lateout("x0") _) };
}

fn say(text: std::fmt::Arguments<'_>) {
    let line = format!("{text}\n");
    // SAFETY: the bytes live across the call.
    unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
}

fn name(result: Result<impl Sized, PalError>) -> &'static str {
    result.map_or_else(PalError::name, |_| "OK")
}

impl Stack {
    fn soon(&self, milliseconds: u64) -> u64 {
        crate::harness::now(self.pal) + milliseconds * 1_000_000
    }

    fn sleep(&self) -> ! {
        loop {
            let _ = self.pal.thread_delay_execution(NEVER);
        }
    }

    fn fork(&self) -> (Result<Handle, PalError>, bool) {
        let (mut is_child, mut process, mut channel) = (9, Handle::NONE, Handle::NONE);
        let result = self.cloning.process_clone(
            clone::CHANNEL,
            (&mut is_child).into(),
            (&mut process).into(),
            (&mut channel).into(),
        );
        (result.map(|_| process), is_child == 1)
    }

    fn fork_sleeper(&self) -> Result<Handle, PalError> {
        let (process, is_child) = self.fork();
        if is_child {
            say(format_args!("clone {}", std::process::id()));
            self.sleep();
        }
        process
    }

    fn create(&self) -> Result<Handle, PalError> {
        let blob = b"child";
        let params = ProcessParams {
            config: blob.as_ptr().expose_provenance() as u64,
            config_bytes: 5,
            ..ProcessParams::default()
        };
        let mut process = Handle::NONE;
        self.pal.process_create((&params).into(), 96, (&mut process).into(), Out::NONE).map(|_| process)
    }

    fn thread(&self, start: u64) -> Handle {
        let params = ThreadParams { start, ..ThreadParams::default() };
        let mut thread = Handle::NONE;
        let _ = self.pal.thread_create((&params).into(), 56, (&mut thread).into());
        thread
    }

    fn wait(&self, handle: Handle) {
        let (handles, mut index) = (handle.0.to_ne_bytes(), 0);
        let _ = self.pal.objects_wait_any((&handles[..]).into(), 4, NEVER, 0, (&mut index).into());
    }

    fn play(&self, role: &str) -> i32 {
        if self.is_spawned {
            say(format_args!("created {}", std::process::id()));
            self.sleep();
        }
        match role {
            "kill self" => {
                let _ = self.pal.stream_delete(self.startup.self_process, delete::ALL);
                self.sleep()
            }
            "leave children" => {
                let made = (self.create(), self.fork_sleeper());
                let _ = self.pal.thread_delay_execution(self.soon(300));
                if made.0.is_ok() && made.1.is_ok() { 9 } else { 1 }
            }
            "sleep with children" => {
                let made = (self.create(), self.fork_sleeper());
                say(format_args!("root {}", std::process::id()));
                if made.0.is_ok() && made.1.is_ok() { self.sleep() } else { 1 }
            }
            "hear" | "hear nothing" => self.hear(role == "hear"),
            "limit" => self.limit(),
            "fault" | "fault loop" => {
                read_from_nowhere();
                1
            }
            "network" => {
                let open = |uri: &str| {
                    let mut stream = Handle::NONE;
                    self.pal.stream_open(uri.into(), uri.len(), 3, 0, 0, (&mut stream).into())
                };
                let results =
                    ["tcp:127.0.0.1:9", "tcp.srv:127.0.0.1:0", "udp.srv:127.0.0.1:0"].map(|u| name(open(u)));
                say(format_args!("{}", results.join(" ")));
                0
            }
            "first thread ends" | "all threads end" => {
                self.thread(u64::from(role == "first thread ends"));
                let _ = self.pal.thread_exit(Out::NONE);
                1
            }
            "clone of a thread" => {
                self.wait(self.thread(2));
                let process = Handle(CLONED.load(std::sync::atomic::Ordering::SeqCst));
                self.wait(process);
                let mut code = 0;
                let _ = self.pal.process_get_exit_code(process, (&mut code).into());
                say(format_args!("code {code}"));
                0
            }
            exit => exit.strip_prefix("exit ").and_then(|code| code.parse().ok()).unwrap_or(99),
        }
    }

    fn hear(&self, acts: bool) -> i32 {
        let mut control = Handle::NONE;
        let heard = self.pal.stream_get_event(self.startup.stdin, event::CONTROL, (&mut control).into());
        if heard != Ok(Status::Ok) {
            return 1;
        }
        say(format_args!("listening"));
        if !acts {
            self.sleep();
        }
        let mut numbers = Vec::new();
        while numbers.len() < 3 {
            let (mut record, mut done) = ([0; 8], 0);
            let read = self.pal.stream_read(
                control,
                0,
                record.as_mut_slice().into(),
                8,
                (&mut done).into(),
                Out::NONE,
            );
            if read == Ok(Status::Ok) && done == 8 {
                let [a, b, c, d, ..] = record;
                let number = u32::from_le_bytes([a, b, c, d]);
                say(format_args!("heard {number}"));
                numbers.push(number);
            }
        }
        3
    }

    fn limit(&self) -> i32 {
        let quiet = |stack: &Self| {
            let (process, is_child) = stack.fork();
            if is_child {
                stack.sleep();
            }
            process
        };
        let mut last = Handle::NONE;
        for n in 1..=3 {
            let made = quiet(self);
            say(format_args!("clone {n} {}", name(made)));
            last = made.unwrap_or(last);
        }
        say(format_args!("create {}", name(self.create())));
        let _ = self.pal.stream_delete(last, delete::ALL);
        self.wait(last);
        say(format_args!("after one ended {}", name(quiet(self))));
        0
    }
}
