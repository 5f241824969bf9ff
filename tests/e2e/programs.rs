//! The programs, and compiling them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::Way;

/// Who says what is right.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Judge {
    /// The native run, recorded.
    Hardware,
    /// Nobody but us: the program attacks Trunnion. Output and status must be one of these, and no layer may crash.
    OneOf(&'static [Ending]),
}

/// A way that a hostile program may end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    /// Its exit status, as a shell would see it.
    pub(crate) status: i32,
    /// What its output must contain.
    pub(crate) contains: &'static str,
}

/// One program with its arguments.
#[derive(Debug)]
pub(crate) struct Case {
    /// The test's name, and the transcript's.
    pub(crate) name: &'static str,
    /// The program's file, as `build_all` names it.
    pub(crate) program: &'static str,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) input: &'static str,
    /// Options of `trunnion run`.
    pub(crate) options: &'static [&'static str],
    pub(crate) judge: Judge,
    /// Whether the emulated host is left out: the program would measure qemu more than us, or meet its defects.
    this_host_only: bool,
}

impl Case {
    /// Whether the case is run this way.
    pub(crate) fn runs_on(&self, way: &Way) -> bool {
        !(self.this_host_only && way.is_emulated()) && (!way.is_slow() || EVERY_WAY.contains(&self.name))
    }

    /// How long it may take.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(180)
    }
}

const fn case(name: &'static str) -> Case {
    Case {
        name,
        program: name,
        arguments: &[],
        input: "",
        options: &[],
        judge: Judge::Hardware,
        this_host_only: false,
    }
}

const fn with(name: &'static str, program: &'static str, arguments: &'static [&'static str]) -> Case {
    Case { name, program, arguments, input: "", options: &[], judge: Judge::Hardware, this_host_only: false }
}

const fn hostile(
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    endings: &'static [Ending],
) -> Case {
    Case {
        name,
        program,
        arguments,
        input: "",
        options: &[],
        judge: Judge::OneOf(endings),
        this_host_only: false,
    }
}

/// How a program of random gate calls may end: by its own doing, by its alarm, by a signal, or by one line of ours.
const GATES: &[Ending] = &[
    Ending { status: 0, contains: "survived" },
    Ending { status: 128 + 14, contains: "" },
    Ending { status: 128 + 11, contains: "" },
    Ending { status: 125, contains: "trunnion:" },
];

/// Programs of one process that run in every way, the slow ones included.
const EVERY_WAY: &[&str] = &[
    "hello",
    "hello_static_pie",
    "vdso",
    "floats",
    "floats_sse2",
    "tls",
    "code_changes",
    "faults",
    "signal_context",
    "signal_stack",
    "signal_xstate",
    "wild",
    "die_overflow",
    "die_divide",
];

/// Everything that is run.
pub(crate) const CASES: &[Case] = &[
    with("hello", "hello", &["one", "two words", ""]),
    with("hello_static_pie", "hello_static_pie", &["pie"]),
    case("hello_asm"),
    case("initial_stack"),
    case("vdso"),
    case("sections"),
    case("floats"),
    with("floats_sse2", "floats_sse2", &[]),
    case("tls"),
    case("ldt"),
    case("memory"),
    case("code_changes"),
    case("fork_wait"),
    case("pipes"),
    case("exec"),
    case("threads"),
    case("futex_pi"),
    case("vfork"),
    with("vfork_many", "vfork", &["many"]),
    Case { this_host_only: true, ..with("vfork_alarms", "vfork", &["alarms"]) },
    case("signals"),
    case("interrupted"),
    case("signals_queued"),
    case("events_counter"),
    case("events_timerfd"),
    case("events_epoll"),
    case("events_signalfd"),
    case("events_timers"),
    case("events_memfd"),
    case("events_inotify"),
    case("rseq"),
    case("signal_context"),
    case("signal_stack"),
    case("signal_xstate"),
    case("signal_child"),
    case("faults"),
    case("wild"),
    case("policies"),
    case("ptys"),
    case("syscalls_files"),
    case("syscalls_process"),
    case("syscalls_tier0"),
    case("many_processes"),
    case("sockets_unix"),
    Case { options: &["--net", "host"], ..case("sockets_inet") },
    Case { input: "one\ntwo\nthe last without an end", ..case("echo_input") },
    with("die_null", "die", &["null"]),
    with("die_overflow", "die", &["overflow"]),
    with("die_jump", "die", &["jump"]),
    with("die_jump_to_null", "die", &["jump-to-null"]),
    with("die_jump_to_data", "die", &["jump-to-data"]),
    with("die_jump_to_the_top", "die", &["jump-to-the-top"]),
    with("die_abort", "die", &["abort"]),
    with("die_trap", "die", &["trap"]),
    with("die_divide", "die", &["divide"]),
    with("die_kill", "die", &["kill"]),
    with("die_term", "die", &["term"]),
    with("die_rt", "die", &["rt"]),
    with("die_exit", "die", &["exit"]),
    with("die_exit_257", "die", &["exit-257"]),
    with("die_exit_group", "die", &["exit-group"]),
    with("die_exit_thread", "die", &["exit-thread"]),
    with("die_wild_stack", "die", &["wild-stack"]),
    with("die_wild_stack_handler", "die", &["wild-stack-handler"]),
    with("die_handler_faults", "die", &["handler-faults"]),
    with("die_ignored_fault", "die", &["ignored-fault"]),
    with("die_blocked_fault", "die", &["blocked-fault"]),
    with("die_unmap_own_code", "die", &["unmap-own-code"]),
    with("die_unmap_everything", "die", &["unmap-everything"]),
    with("die_unmap_stack", "die", &["unmap-stack"]),
    with("die_forbid_own_code", "die", &["forbid-own-code"]),
    with("die_sigreturn", "die", &["sigreturn"]),
    with("kernel_sieve", "sieve", &["20"]),
    with("kernel_fib", "fib", &["3"]),
    with("kernel_bytes", "bytes", &["10"]),
    with("kernel_nbody_x87", "nbody_x87", &["3000"]),
    with("kernel_nbody_sse2", "nbody_sse2", &["3000"]),
    with("kernel_vm", "vm", &["10"]),
    Case {
        this_host_only: true,
        ..hostile(
            "fork_bomb",
            "fork_bomb",
            &[],
            &[Ending { status: 3, contains: "refused: -EAGAIN\nmore than 100 were made: 1" }],
        )
    },
    hostile("gates_1", "gates", &["1"], GATES),
    hostile("gates_2", "gates", &["2"], GATES),
    hostile("gates_3", "gates", &["3"], GATES),
    hostile("gates_4", "gates", &["4"], GATES),
];

/// Flags of every program: Debian's i386 has no SSE.
const FLAGS: &[&str] = &["-O2", "-march=i686", "-w"];
/// Programs that are not one C file of the folder compiled with `FLAGS`: name, source, further flags.
const SPECIAL: &[(&str, &str, &[&str])] = &[
    ("terminal", "terminal.c", &["-static"]),
    ("threads", "threads.c", &["-static", "-pthread"]),
    ("futex_pi", "futex_pi.c", &["-static", "-pthread"]),
    ("events_counter", "events_counter.c", &["-static", "-pthread"]),
    ("events_epoll", "events_epoll.c", &["-static", "-pthread"]),
    ("events_signalfd", "events_signalfd.c", &["-static", "-pthread"]),
    ("events_timers", "events_timers.c", &["-static", "-pthread"]),
    ("processor", "processor.c", &["-static"]),
    ("hello_asm", "hello_asm.S", &["-static", "-nostdlib"]),
    ("hello_static_pie", "hello.c", &["-static-pie", "-fPIE"]),
    ("floats_sse2", "floats.c", &["-static", "-msse2", "-mfpmath=sse", "-lm"]),
    ("sieve", "../../benches/kernels/sieve.c", &["-static"]),
    ("fib", "../../benches/kernels/fib.c", &["-static"]),
    ("bytes", "../../benches/kernels/bytes.c", &["-static"]),
    ("vm", "../../benches/kernels/vm.c", &["-static"]),
    ("nbody_x87", "../../benches/kernels/nbody.c", &["-static", "-lm"]),
    ("nbody_sse2", "../../benches/kernels/nbody.c", &["-static", "-msse2", "-mfpmath=sse", "-lm"]),
];

/// Compiles every program into the test's own folder; a program newer than its source is kept.
pub(crate) fn build_all(sources: &Path) -> Result<PathBuf, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("programs");
    std::fs::create_dir_all(&folder).map_err(|error| format!("making {}: {error}", folder.display()))?;
    let special = |name: &str| SPECIAL.iter().any(|(special, _, _)| *special == name);
    for case in CASES {
        if !special(case.program) {
            compile(sources, &folder, case.program, &format!("{}.c", case.program), &["-static", "-lm"])?;
        }
    }
    for (name, source, flags) in SPECIAL {
        compile(sources, &folder, name, source, flags)?;
    }
    Ok(folder)
}

fn compile(sources: &Path, folder: &Path, name: &str, source: &str, flags: &[&str]) -> Result<(), String> {
    let (source, out) = (sources.join(source), folder.join(name));
    let age = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest = age(&source).max(age(&sources.join("common.h")));
    if age(&out) > newest {
        return Ok(());
    }
    let (libraries, flags): (Vec<&str>, Vec<&str>) =
        flags.iter().copied().partition(|flag| flag.starts_with("-l"));
    let mut compiler = Command::new("i686-linux-gnu-gcc");
    compiler.args(FLAGS).args(flags).arg("-o").arg(&out).arg(&source).args(libraries);
    let status =
        compiler.status().map_err(|error| format!("i686-linux-gnu-gcc: {error}; run `cargo xtask setup`"))?;
    if status.success() { Ok(()) } else { Err(format!("{} does not compile", source.display())) }
}
