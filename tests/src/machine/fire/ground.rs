//! Guest memory that counts accesses and loses a page at the access it is told.
//!
//! While the ground is *barred*, translated code can reach no page of it: every access traps (see [`super::trap`]) and is
//! counted, and so are those that the engine makes for the guest. At the one that was asked for, its page goes: from then on
//! it is not mapped, or cannot be written, for everybody.

use super::super::guest_memory;
use super::super::window::HostWindow;
use crate::case::{Case, Patch};
use crate::layout::{PAGE, WINDOWS, window_at};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr, GuestMemory, Resolution, Watch};
use std::io;

/// A page that went, and what is left of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Its number.
    pub page: u32,
    /// Whether it can still be read.
    pub readable: bool,
}

impl Gone {
    const fn pack(self) -> u32 {
        1 << 31 | (self.readable as u32) << 30 | self.page
    }

    const fn unpack(word: u32) -> Option<Self> {
        if word == 0 { None } else { Some(Self { page: word & 0xf_ffff, readable: word >> 30 & 1 != 0 }) }
    }
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) window: HostWindow,
    /// What the writable windows hold before any case.
    blank: Vec<Patch>,
    barred: AtomicBool,
    /// Accesses until the page of one goes; 0 when none is to.
    countdown: AtomicU64,
    /// A packed [`Gone`], or 0.
    gone: AtomicU32,
    /// Whether a page that goes at a write stays readable.
    mild: AtomicBool,
    /// Whether the page went at an access that the engine made for the guest.
    late: AtomicBool,
    /// The last byte that the engine accessed for the guest.
    last: AtomicU64,
}

impl Ground {
    pub(super) fn new() -> io::Result<Self> {
        let window = HostWindow::new()?;
        Ok(Self {
            blank: window.writable(),
            window,
            barred: AtomicBool::new(false),
            countdown: AtomicU64::new(0),
            gone: AtomicU32::new(0),
            mild: AtomicBool::new(false),
            late: AtomicBool::new(false),
            last: AtomicU64::new(0),
        })
    }

    /// Puts a case in place of another; what the writable windows hold then.
    pub(super) fn replace(&self, old: &Case, new: &Case) -> Vec<Patch> {
        self.window.end(old, &self.writable());
        self.window.restore(&self.blank);
        self.window.begin(new)
    }

    /// Bars all pages; the page of the `n`-th access goes, if n is not 0.
    pub(super) fn bar(&self, n: u64, mild: bool) {
        self.barred.store(true, SeqCst);
        self.countdown.store(n, SeqCst);
        self.mild.store(mild, SeqCst);
        self.late.store(false, SeqCst);
        self.last.store(u64::MAX >> 1, SeqCst);
        each_page(|_, at| self.window.protect(at, libc::PROT_NONE));
    }

    /// Lets everything be reached again.
    pub(super) fn open(&self) {
        self.barred.store(false, SeqCst);
        self.countdown.store(0, SeqCst);
        self.gone.store(0, SeqCst);
        each_page(|w, at| self.window.protect(at, self.window.protection(w, at)));
    }

    pub(super) fn is_barred(&self) -> bool {
        self.barred.load(SeqCst)
    }

    /// Accesses that are left until a page goes.
    pub(super) fn left(&self) -> u64 {
        self.countdown.load(SeqCst)
    }

    /// Whether it went in the middle of an instruction, perhaps: the engine made the access for it.
    pub(super) fn is_late(&self) -> bool {
        self.late.load(SeqCst)
    }

    /// Which page went.
    pub(super) fn gone(&self) -> Option<Gone> {
        Gone::unpack(self.gone.load(SeqCst))
    }

    /// Makes a page go now.
    pub(super) fn lose(&self, gone: Option<Gone>) {
        self.gone.store(gone.map_or(0, Gone::pack), SeqCst);
    }

    /// Counts an access; whether its page went with it. Async-signal-safe.
    pub(super) fn count(&self, at: u32, write: bool) -> bool {
        if self.countdown.load(SeqCst) == 0 || self.countdown.fetch_sub(1, SeqCst) != 1 {
            return false;
        }
        self.lose(Some(Gone { page: at / PAGE, readable: write && self.mild.load(SeqCst) }));
        true
    }

    fn byte(&self, at: u32, access: Access) -> Result<&AtomicU8, Fault> {
        let cell = self.window.byte(at, access)?;
        if access == Access::Execute {
            return Ok(cell);
        }
        let write = access == Access::Write;
        if self.countdown.load(SeqCst) != 0 {
            // The bytes of one access follow each other, and some are looked at before they are written.
            let last = self.last.swap(at.into(), SeqCst);
            if u64::from(at).wrapping_add(16).wrapping_sub(last) > 17 {
                self.late.store(self.count(at, write), SeqCst);
            }
        }
        match self.gone() {
            Some(gone) if gone.page == at / PAGE && (write || !gone.readable) => {
                let kind = if gone.readable { FaultKind::Protection } else { FaultKind::NotMapped };
                Err(Fault { addr: GuestAddr(at), access, kind })
            }
            _ => Ok(cell),
        }
    }

    pub(super) fn writable(&self) -> Vec<Patch> {
        self.window.writable()
    }
}

fn each_page(mut f: impl FnMut(usize, u32)) {
    for (w, window) in WINDOWS.iter().enumerate() {
        (window.base..window.end()).step_by(PAGE as usize).for_each(|at| f(w, at));
    }
}

guest_memory! {
    Ground;
    fn watch_code(&self, page: u32) -> Watch {
        let watch = self.window.watch_code(page);
        if self.is_barred() && window_at(page * PAGE).is_some() {
            self.window.protect(page * PAGE, libc::PROT_NONE);
        }
        watch
    }
    fn window_base(&self) -> Option<u64> {
        self.window.window_base()
    }
    fn timestamp(&self) -> u64 {
        0
    }
    fn random(&self) -> Option<u32> {
        None
    }
}
