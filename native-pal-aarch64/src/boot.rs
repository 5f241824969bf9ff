//! Start-up: from the command's configuration to the first upcall.

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use pal_abi::flags::{startup, stream as bits};
use pal_abi::layout::STARTUP_MAGIC;
use pal_abi::{
    CloningTable, ConfigEntry, FamilyTable, Handle, HandlePassingTable, Layout, LibOsInitialize, NodesTable,
    PalError, PalTable, SocketsTable, Startup, UpcallTable, WordWaitTable,
};
use rustix::io::Errno;

use crate::birth::{Inheritance, Parcel, Strings};
use crate::handle::{Object, table};
use crate::pal::NativePal;
use crate::policy::{self, Policy};
use crate::process::SelfProcess;
use crate::supervisor::{Birth, supervise};
use crate::sys::{fatal, upcall};
use crate::{exception, memory, process, stream, thread, wait};

/// A part of the host's files that the guest sees.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The guest-visible absolute path.
    pub guest: Vec<u8>,
    /// What is there on the host: a file or a directory.
    pub host: PathBuf,
    /// Whether writes are refused.
    pub read_only: bool,
}

/// What a command gives its picoprocess.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The arguments, the program's name first; no zero bytes.
    pub args: Vec<Vec<u8>>,
    /// The environment, `NAME=value`; no zero bytes.
    pub env: Vec<Vec<u8>>,
    /// What of the host's files the guest sees. The longest guest path that matches counts.
    pub maps: Vec<Mapping>,
    /// Host paths that no mapping may reach, such as the translation cache.
    pub hidden: Vec<PathBuf>,
    /// Whether the host's network is there.
    pub network: bool,
    /// Named blobs for the layers above, found as configuration entries.
    pub blobs: Vec<(String, Vec<u8>)>,
    /// The image the next layer loads (`Startup::next_image`).
    pub image: Cow<'static, [u8]>,
    /// The ELF machine of that image.
    pub isa: u32,
    /// Greatest number of processes at a time; 0 means 1,024.
    pub process_limit: u32,
}

/// Greatest number of processes, where the command does not say.
const PROCESS_LIMIT: u32 = 1024;
/// What the root cannot be started for.
const CANNOT_START: i32 = 125;

/// What is the same in all processes of a family.
struct Command {
    config: Config,
    entry: LibOsInitialize,
    image: Option<OwnedFd>,
    origin: u64,
    instance: [u8; 16],
}

static COMMAND: OnceLock<Command> = OnceLock::new();

static TABLE: PalTable = PalTable::of::<NativePal>();
static WORD_WAIT: WordWaitTable = WordWaitTable::of::<NativePal>();
static HANDLE_PASSING: HandlePassingTable = HandlePassingTable::of::<NativePal>();
static CLONING: CloningTable = CloningTable::of::<NativePal>();
static NODES: NodesTable = NodesTable::of::<NativePal>();
static FAMILY: FamilyTable = FamilyTable::of::<NativePal>();
static SOCKETS: SocketsTable = SocketsTable::of::<NativePal>();

/// Runs a picoprocess with `entry` as its first layer, and its whole family. Returns the exit status of the command:
/// the root's exit code, 128+n where signal n ended it.
///
/// The calling process becomes the supervisor. It must have one thread, and can do this once.
pub fn start(config: Config, entry: LibOsInitialize) -> i32 {
    match Policy::new(&config.maps, &config.hidden) {
        Ok(policy) => policy::set(policy),
        Err(error) => {
            fatal::line(format_args!("{error}"));
            return CANNOT_START;
        }
    }
    let image = match keep_image(&config.image) {
        Ok(image) => image,
        Err(errno) => {
            fatal::line(format_args!("cannot keep the image: {errno}"));
            return CANNOT_START;
        }
    };
    let limit = if config.process_limit == 0 { PROCESS_LIMIT } else { config.process_limit };
    let mut instance = [0; 16];
    if rustix::rand::getrandom(&mut instance[..], rustix::rand::GetRandomFlags::empty()).is_err() {
        fatal::line(format_args!("the host has no random numbers"));
        return CANNOT_START;
    }
    if COMMAND.set(Command { config, entry, image, origin: wait::now(), instance }).is_err() {
        fatal::line(format_args!("a second family in one process"));
        return CANNOT_START;
    }
    match supervise(limit as usize, &begin) {
        Ok(code) if code >= 0 => code & 0xff,
        Ok(signal) => 128 - signal,
        Err(errno) => {
            fatal::line(format_args!("cannot start a process: {errno}"));
            CANNOT_START
        }
    }
}

/// The image in memory that all processes share and none can change.
fn keep_image(bytes: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    if bytes.is_empty() {
        return Ok(None);
    }
    let fd = memfd_create("trunnion-image", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let done = rustix::io::write(&fd, rest)?;
        rest = rest.get(done..).unwrap_or(&[]);
    }
    fcntl_add_seals(&fd, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(Some(fd))
}

/// What the command was configured with.
pub(crate) fn config() -> &'static Config {
    static NOTHING: Config = Config {
        args: Vec::new(),
        env: Vec::new(),
        maps: Vec::new(),
        hidden: Vec::new(),
        network: false,
        blobs: Vec::new(),
        image: Cow::Borrowed(&[]),
        isa: 0,
        process_limit: 0,
    };
    COMMAND.get().map_or(&NOTHING, |command| &command.config)
}

/// The number that names this run.
pub(crate) fn instance_id() -> [u8; 16] {
    COMMAND.get().map_or([0; 16], |command| command.instance)
}

/// A new member: reads what its creator hands over, and runs.
fn begin(birth: Birth) {
    let inherited = birth.boot.map(|(socket, handles)| match Parcel::receive(socket, handles) {
        Ok(inherited) => inherited,
        Err(error) => process::give_up("what its creator sent", error),
    });
    exception::install();
    thread::run_first(move |first| {
        let Some(command) = COMMAND.get() else { return };
        match block(command, inherited, first) {
            Ok(startup) => {
                upcall::initialize(command.entry, startup);
                fatal::line(format_args!("fatal: the first layer returned"));
                crate::family::exit(CANNOT_START);
            }
            Err(error) => process::give_up("its start-up block", error),
        }
    })
}

/// Something that lives as long as the process.
fn forever<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

fn address<T: ?Sized>(value: &T) -> u64 {
    core::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

fn give(object: Arc<dyn Object>) -> Result<Handle, PalError> {
    table().insert(object)
}

/// One of the command's own streams, or none where it was started without.
fn standard(number: u32) -> Result<Handle, PalError> {
    stream::console::standard(number).map_or(Ok(Handle::NONE), |object| give(object))
}

/// Builds the start-up block.
fn block(
    command: &'static Command,
    inherited: Option<Inheritance>,
    first_thread: Handle,
) -> Result<&'static mut Startup, PalError> {
    let config = &command.config;
    let from_command = || (Strings::of(&config.args), Strings::of(&config.env));
    let mut block = Startup {
        magic: STARTUP_MAGIC,
        major: 1,
        struct_size: 0x120,
        width: 64,
        isa: config.isa,
        downcall_table: address(&TABLE),
        count: PalTable::HEADER.count,
        entry_size: PalTable::HEADER.entry_size,
        page_size: u32::try_from(memory::page_size()).unwrap_or(4096),
        alloc_granularity: u32::try_from(memory::page_size()).unwrap_or(4096),
        first_thread,
        self_process: give(Arc::new(SelfProcess))?,
        stdin: standard(0)?,
        stdout: standard(1)?,
        stderr: standard(2)?,
        memory_quota: u64::MAX,
        monotonic_origin: command.origin,
        instance_id: command.instance,
        cpu_count: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1)),
        ..Startup::ZERO
    };
    block.debug = block.stderr;
    let (features, features2) = rustix::param::linux_hwcap();
    block.cpu_features = features as u64;
    block.cpu_features2 = u32::try_from(features2 & 0xffff_ffff).unwrap_or(0);
    let limits = memory::address_limits();
    block.addr_min = limits.start as u64;
    block.addr_max = limits.end as u64;
    if cfg!(debug_assertions) {
        block.flags |= startup::DEBUG;
    }

    let mut spawn = Vec::new();
    let mut image = None;
    let (args, env) = match inherited {
        None => from_command(),
        Some(inherited) => {
            spawn = inherited.config;
            image = inherited.image;
            block.parent_channel = give(inherited.channel)?;
            let handles: Vec<Handle> = inherited.handles.into_iter().map(give).collect::<Result<_, _>>()?;
            block.inherited_handle_count = u32::try_from(handles.len()).unwrap_or(0);
            block.inherited_handles = address(forever(handles).as_slice());
            block.reserved_range_count = u32::try_from(inherited.ranges.len()).unwrap_or(0);
            block.reserved_ranges = address(forever(inherited.ranges).as_slice());
            (inherited.args, inherited.env)
        }
    };
    block.next_image = match (image, &command.image) {
        (Some(image), _) => give(image)?,
        (None, Some(fd)) => {
            let fd = fd.try_clone().map_err(|_| PalError::TooMany)?;
            give(stream::anon::from_fd(fd, bits::READ))?
        }
        (None, None) => Handle::NONE,
    };
    block.argc = args.count;
    block.args_bytes = u32::try_from(args.bytes.len()).unwrap_or(0);
    block.args = address(forever(args.bytes).as_slice());
    block.envc = env.count;
    block.env_bytes = u32::try_from(env.bytes.len()).unwrap_or(0);
    block.env = address(forever(env.bytes).as_slice());
    let entries = entries(config, spawn);
    block.config_bytes = u32::try_from(size_of_val(entries)).unwrap_or(0);
    block.config = address(entries);
    let slot = forever(UpcallTable::ZERO);
    block.upcall_slot = address(slot);
    exception::set_upcall_slot(core::ptr::from_mut(slot).expose_provenance());
    Ok(forever(block))
}

/// The configuration: the optional groups, the command's blobs, the creator's.
fn entries(config: &'static Config, spawn: Vec<u8>) -> &'static [ConfigEntry] {
    let group = |name, version, address, bytes: usize| ConfigEntry::new(name, version, address, bytes as u64);
    let mut entries = vec![
        group(
            WordWaitTable::NAME,
            WordWaitTable::HEADER.version,
            address(&WORD_WAIT),
            size_of_val(&WORD_WAIT),
        ),
        group(
            HandlePassingTable::NAME,
            HandlePassingTable::HEADER.version,
            address(&HANDLE_PASSING),
            size_of_val(&HANDLE_PASSING),
        ),
        group(CloningTable::NAME, CloningTable::HEADER.version, address(&CLONING), size_of_val(&CLONING)),
        group(NodesTable::NAME, NodesTable::HEADER.version, address(&NODES), size_of_val(&NODES)),
        group(FamilyTable::NAME, FamilyTable::HEADER.version, address(&FAMILY), size_of_val(&FAMILY)),
        group(SocketsTable::NAME, SocketsTable::HEADER.version, address(&SOCKETS), size_of_val(&SOCKETS)),
    ];
    for (name, bytes) in &config.blobs {
        entries.push(group(name, 1, address(bytes.as_slice()), bytes.len()));
    }
    if !spawn.is_empty() {
        let spawn = forever(spawn).as_slice();
        entries.push(group("spawn", 1, address(spawn), spawn.len()));
    }
    forever(entries).as_slice()
}
