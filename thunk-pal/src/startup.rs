//! The start of the guest: gates, tables, the start-up block, stacks; and the start of this layer itself.

use crate::code::CodeSource;
use crate::image::{self, GATE_PAGE, Image};
use crate::layer::{EngineListener, Groups, Layer, Options, fatal};
use crate::map::{ADDR_MAX, ADDR_MIN};
use crate::pages::PAGE;
use crate::thread::{Thread, UpcallStack};
use crate::upcall::RETURN_GATE;
use crate::window::Window;
use frontend_x86::decode::GATE_OPCODE;
use frontend_x86::engine::Engine;
use frontend_x86::memory::{GuestAddr, GuestMemory};
use frontend_x86::state::Gpr;
use pal_abi::flags::{alloc, prot, startup as startup_flags};
use pal_abi::layout::{AddressRange, ConfigEntry, Layout, STARTUP_MAGIC, Startup, UpcallTable};
use pal_abi::table::{COUNT, TABLE_MAGIC, TABLE_VERSION, TableHeader};
use pal_abi::{GROUPS, Pal, PalError, PalTable};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Reserved on each side of the window.
const GUARD: usize = 1 << 20;
const WINDOW: usize = 1 << 32;
const STACK: u32 = 256 << 10;
/// The first thread's stack and upcall stack, each above an unmapped page.
const STACK_BASE: u32 = 0xf801_0000;
const UPCALL_BASE: u32 = STACK_BASE + STACK + PAGE;
/// The start-up block and what it points to.
const BLOCK: u32 = GATE_PAGE + PAGE;
/// Where the block goes when its strings are too long for the place below the stacks.
const LARGE_BLOCK: u32 = 0xff00_0000;
const EM_386: u32 = 3;

/// Starts this layer: it becomes the library OS of the layer below and the PAL of the library OS it loads. Does not return.
pub fn run(
    startup: &'static Startup,
    options: Options,
    make_engine: impl FnOnce(Arc<Window>, CodeSource) -> Result<Box<dyn Engine>, String>,
) -> ! {
    let Some(pal) = crate::guest::table::<PalTable>(startup.downcall_table) else {
        // Without a table there is nobody to tell.
        std::process::abort();
    };
    match start(startup, pal, options, make_engine) {
        Ok((layer, thread, image, block)) => {
            thread.cpu.eip = image.entry;
            let esp = STACK_BASE + STACK - 20;
            thread.cpu.gpr[Gpr::Esp as usize] = esp;
            // Return address 0 and the one argument; the stack was committed above.
            let _ = layer.window.store32(GuestAddr(esp), 0);
            let _ = layer.window.store32(GuestAddr(esp + 4), block);
            thread.run(layer);
            loop {
                let _ = pal.thread_exit(pal_abi::arg::Out::NONE);
            }
        }
        Err(why) => fatal(pal, &why),
    }
}

/// Reserves the window below, with its guards: a base that is a multiple of 4 GiB.
fn reserve(pal: &dyn Pal) -> Result<u64, String> {
    let refused = |e: PalError| format!("the guest's 4 GiB of address space cannot be reserved: {e}");
    // Ask for enough to contain an aligned window, then give back and take the exact range.
    let (mut base, mut size) = (0usize, 2 * WINDOW + GUARD);
    pal.virtual_memory_allocate((&mut base).into(), (&mut size).into(), alloc::RESERVE, prot::NONE)
        .map_err(refused)?;
    let window = (base + GUARD).next_multiple_of(WINDOW);
    pal.virtual_memory_free(base, size, pal_abi::flags::free::RELEASE).map_err(refused)?;
    let (mut exact, mut size) = (window - GUARD, WINDOW + 2 * GUARD);
    pal.virtual_memory_allocate((&mut exact).into(), (&mut size).into(), alloc::RESERVE, prot::NONE)
        .map_err(refused)?;
    Ok(window as u64)
}

fn groups(startup: &Startup) -> Groups {
    let mut groups = Groups::default();
    for entry in crate::guest::records::<ConfigEntry>(startup.config, startup.config_bytes) {
        macro_rules! take {
            ($($field:ident: $table:ident;)*) => { $(
                if entry.is(pal_abi::$table::NAME, pal_abi::$table::HEADER.version) {
                    groups.$field = crate::guest::table::<pal_abi::$table>(entry.address);
                }
            )* };
        }
        take! {
            word_wait: WordWaitTable;
            handle_passing: HandlePassingTable;
            cloning: CloningTable;
            nodes: NodesTable;
            family: FamilyTable;
            sockets: SocketsTable;
        }
    }
    groups
}

/// Appends to the start-up block in guest memory.
struct BlockWriter<'w> {
    window: &'w Window,
    at: u32,
    end: u32,
}

impl BlockWriter<'_> {
    /// Writes bytes, 16-byte aligned; their guest address.
    fn put(&mut self, bytes: &[u8]) -> Result<u32, String> {
        let at = self.at.next_multiple_of(16);
        let len = u32::try_from(bytes.len()).map_err(|_| "the arguments are too long".to_owned())?;
        if at.checked_add(len).is_none_or(|end| end > self.end) {
            return Err("the arguments are too long".to_owned());
        }
        if self.window.write_bytes(GuestAddr(at), bytes).1.is_some() {
            return Err("the start-up block cannot be written".to_owned());
        }
        self.at = at + len;
        Ok(at)
    }
}

fn start(
    below: &'static Startup,
    pal: &'static PalTable,
    options: Options,
    make_engine: impl FnOnce(Arc<Window>, CodeSource) -> Result<Box<dyn Engine>, String>,
) -> Result<(&'static Layer, Thread, Image, u32), String> {
    if below.page_size > PAGE {
        return Err(format!(
            "this host's pages of {} bytes are not supported yet: the guest needs pages of 4096",
            below.page_size
        ));
    }
    let base = reserve(pal)?;
    let shared = Arc::new(Window::new(crate::guest::window(base), pal));
    let window: &'static Window = Box::leak(Box::new(Arc::clone(&shared)));
    let engine: &'static dyn Engine = Box::leak(make_engine(shared, CodeSource::new(pal))?);
    window.set_listener(Box::leak(Box::new(EngineListener(engine))));

    let image = image::load(window, pal, below.next_image).map_err(|e| e.to_string())?;
    let memory = |e: PalError| format!("no memory for the library OS: {e}");
    gate_page(window).map_err(memory)?;
    let both = alloc::RESERVE | alloc::COMMIT;
    window.allocate(STACK_BASE, STACK, both, prot::READ | prot::WRITE).map_err(memory)?;
    window.allocate(UPCALL_BASE, STACK, both, prot::READ | prot::WRITE).map_err(memory)?;

    let strings = below.args_bytes.saturating_add(below.env_bytes);
    let configs: Vec<ConfigEntry> = crate::guest::records(below.config, below.config_bytes);
    let blobs: u64 = configs.iter().map(|c| if is_blob(c) { c.bytes } else { 0 }).sum();
    // The strings, the tables and the fixed records; anything larger than this range is refused by name below.
    let room = u32::try_from(u64::from(strings) + blobs + 3 * u64::from(PAGE)).unwrap_or(u32::MAX);
    let (block_base, block_size) = if room <= STACK_BASE - BLOCK {
        (BLOCK, STACK_BASE - BLOCK)
    } else {
        (LARGE_BLOCK, room.next_multiple_of(PAGE))
    };
    window.allocate(block_base, block_size, both, prot::READ | prot::WRITE).map_err(memory)?;
    let mut block = BlockWriter { window, at: block_base, end: block_base + block_size };

    let here = block.put(&[0; size_of::<Startup>()])?;
    let upcall_slot = block.put(UpcallTable::ZERO.as_bytes())?;
    let table = block.put(&table_bytes(TABLE_VERSION, 1..=COUNT))?;
    let args = block.put(&crate::guest::bytes(below.args, below.args_bytes))?;
    let env = block.put(&crate::guest::bytes(below.env, below.env_bytes))?;
    let groups = groups(below);
    let mut entries = Vec::new();
    for group in GROUPS {
        let Some(lower) = configs.iter().find(|c| c.is(group.name, group.version)) else { continue };
        let first = group.calls.first().map_or(0, |c| c.number);
        let last = group.calls.last().map_or(0, |c| c.number);
        let at = block.put(&table_bytes(group.version, first..=last))?;
        entries.push(ConfigEntry::new(group.name, lower.version, at.into(), 0));
    }
    for c in configs.iter().filter(|c| is_blob(c)) {
        let len = u32::try_from(c.bytes).map_err(|_| "the configuration is too long".to_owned())?;
        let at = block.put(&crate::guest::bytes(c.address, len))?;
        entries.push(ConfigEntry::new(c.name(), c.version, at.into(), c.bytes));
    }
    let config: Vec<u8> = entries.iter().flat_map(|e| e.as_bytes().to_vec()).collect();
    let config_at = block.put(&config)?;
    let handles =
        crate::guest::bytes(below.inherited_handles, below.inherited_handle_count.saturating_mul(4));
    let handles_at = block.put(&handles)?;
    let taken = [
        AddressRange { base: GATE_PAGE.into(), size: PAGE.into() },
        AddressRange { base: block_base.into(), size: block_size.into() },
        AddressRange { base: STACK_BASE.into(), size: STACK.into() },
        AddressRange { base: UPCALL_BASE.into(), size: STACK.into() },
        AddressRange { base: image.base.into(), size: image.size.into() },
    ];
    let ranges_bytes: Vec<u8> = taken.iter().flat_map(|r| r.as_bytes().to_vec()).collect();
    let ranges_at = block.put(&ranges_bytes)?;

    let mut above = *below;
    above.magic = STARTUP_MAGIC;
    above.struct_size = size_of::<Startup>() as u32;
    above.width = 32;
    above.isa = EM_386;
    above.flags |= startup_flags::NESTED;
    above.downcall_table = table.into();
    above.count = COUNT;
    above.entry_size = 4;
    above.upcall_slot = upcall_slot.into();
    above.image_base = image.base.into();
    above.image_size = image.size.into();
    above.addr_min = ADDR_MIN.into();
    above.addr_max = ADDR_MAX.into();
    above.page_size = PAGE;
    above.alloc_granularity = PAGE;
    above.reserved_ranges = ranges_at.into();
    above.reserved_range_count = taken.len() as u32;
    above.inherited_handles = handles_at.into();
    above.next_image = pal_abi::Handle::NONE;
    above.args = args.into();
    above.env = env.into();
    above.config = config_at.into();
    above.config_bytes = config.len() as u32;
    above.layer_index = below.layer_index + 1;
    above.layers = 0;
    above.layers_bytes = 0;
    above.layer_count = 0;
    // What the host's processor can do is not what the guest's can.
    above.cpu_features = 0;
    above.cpu_features2 = 0;
    above.upcall_base = UPCALL_BASE.into();
    above.upcall_size = STACK.into();
    if window.write_bytes(GuestAddr(here), above.as_bytes()).1.is_some() {
        return Err("the start-up block cannot be written".to_owned());
    }

    let layer = Layer::install(Layer {
        pal,
        groups,
        window,
        engine,
        options,
        upcall_slot,
        ldt: Arc::default(),
        threads: AtomicU32::new(0),
    });
    crate::guest::register(below.upcall_slot, crate::host::upcalls());
    let thread = Thread::new(layer, UpcallStack { base: UPCALL_BASE, size: STACK });
    Ok((layer, thread, image, here))
}

/// Whether a configuration entry is data for the library OS, not a table or a page of the layer below.
fn is_blob(c: &ConfigEntry) -> bool {
    !GROUPS.iter().any(|g| g.name == c.name()) && c.name() != "clock-page"
}

/// A 32-bit table of the gates with these numbers.
fn table_bytes(version: u32, numbers: core::ops::RangeInclusive<u32>) -> Vec<u8> {
    let header =
        TableHeader { magic: TABLE_MAGIC, version, count: numbers.clone().count() as u32, entry_size: 4 };
    let words = [header.magic, header.version, header.count, header.entry_size];
    let gates = numbers.map(|n| GATE_PAGE + 16 * n);
    words.into_iter().chain(gates).flat_map(u32::to_le_bytes).collect()
}

/// Writes the page of gates: for each call an opcode that no processor defines, its number, and RET.
fn gate_page(window: &Window) -> Result<(), PalError> {
    const RET: u8 = 0xc3;
    const INT3: u8 = 0xcc;
    window.allocate(GATE_PAGE, PAGE, alloc::RESERVE | alloc::COMMIT, prot::READ | prot::WRITE)?;
    let numbers = (1..=COUNT)
        .chain([u32::from(RETURN_GATE)])
        .chain(GROUPS.iter().flat_map(|g| g.calls.iter().map(|c| c.number)));
    let mut page = vec![INT3; PAGE as usize];
    for n in numbers {
        let [low, high, ..] = n.to_le_bytes();
        let gate = [GATE_OPCODE[0], GATE_OPCODE[1], low, high, RET];
        page[16 * n as usize..][..gate.len()].copy_from_slice(&gate);
    }
    if window.write_bytes(GuestAddr(GATE_PAGE), &page).1.is_some() {
        return Err(PalError::Fault);
    }
    window.protect(GATE_PAGE, PAGE, prot::READ | prot::EXECUTE).map(|_| ())
}
