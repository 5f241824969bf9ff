//! The string instructions: MOVS, CMPS, STOS, LODS, SCAS with every prefix. SDM vol. 1, 7.3.9; vol. 2B, "REP".
//!
//! Each iteration commits: after a fault the registers stand at the element that faulted. Runs of elements that lie
//! within one page on both sides go through [`GuestMemory::read_bytes`] and [`GuestMemory::write_bytes`] where the
//! result is the same as element by element; a run that faults is redone element by element to find its fault.

#![expect(clippy::cast_possible_truncation, reason = "elements are cut to their width on purpose")]

use crate::emit::{Rep, StringInsn, StringOp, Width};
use crate::engine::Exception;
use crate::flags::{FlagRule, LazyFlags};
use crate::memory::{Fault, GuestAddr, GuestMemory};
use crate::state::{CpuState, Gpr, Segment, eflags};

/// Elements after which an unfinished instruction is left and started again, so that interrupts are seen.
const PATIENCE: u32 = 1 << 16;
/// Bytes moved at once.
const RUN: u32 = 512;

/// How far a string instruction came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// To its end.
    Finished,
    /// Not to its end: execute it again.
    Unfinished,
    /// To an element that faulted.
    Fault(Exception),
}

/// Executes a string instruction: all of it, or as much as is bounded. With TF set, one iteration.
pub fn string<M: GuestMemory + ?Sized>(cpu: &mut CpuState, memory: &M, s: StringInsn) -> Progress {
    let mut run = Run::new(cpu, memory, s);
    if s.rep == Rep::Once {
        return match run.element() {
            Ok(_) => Progress::Finished,
            Err(exception) => Progress::Fault(exception),
        };
    }
    let mut patience = if run.cpu.eflags & eflags::TF != 0 { 1 } else { PATIENCE };
    while run.count() != 0 {
        if patience == 0 {
            return Progress::Unfinished;
        }
        let done = run.bulk(patience);
        if done > 0 {
            patience -= done;
        } else if let Err(exception) = run.counted_element() {
            return Progress::Fault(exception);
        } else {
            patience -= 1;
        }
        if run.compare_ended() {
            break;
        }
    }
    Progress::Finished
}

struct Run<'a, M: GuestMemory + ?Sized> {
    cpu: &'a mut CpuState,
    memory: &'a M,
    s: StringInsn,
    backwards: bool,
    /// Whether an element was compared yet: ZF counts only then.
    compared: bool,
}

impl<'a, M: GuestMemory + ?Sized> Run<'a, M> {
    fn new(cpu: &'a mut CpuState, memory: &'a M, s: StringInsn) -> Self {
        let backwards = cpu.eflags & eflags::DF != 0;
        Self { cpu, memory, s, backwards, compared: false }
    }

    fn get(&self, r: Gpr) -> u32 {
        self.cpu.gpr[r as usize] & if self.s.address16 { 0xffff } else { u32::MAX }
    }

    fn set(&mut self, r: Gpr, value: u32) {
        let keep = if self.s.address16 { 0xffff_0000 } else { 0 };
        let register = &mut self.cpu.gpr[r as usize];
        *register = *register & keep | value & !keep;
    }

    fn count(&self) -> u32 {
        self.get(Gpr::Ecx)
    }

    fn uses_source(&self) -> bool {
        matches!(self.s.op, StringOp::Movs | StringOp::Cmps | StringOp::Lods)
    }

    fn uses_destination(&self) -> bool {
        self.s.op != StringOp::Lods
    }

    /// Moves the index registers on by `elements`.
    fn advance(&mut self, elements: u32) {
        let bytes = elements.wrapping_mul(self.s.width.bytes());
        let by = if self.backwards { bytes.wrapping_neg() } else { bytes };
        if self.uses_source() {
            self.set(Gpr::Esi, self.get(Gpr::Esi).wrapping_add(by));
        }
        if self.uses_destination() {
            self.set(Gpr::Edi, self.get(Gpr::Edi).wrapping_add(by));
        }
    }

    /// The linear address of an offset in a segment. SDM vol. 3A, 5.3.
    fn linear(&self, s: Segment, offset: u32, written: bool) -> Result<GuestAddr, Exception> {
        let segment = &self.cpu.segments[s as usize];
        if !segment.allows(offset, self.s.width.bytes(), written) {
            return Err(Exception::outside(s));
        }
        Ok(GuestAddr(segment.base.wrapping_add(offset)))
    }

    fn source(&self) -> Result<GuestAddr, Exception> {
        self.linear(self.s.source, self.get(Gpr::Esi), false)
    }

    fn destination(&self) -> Result<GuestAddr, Exception> {
        let written = matches!(self.s.op, StringOp::Movs | StringOp::Stos);
        self.linear(Segment::Es, self.get(Gpr::Edi), written)
    }

    /// #AC where AC is set and an element is not naturally aligned.
    fn check_alignment(&self, at: GuestAddr) -> Result<(), Exception> {
        let checked = self.cpu.eflags & eflags::AC != 0;
        if checked && !at.0.is_multiple_of(self.s.width.bytes()) { Err(Exception::Alignment) } else { Ok(()) }
    }

    fn load(&self, at: GuestAddr) -> Result<u32, Exception> {
        self.check_alignment(at)?;
        let value = match self.s.width {
            Width::B8 => self.memory.load8(at).map(u32::from),
            Width::B16 => self.memory.load16(at).map(u32::from),
            Width::B32 | Width::B64 => self.memory.load32(at),
        };
        value.map_err(Exception::Page)
    }

    fn store(&self, at: GuestAddr, value: u32) -> Result<(), Exception> {
        self.check_alignment(at)?;
        let result: Result<(), Fault> = match self.s.width {
            Width::B8 => self.memory.store8(at, value as u8),
            Width::B16 => self.memory.store16(at, value as u16),
            Width::B32 | Width::B64 => self.memory.store32(at, value),
        };
        result.map_err(Exception::Page)
    }

    fn accumulator(&self) -> u32 {
        self.cpu.gpr[0] & self.s.width.mask() as u32
    }

    fn compare(&mut self, a: u32, b: u32) {
        let r = a.wrapping_sub(b) & self.s.width.mask() as u32;
        self.cpu.flags = LazyFlags::new(FlagRule::Sub, self.s.width, a, b, r);
        self.compared = true;
    }

    /// One iteration, ECX aside.
    fn element(&mut self) -> Result<(), Exception> {
        match self.s.op {
            StringOp::Movs => {
                let value = self.load(self.source()?)?;
                self.store(self.destination()?, value)?;
            }
            StringOp::Cmps => {
                // Where both fault, this hardware reports the destination.
                let b = self.load(self.destination()?)?;
                let a = self.load(self.source()?)?;
                self.compare(a, b);
            }
            StringOp::Stos => self.store(self.destination()?, self.accumulator())?,
            StringOp::Lods => {
                let value = self.load(self.source()?)?;
                let mask = self.s.width.mask() as u32;
                self.cpu.gpr[0] = self.cpu.gpr[0] & !mask | value;
            }
            StringOp::Scas => {
                let b = self.load(self.destination()?)?;
                self.compare(self.accumulator(), b);
            }
        }
        self.advance(1);
        Ok(())
    }

    fn counted_element(&mut self) -> Result<(), Exception> {
        self.element()?;
        self.set(Gpr::Ecx, self.count().wrapping_sub(1));
        Ok(())
    }

    /// Whether a compare has ended the repetition.
    fn compare_ended(&self) -> bool {
        let equal = || self.cpu.flags.get(crate::flags::Flag::Zf);
        self.compared
            && match self.s.rep {
                Rep::Once => true,
                Rep::Repe => !equal(),
                Rep::Repne => equal(),
            }
    }

    /// Cuts a run of `elements` at `at` to what lies in its page; gives its lowest address too.
    fn within_page(&self, at: GuestAddr, elements: u32) -> (GuestAddr, u32) {
        let w = self.s.width.bytes();
        let offset = at.0 & 0xfff;
        if self.backwards {
            // The first element must not straddle the page's end.
            let fit = if offset + w > 0x1000 { 0 } else { offset / w + 1 };
            let n = fit.min(elements);
            (GuestAddr(at.0.wrapping_sub(n.saturating_sub(1).wrapping_mul(w))), n)
        } else {
            (at, ((0x1000 - offset) / w).min(elements))
        }
    }

    /// Elements from an offset to the end of a segment of 4 GiB, the first of which does not run over it.
    fn before_end(&self, offset: u32) -> u32 {
        let w = self.s.width.bytes();
        let others = if self.backwards { offset } else { u32::MAX - offset - (w - 1) } / w;
        others.saturating_add(1)
    }

    /// Does a run of elements at once; the number of elements done, which may be 0.
    fn bulk(&mut self, patience: u32) -> u32 {
        let w = self.s.width.bytes();
        let wanted = self.count().min(patience).min(RUN / w);
        // 16-bit index registers wrap within the run; a limited segment and AC need a check of each element.
        let limited = |s: Segment| !self.cpu.segments[s as usize].is_unlimited_data();
        let checked = self.cpu.eflags & eflags::AC != 0;
        if wanted < 4 || checked || self.s.address16 || limited(Segment::Es) || limited(self.s.source) {
            return 0;
        }
        let (Ok(source), Ok(destination)) = (self.source(), self.destination()) else { return 0 };
        // Where a segment has a base, its end lies within a page.
        let ends = [self.get(Gpr::Esi), self.get(Gpr::Edi)].map(|offset| self.before_end(offset));
        let wanted = wanted.min(ends[0]).min(ends[1]);
        let done = match self.s.op {
            StringOp::Movs => self.bulk_move(source, destination, wanted),
            StringOp::Stos => self.bulk_store(destination, wanted),
            StringOp::Cmps => self.bulk_compare(source, destination, wanted),
            StringOp::Scas => self.bulk_scan(destination, wanted),
            StringOp::Lods => 0,
        };
        self.advance(done);
        self.set(Gpr::Ecx, self.count().wrapping_sub(done));
        done
    }

    fn read_run(&self, low: GuestAddr, elements: u32, buffer: &mut [u8; RUN as usize]) -> bool {
        let bytes = (elements * self.s.width.bytes()) as usize;
        self.memory.read_bytes(low, &mut buffer[..bytes]).1.is_none()
    }

    fn bulk_move(&self, source: GuestAddr, destination: GuestAddr, wanted: u32) -> u32 {
        let w = self.s.width.bytes();
        // An element stored may be loaded again `ahead` bytes later in the run; shorter runs cannot see it.
        let ahead = if self.backwards {
            source.0.wrapping_sub(destination.0)
        } else {
            destination.0.wrapping_sub(source.0)
        };
        let wanted = if ahead == 0 { wanted } else { wanted.min(ahead / w) };
        let (_, n) = self.within_page(source, wanted);
        let (_, n) = self.within_page(destination, n);
        let (from, _) = self.within_page(source, n);
        let (to, _) = self.within_page(destination, n);
        let mut buffer = [0; RUN as usize];
        if n == 0 || !self.read_run(from, n, &mut buffer) {
            return 0;
        }
        match self.memory.write_bytes(to, &buffer[..(n * w) as usize]) {
            (_, None) => n,
            // The page cannot be written: nothing was. The element finds the fault again.
            (_, Some(_)) => 0,
        }
    }

    fn bulk_store(&self, destination: GuestAddr, wanted: u32) -> u32 {
        let w = self.s.width.bytes() as usize;
        let (to, n) = self.within_page(destination, wanted);
        let mut buffer = [0; RUN as usize];
        let element = self.accumulator().to_le_bytes();
        for slot in buffer.chunks_exact_mut(w) {
            slot.copy_from_slice(&element[..w]);
        }
        match self.memory.write_bytes(to, &buffer[..n as usize * w]) {
            (_, None) => n,
            (_, Some(_)) => 0,
        }
    }

    fn bulk_compare(&mut self, source: GuestAddr, destination: GuestAddr, wanted: u32) -> u32 {
        let (_, n) = self.within_page(source, wanted);
        let (_, n) = self.within_page(destination, n);
        let (from, _) = self.within_page(source, n);
        let (with, _) = self.within_page(destination, n);
        let (mut a, mut b) = ([0; RUN as usize], [0; RUN as usize]);
        if n == 0 || !self.read_run(from, n, &mut a) || !self.read_run(with, n, &mut b) {
            return 0;
        }
        self.compare_run(n, |run, i| (run.pick(&a, n, i), run.pick(&b, n, i)))
    }

    fn bulk_scan(&mut self, destination: GuestAddr, wanted: u32) -> u32 {
        let (with, n) = self.within_page(destination, wanted);
        let mut b = [0; RUN as usize];
        if n == 0 || !self.read_run(with, n, &mut b) {
            return 0;
        }
        let a = self.accumulator();
        self.compare_run(n, |run, i| (a, run.pick(&b, n, i)))
    }

    /// Element `i` in the order of execution out of a run of `n`.
    fn pick(&self, buffer: &[u8; RUN as usize], n: u32, i: u32) -> u32 {
        let w = self.s.width.bytes() as usize;
        let at = if self.backwards { n - 1 - i } else { i } as usize * w;
        let mut bytes = [0; 4];
        bytes[..w].copy_from_slice(&buffer[at..at + w]);
        u32::from_le_bytes(bytes)
    }

    /// Compares up to `n` pairs, stopping behind the one that ends the repetition.
    fn compare_run(&mut self, n: u32, pair: impl Fn(&Self, u32) -> (u32, u32)) -> u32 {
        let stop_on_equal = self.s.rep == Rep::Repne;
        let end = (0..n).find(|&i| {
            let (a, b) = pair(self, i);
            (a == b) == stop_on_equal
        });
        let last = end.unwrap_or(n - 1);
        let (a, b) = pair(self, last);
        self.compare(a, b);
        last + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, DATA, Random};

    /// Runs to the end or a fault; element by element where `single`.
    fn run(bench: &mut Bench, s: StringInsn, single: bool) -> Progress {
        loop {
            bench.cpu.eflags |= if single { eflags::TF } else { 0 };
            let progress = string(&mut bench.cpu, &bench.memory, s);
            bench.cpu.eflags &= !eflags::TF;
            if progress != Progress::Unfinished {
                return progress;
            }
        }
    }

    /// Runs in bulk must not be told from single elements: overlap, direction, page ends, faults, early ends.
    #[test]
    fn runs_equal_single_elements() {
        let mut random = Random::new(0x5eed);
        for case in 0..2000 {
            let s = StringInsn {
                op: [StringOp::Movs, StringOp::Cmps, StringOp::Stos, StringOp::Lods, StringOp::Scas]
                    [random.below(5) as usize],
                width: Width::from_code(random.below(3)),
                rep: if random.below(2) == 0 { Rep::Repe } else { Rep::Repne },
                address16: false,
                source: Segment::Ds,
            };
            // Offsets from a little before the mapped pages to a little behind them; half of the pairs lie close.
            let source = DATA - 16 + random.below(0x2020);
            let near = source.wrapping_add(random.below(80)).wrapping_sub(40);
            let destination = if random.below(2) == 0 { near } else { DATA - 16 + random.below(0x2020) };
            let setup = [
                (Gpr::Esi, source),
                (Gpr::Edi, destination),
                (Gpr::Ecx, random.below(700)),
                (Gpr::Eax, u32::from(random.below(4) == 0)),
            ];
            let seed = random.bits() | 1;
            let backwards = random.below(2) == 0;
            let [mut bulk, mut single] = [false, true].map(|_| {
                let mut bench = Bench::new(&[]).with(&setup);
                bench.cpu.eflags |= if backwards { eflags::DF } else { 0 };
                let mut fill = Random::new(seed);
                let bytes: Vec<u8> = (0..0x2000).map(|_| u8::from(fill.below(300) == 0)).collect();
                bench.memory.poke(DATA, &bytes);
                bench
            });
            let progress = run(&mut bulk, s, false);
            let expected = run(&mut single, s, true);
            assert_eq!(progress, expected, "case {case}: {s:?} {setup:x?} backwards {backwards}");
            if !matches!(expected, Progress::Fault(_)) {
                assert_eq!(bulk.cpu.flags.bits(), single.cpu.flags.bits(), "case {case}: {s:?} {setup:x?}");
            }
            assert_eq!(bulk.cpu.gpr, single.cpu.gpr, "case {case}: {s:?} {setup:x?} backwards {backwards}");
            assert!(
                bulk.memory.peek(DATA, 0x2000) == single.memory.peek(DATA, 0x2000),
                "case {case}: memory differs: {s:?} {setup:x?} backwards {backwards}"
            );
        }
    }

    #[test]
    fn index_registers_wrap_at_16_bits_where_addresses_do() {
        let s = StringInsn {
            op: StringOp::Lods,
            width: Width::B8,
            rep: Rep::Once,
            address16: true,
            source: Segment::Ds,
        };
        let mut bench = Bench::new(&[]).with(&[(Gpr::Esi, 0x1234_ffff)]);
        bench.memory.map(0xf000, 1, crate::testing::Permissions::RW);
        assert_eq!(string(&mut bench.cpu, &bench.memory, s), Progress::Finished);
        assert_eq!(bench.get(Gpr::Esi), 0x1234_0000);
    }
}
