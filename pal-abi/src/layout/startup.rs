//! What a layer hands the layer above at its start.

use super::layout;
use crate::Handle;

/// The first word of a start-up block: the bytes `DKB1`.
pub const STARTUP_MAGIC: u32 = u32::from_le_bytes(*b"DKB1");

layout! {
    /// The start-up block.
    pub struct Startup = 0x120 {
        /// `STARTUP_MAGIC`.
        0x00 magic: u32,
        /// Version: changes that break.
        0x04 major: u16,
        /// Version: additions.
        0x06 minor: u16,
        /// Bytes of this structure.
        0x08 struct_size: u32,
        /// Width of the table below: 32 or 64.
        0x0c width: u32,
        /// ELF `e_machine` of the code that is to run.
        0x10 isa: u32,
        /// Of `flags::startup`.
        0x14 flags: u32,
        /// Address of the table of downcalls.
        0x18 downcall_table: u64,
        /// Downcalls in the table: 45.
        0x20 count: u32,
        /// Bytes of an entry: 4 or 8.
        0x24 entry_size: u32,
        /// Where to store the `UpcallTable`.
        0x28 upcall_slot: u64,
        /// Where the image lies.
        0x30 image_base: u64,
        /// Bytes of the image.
        0x38 image_size: u64,
        /// First address that may be used.
        0x40 addr_min: u64,
        /// First address that may not.
        0x48 addr_max: u64,
        /// Bytes of a page.
        0x50 page_size: u32,
        /// Alignment of reservations.
        0x54 alloc_granularity: u32,
        /// Address of `AddressRange`s inside that are taken.
        0x58 reserved_ranges: u64,
        /// Their number.
        0x60 reserved_range_count: u32,
        /// 0.
        0x64 reserved0: u32,
        /// Address of an array of handles, as the parent listed them.
        0x68 inherited_handles: u64,
        /// Their number.
        0x70 inherited_handle_count: u32,
        /// 0.
        0x74 reserved1: u32,
        /// Standard input.
        0x78 stdin: Handle,
        /// Standard output.
        0x7c stdout: Handle,
        /// Where `DebugStringPrint` goes, or none.
        0x80 debug: Handle,
        /// The channel to the parent, or none.
        0x84 parent_channel: Handle,
        /// This process.
        0x88 self_process: Handle,
        /// The thread that runs now.
        0x8c first_thread: Handle,
        /// The manifest, to read, or none.
        0x90 manifest: Handle,
        /// The image to load next, to read, or none.
        0x94 next_image: Handle,
        /// Address of the arguments: strings, each ended by a zero byte.
        0x98 args: u64,
        /// Their bytes, zeros included.
        0xa0 args_bytes: u32,
        /// Their number.
        0xa4 argc: u32,
        /// Address of the environment, in the same form.
        0xa8 env: u64,
        /// Its bytes.
        0xb0 env_bytes: u32,
        /// Its number.
        0xb4 envc: u32,
        /// Address of an array of `ConfigEntry`.
        0xb8 config: u64,
        /// Its bytes.
        0xc0 config_bytes: u32,
        /// How many layers lie below.
        0xc4 layer_index: u32,
        /// Address of the URIs still to load, each ended by a zero byte.
        0xc8 layers: u64,
        /// Their bytes.
        0xd0 layers_bytes: u32,
        /// Their number.
        0xd4 layer_count: u32,
        /// The host's features: `AT_HWCAP`, or 0.
        0xd8 cpu_features: u64,
        /// 0, or the upper features: `AT_HWCAP2`.
        0xe0 cpu_features2: u32,
        /// Processors.
        0xe4 cpu_count: u32,
        /// Bytes of memory that may be committed, or ~0.
        0xe8 memory_quota: u64,
        /// The monotonic clock at the start of the command.
        0xf0 monotonic_origin: u64,
        /// Names this run.
        0xf8 instance_id: [u8; 16],
        /// Lowest address of the first thread's upcall stack, or 0.
        0x108 upcall_base: u64,
        /// Its bytes.
        0x110 upcall_size: u64,
        /// Standard error.
        0x118 stderr: Handle,
        /// 0.
        0x11c reserved2: u32,
    }

    /// What a layer registers at `Startup::upcall_slot`.
    pub struct UpcallTable = 24 {
        /// Bytes of this structure.
        0x00 size: u32,
        /// 1.
        0x04 version: u32,
        /// Address of `LibOsThreadStart`.
        0x08 thread_start: u64,
        /// Address of `LibOsExceptionDispatch`.
        0x10 exception_dispatch: u64,
    }

    /// A range of addresses.
    pub struct AddressRange = 16 {
        /// First address.
        0x00 base: u64,
        /// Bytes.
        0x08 size: u64,
    }

    /// A named item of the configuration: an optional group's table, the clock page, a blob.
    pub struct ConfigEntry = 48 {
        /// The name, padded with zeros.
        0x00 name: [u8; 24],
        /// The version of what it names.
        0x18 version: u32,
        /// 0.
        0x1c reserved: u32,
        /// Its address.
        0x20 address: u64,
        /// Its bytes.
        0x28 bytes: u64,
    }

    /// The clock page (configuration entry `clock-page`), read-only, valid while `seq` is even and unchanged.
    pub struct ClockPage = 40 {
        /// Odd while being written.
        0x00 seq: u32,
        /// Shift of the product.
        0x04 shift: u32,
        /// Counter value the rest belongs to.
        0x08 tsc_origin: u64,
        /// ns = (counter − origin) × mult >> shift.
        0x10 mult: u64,
        /// Monotonic ns at the origin.
        0x18 mono: u64,
        /// Wall ns at the origin.
        0x20 wall: u64,
    }
}

impl ConfigEntry {
    /// An entry of that name; a name longer than 24 bytes is cut.
    #[must_use]
    pub fn new(name: &str, version: u32, address: u64, bytes: u64) -> Self {
        let mut field = [0; 24];
        for (to, from) in field.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Self { name: field, version, reserved: 0, address, bytes }
    }

    /// The name, without its padding; empty where it is not UTF-8.
    #[must_use]
    pub fn name(&self) -> &str {
        let end = self.name.iter().position(|&b| b == 0).unwrap_or(self.name.len());
        core::str::from_utf8(self.name.get(..end).unwrap_or(&[])).unwrap_or("")
    }

    /// Whether the entry names `name`, version `version` or newer.
    #[must_use]
    pub fn is(&self, name: &str, version: u32) -> bool {
        self.name() == name && self.version >= version
    }
}
