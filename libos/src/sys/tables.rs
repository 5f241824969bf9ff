//! The tables of downcalls, found once at start.

use core::sync::atomic::{AtomicUsize, Ordering};

use pal_abi::{
    Cloning, CloningTable, ConfigEntry, Family, FamilyTable, HandlePassing, HandlePassingTable, Nodes,
    NodesTable, PalTable, Sockets, SocketsTable, WordWait, WordWaitTable,
};

static CORE: AtomicUsize = AtomicUsize::new(0);

macro_rules! optional {
    ($($(#[$doc:meta])* $function:ident, $cell:ident: $table:ident as $group:ident;)*) => {
        $(
            static $cell: AtomicUsize = AtomicUsize::new(0);
            $(#[$doc])*
            #[must_use]
            pub fn $function() -> &'static dyn $group {
                // SAFETY: the cell holds 0 or what the layer below gave as this group's table.
                match unsafe { $table::at($cell.load(Ordering::Relaxed)) } {
                    Some(table) => table,
                    None => &pal_abi::Unsupported,
                }
            }
        )*

        fn note_group(entry: &ConfigEntry, address: usize) {
            $(if entry.is($table::NAME, $table::HEADER.version) { $cell.store(address, Ordering::Relaxed); })*
        }
    };
}

optional! {
    /// Blocking on a word.
    words, WORDS: WordWaitTable as WordWait;
    /// Sending handles.
    passing, PASSING: HandlePassingTable as HandlePassing;
    /// Copying this process.
    cloning, CLONING: CloningTable as Cloning;
    /// Names and attributes of files.
    nodes, NODES: NodesTable as Nodes;
    /// The processes of one command.
    family, FAMILY: FamilyTable as Family;
    /// Sockets.
    sockets, SOCKETS: SocketsTable as Sockets;
}

/// The 45 downcalls.
#[must_use]
pub fn pal() -> &'static PalTable {
    static NONE: PalTable = PalTable::UNSUPPORTED;
    // SAFETY: the cell holds 0 or the table of the start-up block.
    unsafe { PalTable::at(CORE.load(Ordering::Relaxed)) }.unwrap_or(&NONE)
}

/// Notes the tables of the start-up block.
///
/// # Safety
/// `core` and the addresses of the entries come from the layer below.
pub unsafe fn install(core: usize, config: &[ConfigEntry]) {
    CORE.store(core, Ordering::Relaxed);
    for entry in config {
        if let Ok(address) = usize::try_from(entry.address) {
            note_group(entry, address);
        }
    }
}
