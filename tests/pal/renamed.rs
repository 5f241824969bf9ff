//! A layer that renames every handle, as one that keeps its own table of objects does: none of the stack below is the
//! same above, and none of above means anything below.
//!
//! It has no state: above, a handle has one bit more, which no handle of the stack below has. Handles inside
//! structures and buffers are renamed as well; only what an asynchronous read brings from a wait set is not.

use std::sync::OnceLock;

use pal_abi::arg;
use pal_abi::flags::{access, control, node};
use pal_abi::kind::{Datum, I32, In, InBytes, InOut, Len, Out, OutBytes, U32, U64, Uptr, Wire};
use pal_abi::{
    Attr, Cloning, CloningTable, ControlRecord, Family, FamilyTable, FsInfo, Handle, HandlePassing,
    HandlePassingTable, IoResult, Layout, LockRange, Nodes, NodesTable, Pal, PalResult, PalTable,
    PassedHandle, ProcessParams, ReadyRecord, Singleton, SocketMessage, Sockets, SocketsTable, Startup,
    ThreadParams, WaitRecord, WordWait, WordWaitTable,
};

/// The bit.
const MARK: u32 = 1 << 19;

/// The other name of a handle; a handle that is none stays none.
fn other(handle: u32) -> u32 {
    if handle == 0 { 0 } else { handle ^ MARK }
}

/// The stack below.
struct Below {
    core: &'static PalTable,
    words: &'static WordWaitTable,
    passing: &'static HandlePassingTable,
    cloning: &'static CloningTable,
    nodes: &'static NodesTable,
    family: &'static FamilyTable,
    sockets: &'static SocketsTable,
    /// Memory that the layer below copies to and from, so that no address of the caller's needs to be believed.
    scratch: Handle,
}

static BELOW: OnceLock<Below> = OnceLock::new();
/// Every call with its parameters renamed.
static RENAMED: PalTable = PalTable::of::<Renamed>();
/// The tables of the layer, for whoever is above.
pub(crate) static CORE: PalTable =
    PalTable { process_create, stream_read, stream_write, objects_wait_any, ..PalTable::of::<Renamed>() };
pub(crate) static WORDS: WordWaitTable = WordWaitTable::of::<Renamed>();
pub(crate) static PASSING: HandlePassingTable = HandlePassingTable::of::<Renamed>();
pub(crate) static CLONING: CloningTable = CloningTable::of::<Renamed>();
pub(crate) static NODES: NodesTable = NodesTable::of::<Renamed>();
pub(crate) static FAMILY: FamilyTable = FamilyTable::of::<Renamed>();
pub(crate) static SOCKETS: SocketsTable =
    SocketsTable { socket_send, socket_receive, ..SocketsTable::of::<Renamed>() };
/// As above, the group with its parameters renamed.
static SOCKETS_RENAMED: SocketsTable = SocketsTable::of::<Renamed>();

/// The layer.
#[derive(Debug)]
pub(crate) struct Renamed;

impl Singleton for Renamed {
    fn instance() -> &'static Self {
        &Self
    }
}

fn below() -> &'static Below {
    BELOW.get().expect("set before any call")
}

/// The tables of a stack.
pub(crate) struct Tables {
    pub(crate) core: &'static PalTable,
    pub(crate) words: &'static WordWaitTable,
    pub(crate) passing: &'static HandlePassingTable,
    pub(crate) cloning: &'static CloningTable,
    pub(crate) nodes: &'static NodesTable,
    pub(crate) family: &'static FamilyTable,
    pub(crate) sockets: &'static SocketsTable,
}

/// Puts the layer over a stack; the start-up block as it is above.
pub(crate) fn over(tables: &Tables, startup: &Startup) -> &'static Startup {
    let &Tables { core, words, passing, cloning, nodes, family, sockets } = tables;
    let (uri, mut scratch) = ("anon:", Handle::NONE);
    let wanted = access::READ | access::WRITE;
    core.stream_open(uri.into(), uri.len(), wanted, 0, 0, (&mut scratch).into()).expect("memory");
    let _ = BELOW.set(Below { core, words, passing, cloning, nodes, family, sockets, scratch });
    let mut above = *startup;
    for handle in [
        &mut above.stdin,
        &mut above.stdout,
        &mut above.stderr,
        &mut above.debug,
        &mut above.parent_channel,
        &mut above.self_process,
        &mut above.first_thread,
        &mut above.manifest,
        &mut above.next_image,
    ] {
        handle.0 = other(handle.0);
    }
    let inherited = copied(startup.inherited_handles, startup.inherited_handle_count as usize * 4);
    let inherited: &'static [u8] = Box::leak(renamed(&inherited.unwrap_or_default()).into_boxed_slice());
    above.inherited_handles = inherited.as_ptr().expose_provenance() as u64;
    Box::leak(Box::new(above))
}

/// Bytes of the caller's, by way of the scratch memory. Each thread of the family has its own part of it.
fn copied(from: u64, len: usize) -> Option<Vec<u8>> {
    // SAFETY: takes nothing.
    let at = u64::from(unsafe { libc::gettid() }.cast_unsigned()) << 13;
    let from = usize::try_from(from).ok()?;
    let (below, mut bytes, mut done) = (below(), vec![0; len], 0);
    // SAFETY: the layer below must cope with any address.
    let source = unsafe { arg::InBytes::from_addr(from) };
    below.core.stream_write(below.scratch, at, source, len, (&mut done).into(), arg::Out::NONE).ok()?;
    let to = bytes.as_mut_slice().into();
    below.core.stream_read(below.scratch, at, to, len, (&mut done).into(), arg::Out::NONE).ok()?;
    Some(bytes)
}

/// An array of handles, renamed.
fn renamed(bytes: &[u8]) -> Vec<u8> {
    let words = bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().expect("four bytes")));
    words.flat_map(|handle| other(handle).to_ne_bytes()).collect()
}

/// Renames the handle at an address that the layer below has just written, if it has.
fn rename_at(address: usize) {
    let place: *mut u32 = core::ptr::with_exposed_provenance_mut(address);
    // SAFETY: as above: it is mapped, and the caller's to be written.
    let handle = unsafe { place.read_unaligned() };
    if handle & MARK == 0 {
        // SAFETY: as above.
        unsafe { place.write_unaligned(other(handle)) };
    }
}

/// How a parameter passes through the layer.
trait Pass: Wire {
    /// On the way down.
    fn down(host: Self::Host<'_>) -> Self::Host<'_> {
        host
    }
    /// After the call below succeeded.
    fn up(_: usize) {}
    /// The address that [`Self::up`] is told.
    fn address(_: &Self::Host<'_>) -> usize {
        0
    }
}

macro_rules! as_they_are {
    ($($kind:ident)*) => { $(impl Pass for $kind {})* };
}
as_they_are!(U32 I32 U64 Uptr Len InBytes OutBytes);

impl Pass for Handle {
    fn down(host: Self::Host<'_>) -> Self::Host<'_> {
        Self(other(host.0))
    }
}

impl<T: Datum> Pass for In<T> {}
impl<T: Datum> Pass for InOut<T> {}

impl<T: Datum> Pass for Out<T> {
    fn address(host: &Self::Host<'_>) -> usize {
        if T::NAME == <Handle as Datum>::NAME { host.addr() } else { 0 }
    }
    fn up(address: usize) {
        if address != 0 {
            rename_at(address);
        }
    }
}

macro_rules! renaming {
    ($Trait:ident, $below:ident, { $($number:literal $name:ident($($arg:ident: $kind:ty),*);)* }) => {
        impl $Trait for Renamed {
            $(fn $name(&self, $($arg: <$kind as Wire>::Host<'_>),*) -> PalResult {
                let places: &[(usize, fn(usize))] =
                    &[$((<$kind as Pass>::address(&$arg), <$kind as Pass>::up)),*];
                let result = $Trait::$name(below().$below, $(<$kind as Pass>::down($arg)),*)?;
                places.iter().for_each(|(address, up)| up(*address));
                Ok(result)
            })*
        }
    };
}

macro_rules! renaming_core {
    ($($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
        fails($($error:ident),* $(,)?);)*) => {
        renaming!(Pal, core, { $($number $name($($arg: $kind),*);)* });
    };
}
pal_abi::for_each_pal_call!(renaming_core);

/// The field that holds a group's table.
macro_rules! renaming_group {
    (WordWait $rows:tt) => {
        renaming!(WordWait, words, $rows);
    };
    (HandlePassing $rows:tt) => {
        renaming!(HandlePassing, passing, $rows);
    };
    (Cloning $rows:tt) => {
        renaming!(Cloning, cloning, $rows);
    };
    (Nodes $rows:tt) => {
        renaming!(Nodes, nodes, $rows);
    };
    (Family $rows:tt) => {
        renaming!(Family, family, $rows);
    };
    (Sockets $rows:tt) => {
        renaming!(Sockets, sockets, $rows);
    };
}

macro_rules! renaming_groups {
    ($($(#[doc = $gdoc:literal])* group $Trait:ident $Table:ident ($gname:literal, $version:literal) {
        $($(#[doc = $doc:literal])* $number:literal $Name:ident => $name:ident($($arg:ident: $kind:ty),* $(,)?)
            fails($($error:ident),* $(,)?);)*
    })*) => { $(
        renaming_group!($Trait { $($number $name($($arg: $kind),*);)* });
    )* };
}
pal_abi::for_each_optional_call!(renaming_groups);

// ---- the calls with handles inside what they are given ------------------------------------------------------------

fn is_wait_set(stream: u32) -> bool {
    let mut attr = Attr::ZERO;
    let size = u32::try_from(size_of::<Attr>()).unwrap_or(0);
    let stream = Handle(other(stream));
    let told = below().core.stream_attributes_query_by_handle(stream, (&mut attr).into(), size);
    told.is_ok() && attr.kind == node::WAIT_SET
}

unsafe extern "C" fn stream_write(
    stream: u32,
    offset: u64,
    buf: *mut u8,
    len: usize,
    done: *mut usize,
    completion: *mut Handle,
) -> i32 {
    const RECORD: usize = size_of::<WaitRecord>();
    let records = if len.is_multiple_of(RECORD) && len < 8000 && is_wait_set(stream) {
        copied(buf.expose_provenance() as u64, len)
    } else {
        None
    };
    let mut records = records;
    for record in records.iter_mut().flat_map(|bytes| bytes.chunks_exact_mut(RECORD)) {
        let handle = renamed(&record[4..8]);
        record[4..8].copy_from_slice(&handle);
    }
    let buf = records.as_mut().map_or(buf, |bytes| bytes.as_mut_ptr());
    // SAFETY: what the caller of the entry promises, with a copy of the bytes.
    unsafe { (RENAMED.stream_write)(stream, offset, buf, len, done, completion) }
}

unsafe extern "C" fn stream_read(
    stream: u32,
    offset: u64,
    buf: *mut u8,
    len: usize,
    done: *mut usize,
    completion: *mut Handle,
) -> i32 {
    // SAFETY: what the caller of the entry promises.
    let status = unsafe { (RENAMED.stream_read)(stream, offset, buf, len, done, completion) };
    if status == 0 && is_wait_set(stream) {
        // SAFETY: the call below has just written it.
        let bytes = unsafe { done.read_unaligned() };
        for at in (8..bytes).step_by(size_of::<ReadyRecord>()) {
            rename_at(buf.expose_provenance() + at);
        }
    }
    status
}

unsafe extern "C" fn objects_wait_any(
    handles: *mut u8,
    size: usize,
    deadline: u64,
    flags: u32,
    index: *mut u32,
) -> i32 {
    let copy = if size > 0 && size <= 1024 { copied(handles.expose_provenance() as u64, size) } else { None };
    let mut copy = copy.filter(|bytes| bytes.len().is_multiple_of(4)).map(|bytes| renamed(&bytes));
    let handles = copy.as_mut().map_or(handles, |bytes| bytes.as_mut_ptr());
    // SAFETY: what the caller of the entry promises, with a copy of the handles.
    unsafe { (RENAMED.objects_wait_any)(handles, size, deadline, flags, index) }
}

unsafe extern "C" fn process_create(
    params: *mut ProcessParams,
    size: u32,
    process: *mut Handle,
    channel: *mut Handle,
) -> i32 {
    let bytes = copied(params.expose_provenance() as u64, size_of::<ProcessParams>());
    let mut copy = bytes.and_then(|bytes| ProcessParams::read_from(&bytes));
    let mut handles = Vec::new();
    if let Some(copy) = &mut copy
        && copy.handle_count < 1000
    {
        handles = copied(copy.handles, copy.handle_count as usize * 4)
            .map(|bytes| renamed(&bytes))
            .unwrap_or_default();
        if !handles.is_empty() {
            copy.handles = handles.as_ptr().expose_provenance() as u64;
        }
    }
    let params = copy.as_mut().map_or(params, core::ptr::from_mut);
    // SAFETY: what the caller of the entry promises, with copies of the block and the handles.
    let status = unsafe { (RENAMED.process_create)(params, size, process, channel) };
    drop(handles);
    status
}

/// Where the handles are among control records, as far as those are whole.
fn passed_handles(bytes: &[u8]) -> Vec<usize> {
    let (mut places, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..).and_then(ControlRecord::read_from) {
        let data = at + size_of::<ControlRecord>();
        let end = data + (head.data_size as usize).min(bytes.len() - data);
        if head.level == libc::SOL_SOCKET.cast_unsigned() && head.kind == control::RIGHTS {
            places.extend((data..end).step_by(size_of::<PassedHandle>()).filter(|place| place + 4 <= end));
        }
        if head.record_size == 0 {
            break;
        }
        at = at.saturating_add(head.record_size as usize);
    }
    places
}

unsafe extern "C" fn socket_send(
    socket: u32,
    buf: *mut u8,
    len: usize,
    control: *mut u8,
    control_len: usize,
    message: *mut SocketMessage,
) -> i32 {
    let wanted = (1..8000).contains(&control_len);
    let mut copy = wanted.then(|| copied(control.expose_provenance() as u64, control_len)).flatten();
    if let Some(bytes) = &mut copy {
        for place in passed_handles(bytes) {
            let handle = renamed(&bytes[place..place + 4]);
            bytes[place..place + 4].copy_from_slice(&handle);
        }
    }
    let control = copy.as_mut().map_or(control, |bytes| bytes.as_mut_ptr());
    // SAFETY: what the caller of the entry promises, with a copy of the records.
    unsafe { (SOCKETS_RENAMED.socket_send)(socket, buf, len, control, control_len, message) }
}

unsafe extern "C" fn socket_receive(
    socket: u32,
    buf: *mut u8,
    len: usize,
    control: *mut u8,
    cap: usize,
    message: *mut SocketMessage,
) -> i32 {
    // SAFETY: what the caller of the entry promises.
    let status = unsafe { (SOCKETS_RENAMED.socket_receive)(socket, buf, len, control, cap, message) };
    if status == 0 && cap > 0 {
        // SAFETY: the call below has just written the message, and so many bytes of control records.
        let size = unsafe { message.read_unaligned() }.control_size as usize;
        // SAFETY: as above.
        let records = unsafe { core::slice::from_raw_parts(control, size) }.to_vec();
        for place in passed_handles(&records) {
            rename_at(control.expose_provenance() + place);
        }
    }
    status
}
