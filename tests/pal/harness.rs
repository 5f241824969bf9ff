//! What the cases stand on: the stack under test, the family it runs in, and short forms of the calls.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use native_pal_aarch64::{Config, Mapping};
use pal_abi::arg::{InBytes, InOut, Out, OutBytes};
use pal_abi::flags::{access, clock, open};
use pal_abi::{
    Attr, Cloning, CloningTable, ConfigEntry, ContextHeader, Exception, Family, FamilyTable, Handle,
    HandlePassing, HandlePassingTable, Layout, Nodes, NodesTable, Pal, PalError, PalResult, PalTable,
    Sockets, SocketsTable, Startup, Status, ThreadParams, UpcallTable, WordWait, WordWaitTable, flags,
};

use crate::{checked, renamed};

/// A case: a behaviour, and the function that asserts it.
pub(crate) type Case = (&'static str, fn(&'static Env));

/// All cases.
#[derive(Default, Debug)]
pub(crate) struct Suite {
    cases: Vec<Case>,
}

impl Suite {
    /// Adds cases under a common prefix in their names.
    pub(crate) fn add(&mut self, cases: &[Case]) {
        self.cases.extend_from_slice(cases);
    }

    /// Prints the names.
    pub(crate) fn list(&self) {
        for (name, _) in &self.cases {
            println!("{name}");
        }
    }

    fn run(&self, env: &'static Env, filters: &[String]) -> u32 {
        let (mut passed, mut failed) = (0, Vec::new());
        for (name, case) in &self.cases {
            if !filters.is_empty() && !filters.iter().any(|f| name.contains(f.as_str())) {
                continue;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| case(env)));
            let violations = checked::take_violations();
            if outcome.is_ok() && violations.is_empty() {
                passed += 1;
            } else {
                for violation in &violations {
                    eprintln!("  {violation}");
                }
                eprintln!("FAILED {name}");
                failed.push(*name);
            }
        }
        if filters.is_empty() {
            // What was not claimed by the cases that ran is claimed by none.
            match crate::claims::check(env) {
                Ok(()) => passed += 1,
                Err(missing) => {
                    missing.iter().for_each(|line| eprintln!("  {line}"));
                    eprintln!("FAILED {}", crate::claims::NAME);
                    failed.push(crate::claims::NAME);
                }
            }
        }
        println!("pal over {}: {passed} passed, {} failed {failed:?}", env.over, failed.len());
        close(passed, failed.len());
        u32::try_from(failed.len()).unwrap_or(u32::MAX)
    }
}

/// The closing line that test runners read.
pub(crate) fn close(passed: usize, failed: usize) {
    println!("test result: {}. {passed} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
}

/// The stack under test.
pub(crate) struct Env {
    /// Which stack it is.
    pub(crate) over: String,
    /// The 45 calls.
    pub(crate) pal: &'static dyn Pal,
    /// Optional groups, where the stack has them.
    pub(crate) words: Option<&'static dyn WordWait>,
    /// As above.
    pub(crate) passing: Option<&'static dyn HandlePassing>,
    /// As above.
    pub(crate) cloning: Option<&'static dyn Cloning>,
    /// As above.
    pub(crate) nodes: Option<&'static dyn Nodes>,
    /// As above.
    pub(crate) family: Option<&'static dyn Family>,
    /// As above.
    pub(crate) sockets: Option<&'static dyn Sockets>,
    /// The start-up block.
    pub(crate) startup: &'static Startup,
    /// The host directory mapped at `/rw`; files the cases make and compare.
    pub(crate) host: PathBuf,
    /// The host directory mapped at `/elsewhere`: another file system, where the host has one.
    pub(crate) elsewhere: Option<PathBuf>,
}

struct Family0 {
    over: String,
    filters: Vec<String>,
    host: PathBuf,
    elsewhere: Option<PathBuf>,
}

static FAMILY: OnceLock<Family0> = OnceLock::new();

/// Runs the cases as the first process of a family.
pub(crate) fn run_family(over: &str, filters: Vec<String>) -> ExitCode {
    let Ok(host) = make_files() else {
        eprintln!("cannot make the files the cases use");
        return ExitCode::FAILURE;
    };
    let map = |guest: &str, below: &str, read_only| Mapping {
        guest: guest.into(),
        host: host.join(below),
        read_only,
    };
    let elsewhere = Path::new("/dev/shm").join(host.file_name().unwrap_or_default());
    let elsewhere = std::fs::create_dir(&elsewhere).is_ok().then_some(elsewhere);
    let mut maps = vec![
        map("/rw", "rw", false),
        map("/ro", "ro", true),
        map("/file", "ro/file", true),
        map("/far/away", "away", false),
    ];
    if let Some(path) = &elsewhere {
        maps.push(Mapping { guest: b"/elsewhere".into(), host: path.clone(), read_only: false });
    }
    let config = Config {
        args: vec![b"pal".to_vec(), b"two words".to_vec()],
        env: vec![b"NAME=value".to_vec()],
        maps,
        hidden: vec![host.join("rw/hidden")],
        network: true,
        image: b"image".into(),
        isa: 3,
        ..Config::default()
    };
    let family = Family0 { over: over.to_owned(), filters, host: host.clone(), elsewhere: elsewhere.clone() };
    if FAMILY.set(family).is_err() {
        return ExitCode::FAILURE;
    }
    let code = native_pal_aarch64::start(config, first_layer);
    let _ = std::fs::remove_dir_all(&host);
    if let Some(path) = elsewhere {
        let _ = std::fs::remove_dir_all(path);
    }
    ExitCode::from(u8::try_from(code.clamp(0, 255)).unwrap_or(255))
}

fn make_files() -> std::io::Result<PathBuf> {
    let host = std::env::temp_dir().join(format!("trunnion-pal-{}", std::process::id()));
    for dir in ["rw/hidden", "ro/dir", "away"] {
        std::fs::create_dir_all(host.join(dir))?;
    }
    std::fs::write(host.join("ro/file"), "read only")?;
    std::fs::write(host.join("rw/hidden/code"), "hidden")?;
    Ok(host)
}

unsafe extern "C" fn first_layer(startup: *mut Startup) {
    // SAFETY: the layer below passes its start-up block, which lives as long as the process.
    let startup: &'static Startup = unsafe { &*startup };
    register_upcalls(startup);
    let Some(family) = FAMILY.get() else { return };
    let env: &'static Env = Box::leak(Box::new(stack(startup, family)));
    if let Some(role) = blob(startup, "spawn") {
        crate::processes::child(env, role);
    }
    // A case that hangs ends the run.
    // SAFETY: takes a number; the default action of SIGALRM ends the process.
    unsafe { libc::alarm(300) };
    let failed = crate::suite().run(env, &family.filters);
    let _ = env.pal.process_exit(i32::from(failed > 0));
}

fn register_upcalls(startup: &Startup) {
    let thread: pal_abi::LibOsThreadStart = thread_start;
    let dispatch: pal_abi::LibOsExceptionDispatch = exception_dispatch;
    let table = UpcallTable {
        size: 24,
        version: 1,
        thread_start: thread as usize as u64,
        exception_dispatch: dispatch as usize as u64,
    };
    let slot = usize::try_from(startup.upcall_slot).unwrap_or(0);
    // SAFETY: the slot is where the layer below said it is.
    unsafe { core::ptr::with_exposed_provenance_mut::<UpcallTable>(slot).write(table) };
}

/// A group's table by its name in the configuration.
fn group(startup: &Startup, name: &str) -> usize {
    let at = usize::try_from(startup.config).unwrap_or(0);
    let count = startup.config_bytes as usize / size_of::<ConfigEntry>();
    // SAFETY: the start-up block tells where the entries are and how many bytes they have.
    let entries: &[ConfigEntry] =
        unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at), count) };
    entries.iter().find(|e| e.is(name, 1)).map_or(0, |e| usize::try_from(e.address).unwrap_or(0))
}

/// A blob of the configuration.
fn blob(startup: &'static Startup, name: &str) -> Option<&'static [u8]> {
    let at = usize::try_from(startup.config).unwrap_or(0);
    let count = startup.config_bytes as usize / size_of::<ConfigEntry>();
    // SAFETY: as in `group`.
    let entries: &[ConfigEntry] =
        unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at), count) };
    let entry = entries.iter().find(|e| e.is(name, 1))?;
    let (at, bytes) = (usize::try_from(entry.address).ok()?, usize::try_from(entry.bytes).ok()?);
    // SAFETY: the entry tells where the blob is and how many bytes it has.
    Some(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at), bytes) })
}

fn stack(startup: &'static Startup, family: &Family0) -> Env {
    let at = usize::try_from(startup.downcall_table).unwrap_or(0);
    // SAFETY: the start-up block names a table of the layer below.
    let table = unsafe { PalTable::at(at) }.expect("the layer below has the table of this version");
    let table: &'static PalTable = match family.over.as_str() {
        "copied" => Box::leak(Box::new(*table)),
        _ => table,
    };
    // SAFETY: as above, for the groups.
    let words = unsafe { WordWaitTable::at(group(startup, WordWaitTable::NAME)) };
    // SAFETY: as above.
    let passing = unsafe { HandlePassingTable::at(group(startup, HandlePassingTable::NAME)) };
    // SAFETY: as above.
    let cloning = unsafe { CloningTable::at(group(startup, CloningTable::NAME)) };
    // SAFETY: as above.
    let nodes = unsafe { NodesTable::at(group(startup, NodesTable::NAME)) };
    // SAFETY: as above.
    let ring = unsafe { FamilyTable::at(group(startup, FamilyTable::NAME)) };
    // SAFETY: as above.
    let sockets = unsafe { SocketsTable::at(group(startup, SocketsTable::NAME)) };
    let (mut table, mut startup) = (table, startup);
    let (mut words, mut passing, mut cloning, mut nodes) = (words, passing, cloning, nodes);
    let (mut ring, mut sockets) = (ring, sockets);
    if family.over == "renamed" {
        let tables = renamed::Tables {
            core: table,
            words: words.expect("words"),
            passing: passing.expect("handle passing"),
            cloning: cloning.expect("cloning"),
            nodes: nodes.expect("nodes"),
            family: ring.expect("a family"),
            sockets: sockets.expect("sockets"),
        };
        startup = renamed::over(&tables, startup);
        (table, words, passing) = (&renamed::CORE, Some(&renamed::WORDS), Some(&renamed::PASSING));
        (cloning, nodes, ring) = (Some(&renamed::CLONING), Some(&renamed::NODES), Some(&renamed::FAMILY));
        sockets = Some(&renamed::SOCKETS);
    }
    let layers = checked::over(table, words, passing, cloning, nodes, ring, sockets);
    Env {
        over: family.over.clone(),
        pal: layers,
        words: words.map(|_| layers as &dyn WordWait),
        passing: passing.map(|_| layers as &dyn HandlePassing),
        cloning: cloning.map(|_| layers as &dyn Cloning),
        nodes: nodes.map(|_| layers as &dyn Nodes),
        family: ring.map(|_| layers as &dyn Family),
        sockets: sockets.map(|_| layers as &dyn Sockets),
        startup,
        host: family.host.clone(),
        elsewhere: family.elsewhere.clone(),
    }
}

// ---- threads and upcalls --------------------------------------------------------------------------------------

type Job = Box<dyn FnOnce() + Send>;

static JOBS: Mutex<BTreeMap<usize, Job>> = Mutex::new(BTreeMap::new());
static NEXT_JOB: AtomicU32 = AtomicU32::new(1);

unsafe extern "C" fn thread_start(_start: usize, param: usize) {
    let job = JOBS.lock().unwrap_or_else(PoisonError::into_inner).remove(&param);
    if let Some(job) = job {
        job();
    }
    let _ = checked::pal().thread_exit(Out::NONE);
}

/// Runs `f` while no other thread holds a lock of this module, as a copy of the process must be made.
pub(crate) fn with_locks<R>(f: impl FnOnce() -> R) -> R {
    let _held = (
        JOBS.lock().unwrap_or_else(PoisonError::into_inner),
        HOOK.lock().unwrap_or_else(PoisonError::into_inner),
    );
    f()
}

type Hook = fn(&Exception, *mut ContextHeader) -> bool;

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
/// INTERRUPT dispatches seen.
pub(crate) static INTERRUPTS: AtomicU32 = AtomicU32::new(0);

static KEEPS: AtomicBool = AtomicBool::new(false);

/// Whether an INTERRUPT dispatch leaves the interrupt to the next interruptible call (`KEEP_PENDING`).
pub(crate) fn keep_interrupts(keep: bool) {
    KEEPS.store(keep, Ordering::SeqCst);
}

/// Sets what gets exceptions other than INTERRUPT; it tells whether the context may resume.
pub(crate) fn set_exception_hook(hook: Option<Hook>) {
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = hook;
}

unsafe extern "C" fn exception_dispatch(exception: *mut Exception, context: *mut ContextHeader) {
    // SAFETY: the layer below passes a record that lives for the call.
    let exception = unsafe { &mut *exception };
    if exception.code == flags::exception::INTERRUPT {
        INTERRUPTS.fetch_add(1, Ordering::SeqCst);
        if KEEPS.load(Ordering::SeqCst) {
            exception.flags |= flags::exception_flags::KEEP_PENDING;
        }
        return;
    }
    let hook = *HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    if !hook.is_some_and(|hook| hook(exception, context)) {
        eprintln!("unexpected exception {exception:?}");
        std::process::abort();
    }
}

impl Env {
    /// The `param` with which a thread runs a job.
    pub(crate) fn job(&self, job: impl FnOnce() + Send + 'static) -> u64 {
        let param = NEXT_JOB.fetch_add(1, Ordering::Relaxed) as usize;
        JOBS.lock().unwrap_or_else(PoisonError::into_inner).insert(param, Box::new(job));
        param as u64
    }

    /// Starts a thread of the stack.
    pub(crate) fn spawn(&self, job: impl FnOnce() + Send + 'static) -> Handle {
        let params = ThreadParams { param: self.job(job), ..ThreadParams::ZERO };
        let mut thread = Handle::NONE;
        let size = u32::try_from(size_of::<ThreadParams>()).unwrap_or(0);
        self.pal.thread_create((&params).into(), size, (&mut thread).into()).expect("a thread");
        thread
    }

    /// Waits for a thread and forgets it.
    pub(crate) fn join(&self, thread: Handle) {
        assert_eq!(self.wait(&[thread], flags::NEVER), Ok(Some(0)));
        self.close(thread);
    }

    /// Runs `call` while another thread interrupts this one until it has returned.
    pub(crate) fn interrupted<R>(&self, call: impl FnOnce() -> R) -> R {
        let done = Arc::new(AtomicBool::new(false));
        let (seen, target) = (Arc::clone(&done), self.startup.first_thread);
        let interrupter = self.spawn(move || {
            let pal = checked::pal();
            while !seen.load(Ordering::SeqCst) {
                let _ = pal.thread_delay_execution(now(pal) + 5_000_000);
                if !seen.load(Ordering::SeqCst) {
                    let _ = pal.thread_interrupt(target);
                }
            }
        });
        let result = call();
        done.store(true, Ordering::SeqCst);
        while self.wait(&[interrupter], flags::NEVER) == Err(PalError::Interrupted) {}
        self.close(interrupter);
        result
    }

    /// Runs a job some milliseconds from now in another thread.
    pub(crate) fn later(
        &self,
        milliseconds: u64,
        job: impl FnOnce(&'static dyn Pal) + Send + 'static,
    ) -> Handle {
        self.spawn(move || {
            let pal = checked::pal();
            let _ = pal.thread_delay_execution(now(pal) + milliseconds * 1_000_000);
            job(pal);
        })
    }
}

/// The monotonic clock.
pub(crate) fn now(pal: &dyn Pal) -> u64 {
    let mut time = 0;
    assert_eq!(pal.system_time_query(clock::MONOTONIC, (&mut time).into()), Ok(Status::Ok));
    time
}

// ---- short forms of the calls -----------------------------------------------------------------------------------

/// Reads and writes.
pub(crate) const RW: u32 = access::READ | access::WRITE;
/// Reads.
pub(crate) const R: u32 = access::READ;

impl Env {
    /// `StreamOpen`.
    pub(crate) fn open(&self, uri: &str, access: u32, options: u32) -> Result<Handle, PalError> {
        let mut handle = Handle::NONE;
        self.pal.stream_open(uri.into(), uri.len(), access, 0, options, (&mut handle).into())?;
        assert!(!handle.is_none(), "{uri} opened as no handle");
        Ok(handle)
    }

    /// A new file with those contents, open to read and write.
    pub(crate) fn file(&self, path: &str, contents: &[u8]) -> Handle {
        let handle = self.open(&format!("file:{path}"), RW, open::CREATE | open::TRUNCATE).expect(path);
        assert_eq!(self.write(handle, 0, contents), Ok(contents.len()));
        handle
    }

    /// `StreamRead`: the status and what was read.
    pub(crate) fn read(
        &self,
        handle: Handle,
        offset: u64,
        len: usize,
    ) -> Result<(Status, Vec<u8>), PalError> {
        let (mut buf, mut done) = (vec![0; len], 0);
        let status = self.pal.stream_read(
            handle,
            offset,
            buf.as_mut_slice().into(),
            len,
            (&mut done).into(),
            Out::NONE,
        )?;
        assert!(done <= len);
        buf.truncate(done);
        Ok((status, buf))
    }

    /// `StreamWrite`: the count.
    pub(crate) fn write(&self, handle: Handle, offset: u64, bytes: &[u8]) -> Result<usize, PalError> {
        let mut done = 0;
        self.pal.stream_write(handle, offset, bytes.into(), bytes.len(), (&mut done).into(), Out::NONE)?;
        Ok(done)
    }

    /// `ObjectClose`, which must succeed.
    pub(crate) fn close(&self, handle: Handle) {
        assert_eq!(self.pal.object_close(handle), Ok(Status::Ok));
    }

    /// `ObjectsWaitAny`: the index, or none at the deadline.
    pub(crate) fn wait(&self, handles: &[Handle], deadline: u64) -> Result<Option<u32>, PalError> {
        let bytes: Vec<u8> = handles.iter().flat_map(|h| h.0.to_ne_bytes()).collect();
        let mut index = u32::MAX;
        let index_out = if handles.is_empty() { Out::NONE } else { (&mut index).into() };
        match self.pal.objects_wait_any(bytes.as_slice().into(), bytes.len(), deadline, 0, index_out)? {
            Status::Timeout => Ok(None),
            _ => Ok(Some(index)),
        }
    }

    /// A deadline some milliseconds from now.
    pub(crate) fn soon(&self, milliseconds: u64) -> u64 {
        now(self.pal) + milliseconds * 1_000_000
    }

    /// `StreamAttributesQueryByHandle`.
    pub(crate) fn attributes(&self, handle: Handle) -> Result<Attr, PalError> {
        let mut attr = Attr::ZERO;
        self.pal.stream_attributes_query_by_handle(handle, (&mut attr).into(), ATTR_SIZE)?;
        Ok(attr)
    }

    /// `StreamAttributesQuery`.
    pub(crate) fn attributes_of(&self, uri: &str, flags: u32) -> Result<Attr, PalError> {
        let mut attr = Attr::ZERO;
        self.pal.stream_attributes_query(uri.into(), uri.len(), (&mut attr).into(), ATTR_SIZE, flags)?;
        Ok(attr)
    }

    /// `StreamGetName`.
    pub(crate) fn name(&self, handle: Handle) -> Result<String, PalError> {
        let (mut buf, mut len) = ([0; 512], 0);
        self.pal.stream_get_name(handle, buf.as_mut_slice().into(), 512, (&mut len).into())?;
        Ok(String::from_utf8_lossy(&buf[..len as usize]).into_owned())
    }

    /// `StreamGetEvent`.
    pub(crate) fn event(&self, handle: Handle, which: u32) -> Result<Handle, PalError> {
        let mut event = Handle::NONE;
        self.pal.stream_get_event(handle, which, (&mut event).into())?;
        Ok(event)
    }

    /// Whether the host is emulated, and repeating things often takes long.
    pub(crate) fn is_slow(&self) -> bool {
        cfg!(target_arch = "aarch64") && std::env::var_os("PAL_TEST_RUNNER").is_some()
    }

    /// A host path below the mapping `/rw`.
    pub(crate) fn host(&self, name: &str) -> PathBuf {
        Path::join(&self.host, "rw").join(name)
    }

    /// A handle that was closed.
    pub(crate) fn stale(&self) -> Handle {
        let handle = self.open("null:", R, 0).expect("null:");
        self.close(handle);
        handle
    }

    /// A handle to something that is no stream.
    pub(crate) fn no_stream(&self) -> Handle {
        let mut event = Handle::NONE;
        self.pal.notification_event_create(0, (&mut event).into()).expect("an event");
        event
    }
}

/// The size calls with an `Attr` are told.
pub(crate) const ATTR_SIZE: u32 = 0x118;

/// An address that is never mapped.
pub(crate) const BAD: usize = 8;

/// A pointer parameter that leads nowhere.
pub(crate) fn bad_out<T>() -> Out<'static, T> {
    // SAFETY: the point is that the callee must not believe it.
    unsafe { Out::from_addr(BAD) }
}

/// As above.
pub(crate) fn bad_inout<T>() -> InOut<'static, T> {
    // SAFETY: as above.
    unsafe { InOut::from_addr(BAD) }
}

/// A buffer that leads nowhere.
pub(crate) fn bad_input() -> InBytes<'static> {
    // SAFETY: as above.
    unsafe { InBytes::from_addr(BAD) }
}

/// As above.
pub(crate) fn bad_output() -> OutBytes<'static> {
    // SAFETY: as above.
    unsafe { OutBytes::from_addr(BAD) }
}

/// Asserts that a call fails so.
#[track_caller]
pub(crate) fn fails(result: PalResult, error: PalError) {
    assert_eq!(result, Err(error));
}
