//! The windows of [`crate::layout`] as a plain [`GuestMemory`].

use crate::case::{Case, Patch, changed_runs};
use crate::layout::{PAGE, WINDOWS, Window, window_at};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr, GuestMemory, Resolution, Watch};

/// Memory of one processor. It is `Sync` because the trait asks for it; accesses of several bytes are not atomic, and no
/// test shares it between threads.
#[derive(Debug)]
pub struct Ram {
    bytes: Vec<Vec<AtomicU8>>,
    /// One bit for each page, counted over all windows, that was written since the last case.
    written: AtomicU64,
    clock: AtomicU64,
}

impl Default for Ram {
    fn default() -> Self {
        let bytes =
            WINDOWS.map(|w| (0..w.len()).map(|_| AtomicU8::new(w.fill())).collect()).into_iter().collect();
        Self { bytes, written: AtomicU64::new(0), clock: AtomicU64::new(0) }
    }
}

fn allows(w: &Window, access: Access) -> bool {
    match access {
        Access::Read => true,
        Access::Write => w.allow.write,
        Access::Execute => w.allow.execute,
    }
}

impl Ram {
    fn byte(&self, at: u32, access: Access) -> Result<&AtomicU8, Fault> {
        let fault = |kind| Fault { addr: GuestAddr(at), access, kind };
        let w = window_at(at).ok_or_else(|| fault(FaultKind::NotMapped))?;
        if !allows(&WINDOWS[w], access) {
            return Err(fault(FaultKind::Protection));
        }
        if access == Access::Write {
            let before: u32 = WINDOWS[..w].iter().map(|w| w.pages).sum();
            self.written.fetch_or(1 << (before + (at - WINDOWS[w].base) / PAGE), Relaxed);
        }
        Ok(&self.bytes[w][(at - WINDOWS[w].base) as usize])
    }

    fn set(&self, at: u32, bytes: &[u8]) {
        for (i, b) in (0..).zip(bytes) {
            if let Ok(cell) = self.byte(at.wrapping_add(i), Access::Read) {
                cell.store(*b, Relaxed);
            }
        }
    }

    /// Puts a case's contents in place.
    pub(super) fn begin(&self, case: &Case) {
        for (at, bytes) in case.contents() {
            // As on the hardware, what runs over a window's edge is dropped.
            let room = window_at(at).map_or(0, |w| WINDOWS[w].end() - at) as usize;
            self.set(at, &bytes[..bytes.len().min(room)]);
        }
    }

    /// What the case changed; then everything is filled anew.
    pub(super) fn end(&self, case: &Case) -> Vec<Patch> {
        let written = self.written.swap(0, Relaxed);
        let mut out = Vec::new();
        let mut page = 0;
        for (w, cells) in WINDOWS.iter().zip(&self.bytes) {
            for (base, cells) in (w.base..).step_by(PAGE as usize).zip(cells.chunks(PAGE as usize)) {
                if written >> page & 1 != 0 {
                    let now: Vec<u8> = cells.iter().map(|c| c.load(Relaxed)).collect();
                    changed_runs(base, &initial(case, w, base), &now, &mut out);
                    cells.iter().for_each(|c| c.store(w.fill(), Relaxed));
                }
                page += 1;
            }
        }
        join(&mut out);
        for (at, len) in case.contents().map(|(at, b)| (at, b.len())) {
            let fill = window_at(at).map_or(0, |w| WINDOWS[w].fill());
            self.set(at, &vec![fill; len]);
        }
        out
    }
}

/// What a page holds when the case begins.
fn initial(case: &Case, w: &Window, base: u32) -> Vec<u8> {
    let mut page = vec![w.fill(); PAGE as usize];
    for (at, bytes) in case.contents() {
        for (at, b) in (at..).zip(bytes).filter(|(at, _)| w.contains(*at)) {
            if let Some(slot) = page.get_mut(at.wrapping_sub(base) as usize) {
                *slot = *b;
            }
        }
    }
    page
}

/// Joins runs that meet at a page's edge.
fn join(runs: &mut Vec<Patch>) {
    runs.dedup_by(|next, run| {
        let meets = run.at.wrapping_add(run.bytes.len() as u32) == next.at && next.at % PAGE == 0;
        if meets {
            run.bytes.append(&mut next.bytes);
        }
        meets
    });
}

super::guest_memory! {
    Ram;
    fn watch_code(&self, _page: u32) -> Watch {
        Watch::Unwatchable
    }
    fn window_base(&self) -> Option<u64> {
        None
    }
    fn timestamp(&self) -> u64 {
        self.clock.fetch_add(1, Relaxed)
    }
    fn random(&self) -> Option<u32> {
        None
    }
}
