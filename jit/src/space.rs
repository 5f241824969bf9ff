//! One generation of translated code: the arena, the tables that lead into it, and the books about what is in it.
//!
//! A space is never emptied: when its arena is full, or its [`Basis`] changes, or stale code in it cannot be made
//! unreachable, the engine takes a new one, and the old is dropped when the last thread has left it.

use crate::JitError;
use crate::clif::Kept;
use crate::code::{CodeArena, CodeMemory};
use crate::compile::Code;
use crate::fault::FaultIndex;
use crate::link::{self, Link, Medium};
use crate::lookup::LookupTable;
use crate::origin::Origin;
use crate::region::GuestRegion;
use crate::slots::{SLOTS, Slots};
use frontend_x86::cpuid::Profile;
use frontend_x86::engine::MemoryOrder;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What all code in a space was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Basis {
    pub(crate) order: MemoryOrder,
    /// The processor that the bytes were decoded for.
    pub(crate) profile: Profile,
}

/// See the module head.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) arena: CodeArena,
    pub(crate) lookup: LookupTable,
    pub(crate) faults: FaultIndex,
    pub(crate) slots: Slots,
    pub(crate) basis: Basis,
    books: Mutex<Books>,
}

impl Space {
    pub(crate) fn new(memory: &dyn CodeMemory, bytes: usize, basis: Basis) -> Result<Self, JitError> {
        Ok(Self {
            arena: CodeArena::new(memory, bytes)?,
            lookup: LookupTable::new(),
            faults: FaultIndex::new(),
            slots: Slots::new(),
            basis,
            books: Mutex::default(),
        })
    }

    fn medium(&self) -> Medium<'_> {
        Medium { arena: &self.arena, slots: &self.slots }
    }

    /// What is in it. For whoever holds the engine's lock, so nobody ever waits here.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A region that may be entered.
#[derive(Debug)]
struct Region {
    offset: u32,
    pages: BTreeSet<u32>,
    instructions: usize,
    /// Its own exits.
    exits: Range<u32>,
    /// Exits of any region that are linked to this one.
    incoming: Vec<u32>,
    origin: Origin,
}

/// What is in a space. Kept under the engine's lock.
#[derive(Debug, Default)]
pub(crate) struct Books {
    regions: HashMap<u32, Region>,
    /// Regions that were removed, the last one at each address: their code is still there, and good again when the guest's
    /// bytes are.
    dormant: HashMap<u32, Region>,
    by_page: HashMap<u32, HashSet<u32>>,
    exits: Vec<Link>,
    /// Instructions that published code refers to by address; kept as long as the code.
    insns: Vec<Kept>,
}

impl Books {
    /// The code for `eip`.
    pub(crate) fn find(&self, eip: u32) -> Option<u32> {
        self.regions.get(&eip).map(|r| r.offset)
    }

    /// Number of instructions in the region at `eip`.
    pub(crate) fn instructions(&self, eip: u32) -> Option<usize> {
        self.regions.get(&eip).map(|r| r.instructions)
    }

    /// Puts compiled code at its place and makes it reachable at `eip`; false if the space is full.
    pub(crate) fn publish(
        &mut self,
        space: &Space,
        eip: u32,
        region: &GuestRegion,
        origin: &Origin,
        code: &mut Code,
    ) -> bool {
        if !space.faults.has_room() || self.exits.len() + code.exits.len() > SLOTS {
            return false;
        }
        let size = code.bytes.len().next_multiple_of(crate::code::ALIGNMENT);
        let first_exit = u32::try_from(self.exits.len()).expect("far fewer exits than 2^32");
        let stubs = code.sites.len() * link::STUB_BYTES;
        let Some(offset) = space.arena.reserve(size + stubs) else { return false };
        let mut bytes = code.bytes.clone();
        bytes.resize(size, 0);
        let mut links: Vec<Link> = code.exits.iter().map(|&target| Link::absent(target, eip)).collect();
        for (n, site) in code.sites.iter().enumerate() {
            let stub = u32::try_from(size + n * link::STUB_BYTES).expect("a region is small");
            let number = first_exit + site.exit;
            bytes.extend(link::stub_code(number));
            links[site.exit as usize].place(offset + site.offset, offset + stub);
            link::direct(&mut bytes, site.offset, stub);
            space.slots.set(number, link::tail(&space.arena, offset + stub));
        }
        let exits = first_exit..first_exit + u32::try_from(links.len()).expect("a region is small");
        let end = offset + u32::try_from(size).expect("a region is small");
        space.arena.publish(offset, &bytes);
        space.faults.append(offset, end, std::mem::take(&mut code.faults));
        self.exits.append(&mut links);
        self.insns.append(&mut code.insns);
        let region = Region {
            offset,
            pages: region.pages.clone(),
            instructions: region.instructions(),
            exits,
            incoming: Vec::new(),
            origin: origin.clone(),
        };
        self.enter(space, eip, region);
        true
    }

    /// Makes a region reachable.
    fn enter(&mut self, space: &Space, eip: u32, region: Region) {
        for &page in &region.pages {
            self.by_page.entry(page).or_default().insert(eip);
        }
        space.lookup.insert(eip, region.offset);
        self.regions.insert(eip, region);
    }

    /// Where an exit leads.
    pub(crate) fn target(&self, exit: u32) -> u32 {
        self.exits[exit as usize].target
    }

    /// Links an exit to the region at its target, if there is one; the code there.
    pub(crate) fn link(&mut self, space: &Space, exit: u32) -> Option<u32> {
        let link = &mut self.exits[exit as usize];
        let region = self.regions.get_mut(&link.target)?;
        if link.connect(space.medium(), exit, region.offset) {
            region.incoming.push(exit);
        }
        Some(region.offset)
    }

    /// Makes every region on these pages unreachable.
    pub(crate) fn remove_pages(&mut self, space: &Space, first: u32, pages: u32) -> Removal {
        let end = first.saturating_add(pages);
        let hit: Vec<u32> = if (pages as usize) < self.by_page.len() {
            (first..end).filter(|p| self.by_page.contains_key(p)).collect()
        } else {
            self.by_page.keys().copied().filter(|p| (first..end).contains(p)).collect()
        };
        let eips: BTreeSet<u32> = hit.iter().flat_map(|p| self.by_page[p].iter().copied()).collect();
        if eips.is_empty() {
            return Removal::Nothing;
        }
        let incoming: Vec<u32> = eips.iter().flat_map(|eip| self.remove(space, *eip)).collect();
        let mut removal = Removal::Done;
        // Exits of what is itself removed may lead anywhere: nobody comes to them.
        for exit in incoming {
            if self.is_live(exit) && !self.exits[exit as usize].disconnect(space.medium(), exit) {
                removal = Removal::StillReachable;
            }
        }
        removal
    }

    /// Whether the region that an exit belongs to is still there.
    fn is_live(&self, exit: u32) -> bool {
        self.regions.get(&self.exits[exit as usize].owner).is_some_and(|region| region.exits.contains(&exit))
    }

    /// Takes a region off the books; the exits that are linked to it.
    fn remove(&mut self, space: &Space, eip: u32) -> Vec<u32> {
        let Some(mut region) = self.regions.remove(&eip) else { return Vec::new() };
        space.lookup.remove(eip);
        for page in &region.pages {
            if let Some(on_page) = self.by_page.get_mut(page) {
                on_page.remove(&eip);
                if on_page.is_empty() {
                    self.by_page.remove(page);
                }
            }
        }
        let incoming = std::mem::take(&mut region.incoming);
        self.dormant.insert(eip, region);
        incoming
    }

    /// What would have to wake together with the dormant region at `eip`, itself included: all that its branches in
    /// sealed code lead to. `None` if there is none, or one of those is no more.
    pub(crate) fn sleepers(&self, space: &Space, eip: u32) -> Option<Vec<Sleeper>> {
        let mut sleepers: Vec<Sleeper> = Vec::new();
        let mut todo = vec![(eip, self.dormant.get(&eip)?.offset)];
        while let Some((eip, offset)) = todo.pop() {
            let known = |offset_there: u32| offset_there == offset;
            if self.regions.get(&eip).is_some_and(|region| known(region.offset))
                || sleepers.iter().any(|s| s.eip == eip && known(s.offset))
            {
                continue;
            }
            let region = self.dormant.get(&eip).filter(|region| known(region.offset))?;
            // Two regions at one address cannot both be reachable.
            if self.regions.contains_key(&eip) {
                return None;
            }
            sleepers.push(Sleeper { eip, offset, origin: region.origin.clone() });
            let links = region.exits.clone().map(|exit| &self.exits[exit as usize]);
            todo.extend(links.filter_map(|link| Some((link.target, link.fixed_to(&space.arena)?))));
        }
        Some(sleepers)
    }

    /// Makes dormant regions reachable whose bytes were found unchanged; false if the books have changed meanwhile.
    pub(crate) fn wake(&mut self, space: &Space, sleepers: Vec<Sleeper>) -> bool {
        let sleeps = |s: &Sleeper| {
            self.dormant.get(&s.eip).is_some_and(|region| region.offset == s.offset)
                && !self.regions.contains_key(&s.eip)
        };
        if !sleepers.iter().all(sleeps) {
            return false;
        }
        let mut fixed = Vec::new();
        for Sleeper { eip, .. } in sleepers {
            let Some(region) = self.dormant.remove(&eip) else { continue };
            for exit in region.exits.clone() {
                let link = &mut self.exits[exit as usize];
                if !link.disconnect(space.medium(), exit) {
                    fixed.push((link.target, exit));
                }
            }
            self.enter(space, eip, region);
        }
        for (target, exit) in fixed {
            if let Some(region) = self.regions.get_mut(&target) {
                region.incoming.push(exit);
            }
        }
        true
    }
}

/// A dormant region, as [`Books::sleepers`] names it.
#[derive(Debug)]
pub(crate) struct Sleeper {
    eip: u32,
    offset: u32,
    pub(crate) origin: Origin,
}

/// What became of regions that are to be unreachable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Removal {
    /// There were none.
    Nothing,
    /// Nothing leads to them any more.
    Done,
    /// Sealed code still leads to one: the space must be left.
    StillReachable,
}
