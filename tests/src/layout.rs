//! The guest memory that every test case runs in: a few small windows, nothing else is mapped.
//!
//! The windows are the same on the hardware and on every implementation. Their neighbours are unmapped, so that an
//! access over an edge faults. Unless a case says otherwise code windows hold `INT3` and the others hold zeros: control
//! that leaves the case's code ends it with #BP.

/// Bytes in a page.
pub const PAGE: u32 = 4096;

/// Which accesses a page allows. Every mapped page can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allow {
    /// Data writes.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

/// Adjoining pages of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Short name for reports.
    pub name: &'static str,
    /// First address.
    pub base: u32,
    /// Number of pages.
    pub pages: u32,
    /// What they allow.
    pub allow: Allow,
}

impl Window {
    /// Size in bytes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.pages * PAGE
    }
    /// Never: a window has at least one page.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pages == 0
    }
    /// First address behind the window.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.base + self.len()
    }
    /// Whether the address lies inside.
    #[must_use]
    pub const fn contains(&self, at: u32) -> bool {
        at >= self.base && at < self.end()
    }
    /// What an untouched byte of the window holds.
    #[must_use]
    pub const fn fill(&self) -> u8 {
        if self.allow.execute { INT3 } else { 0 }
    }
}

/// The opcode of `INT3`.
pub const INT3: u8 = 0xcc;

const DATA_ONLY: Allow = Allow { write: true, execute: false };
const READ_ONLY: Allow = Allow { write: false, execute: false };

/// Reachable by 16-bit addresses. Present only where the kernel's `mmap_min_addr` allows it.
pub const LOW: Window = Window { name: "low", base: 0x8000, pages: 2, allow: DATA_ONLY };
/// Code, not writable.
pub const CODE: Window =
    Window { name: "code", base: 0x1000_0000, pages: 2, allow: Allow { write: false, execute: true } };
/// Ordinary data.
pub const DATA: Window = Window { name: "data", base: 0x2000_0000, pages: 2, allow: DATA_ONLY };
/// A writable page, directly followed by [`CONST`].
pub const MIXED: Window = Window { name: "mixed", base: 0x2200_0000, pages: 1, allow: DATA_ONLY };
/// A page that cannot be written.
pub const CONST: Window = Window { name: "const", base: 0x2200_1000, pages: 1, allow: READ_ONLY };
/// Where ESP points, as a rule.
pub const STACK: Window = Window { name: "stack", base: 0x3000_0000, pages: 2, allow: DATA_ONLY };
/// Where GS points: see [`GS_BASE`].
pub const TLS: Window = Window { name: "tls", base: 0x4000_0000, pages: 1, allow: DATA_ONLY };
/// Code that may be modified.
pub const SELF: Window =
    Window { name: "self", base: 0x5000_0000, pages: 2, allow: Allow { write: true, execute: true } };
/// Data at an address whose top bit is set.
pub const HIGH: Window = Window { name: "high", base: 0xf000_0000, pages: 1, allow: DATA_ONLY };

/// All windows by ascending address.
pub const WINDOWS: [Window; 9] = [LOW, CODE, DATA, MIXED, CONST, STACK, TLS, SELF, HIGH];

/// Base of the segment in GS: the middle of [`TLS`].
pub const GS_BASE: u32 = TLS.base + 0x800;
/// The selector in GS: the first thread-local descriptor of the GDT.
pub const GS_SELECTOR: u16 = 0x63;

/// The window that holds an address.
#[must_use]
pub fn window_at(at: u32) -> Option<usize> {
    WINDOWS.iter().position(|w| w.contains(at))
}
