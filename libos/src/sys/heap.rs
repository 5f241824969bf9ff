//! The allocator: size classes below half a page chunk, page runs above.
//!
//! Memory comes in chunks from the layer below, at addresses of our own choice from [`HEAP_BASE`] upwards, and is
//! kept. Free blocks of a class and free page runs form singly linked lists inside the free memory itself.

use core::alloc::{GlobalAlloc, Layout};

use pal_abi::Pal as _;
use pal_abi::flags::{alloc, prot};

use super::lock::Lock;
use super::tables::pal;
use crate::layout::{HEAP_BASE, HEAP_END, PAGE};

const MIN_SHIFT: u32 = 4;
const MAX_SHIFT: u32 = 11;
const CLASSES: usize = (MAX_SHIFT - MIN_SHIFT + 1) as usize;
const GROWTH: u32 = 64 * 1024;

/// A free run of pages: stands at its beginning.
struct Run {
    pages: u32,
    next: usize,
}

struct Heap {
    free: [usize; CLASSES],
    runs: usize,
    end: u32,
}

static HEAP: Lock<Heap> = Lock::new(Heap { free: [0; CLASSES], runs: 0, end: HEAP_BASE });

fn word(addr: usize) -> *mut usize {
    core::ptr::with_exposed_provenance_mut(addr)
}

fn run(addr: usize) -> *mut Run {
    core::ptr::with_exposed_provenance_mut(addr)
}

impl Heap {
    fn class(layout: Layout) -> Option<usize> {
        let size = layout.size().max(layout.align()).next_power_of_two().max(1 << MIN_SHIFT);
        let shift = size.trailing_zeros();
        (shift <= MAX_SHIFT).then(|| (shift - MIN_SHIFT) as usize)
    }

    fn small(&mut self, class: usize) -> Option<usize> {
        if self.free[class] == 0 {
            let size = 1usize << (class as u32 + MIN_SHIFT);
            let page = self.pages(1)?;
            for at in (page..page + PAGE as usize).step_by(size) {
                // SAFETY: the block lies in a page that belongs to this class now.
                unsafe { word(at).write(self.free[class]) };
                self.free[class] = at;
            }
        }
        let block = self.free[class];
        // SAFETY: a free block begins with the address of the next.
        self.free[class] = unsafe { word(block).read() };
        Some(block)
    }

    fn pages(&mut self, pages: u32) -> Option<usize> {
        let mut link = &raw mut self.runs;
        loop {
            // SAFETY: `link` is the list head or the link of a free run.
            let at = unsafe { link.read() };
            if at == 0 {
                break;
            }
            // SAFETY: `at` is a free run.
            let found = unsafe { run(at).read() };
            if found.pages >= pages {
                let rest = found.pages - pages;
                // The tail is handed out, so the run keeps its place in the list.
                if rest == 0 {
                    // SAFETY: as above.
                    unsafe { link.write(found.next) };
                } else {
                    // SAFETY: as above.
                    unsafe { run(at).write(Run { pages: rest, next: found.next }) };
                }
                return Some(at + (rest * PAGE) as usize);
            }
            // SAFETY: `at` is a free run.
            link = unsafe { &raw mut (*run(at)).next };
        }
        let bytes = (pages * PAGE).next_multiple_of(GROWTH);
        if bytes > HEAP_END - self.end {
            return None;
        }
        let (mut base, mut size) = (self.end as usize, bytes as usize);
        pal()
            .virtual_memory_allocate(
                (&mut base).into(),
                (&mut size).into(),
                alloc::RESERVE | alloc::COMMIT,
                prot::READ | prot::WRITE,
            )
            .ok()?;
        self.end += bytes;
        let rest = bytes / PAGE - pages;
        if rest > 0 {
            self.free_pages(base + (pages * PAGE) as usize, rest);
        }
        Some(base)
    }

    /// Puts a run back, in address order, joined with its neighbours.
    fn free_pages(&mut self, addr: usize, pages: u32) {
        let mut link = &raw mut self.runs;
        let mut before = 0;
        loop {
            // SAFETY: `link` is the list head or the link of a free run.
            let at = unsafe { link.read() };
            if at == 0 || at > addr {
                break;
            }
            before = at;
            // SAFETY: `at` is a free run.
            link = unsafe { &raw mut (*run(at)).next };
        }
        // SAFETY: as in the loop.
        let after = unsafe { link.read() };
        let mut new = Run { pages, next: after };
        if after != 0 && addr + (pages * PAGE) as usize == after {
            // SAFETY: `after` is a free run.
            let joined = unsafe { run(after).read() };
            new = Run { pages: pages + joined.pages, next: joined.next };
        }
        if before != 0 {
            // SAFETY: `before` is a free run.
            let previous = unsafe { run(before).read() };
            if before + (previous.pages * PAGE) as usize == addr {
                // SAFETY: as above.
                unsafe { run(before).write(Run { pages: previous.pages + new.pages, next: new.next }) };
                return;
            }
        }
        // SAFETY: the pages are free now, and a run fits in one.
        unsafe { run(addr).write(new) };
        // SAFETY: as in the loop.
        unsafe { link.write(addr) };
    }
}

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: blocks are disjoint, aligned to their class or to a page, and kept until freed.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > PAGE as usize || layout.size() > (HEAP_END - HEAP_BASE) as usize {
            return core::ptr::null_mut();
        }
        let mut heap = HEAP.lock();
        let found = match Heap::class(layout) {
            Some(class) => heap.small(class),
            None => heap.pages((layout.size() as u32).div_ceil(PAGE)),
        };
        core::ptr::with_exposed_provenance_mut(found.unwrap_or(0))
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let mut heap = HEAP.lock();
        let addr = block.expose_provenance();
        match Heap::class(layout) {
            Some(class) => {
                // SAFETY: the block is free now, and at least a word long.
                unsafe { word(addr).write(heap.free[class]) };
                heap.free[class] = addr;
            }
            None => heap.free_pages(addr, (layout.size() as u32).div_ceil(PAGE)),
        }
    }
}
