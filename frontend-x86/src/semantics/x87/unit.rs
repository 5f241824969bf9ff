//! The x87 unit's state and the rules that all its instructions share. SDM vol. 1, 8.1.

use crate::helpers::softfloat::{Class, Control, F80, Status};
use crate::state::X87State;

/// ES: an unmasked exception is pending; B is its copy.
const SUMMARY: u16 = X87State::SUMMARY;
const BUSY: u16 = 1 << 15;
/// Bits of the control word that can be set; bit 6 always is.
const CONTROL_WRITABLE: u16 = 0x1f3f;
const CONTROL_FIXED: u16 = 0x0040;
/// TOP in the status word.
const TOP: u16 = 7 << 11;

/// What a stack fault found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StackFault {
    /// A register that is read is empty.
    Underflow,
    /// The register that is pushed to is not empty.
    Overflow,
}

impl X87State {
    fn physical(&self, i: u8) -> usize {
        usize::from(self.top.wrapping_add(i) & 7)
    }

    /// What ST(i) holds, empty or not.
    pub(super) fn st(&self, i: u8) -> F80 {
        F80::from_bits(self.regs[self.physical(i)])
    }

    /// Whether ST(i) is empty.
    pub(super) fn is_empty(&self, i: u8) -> bool {
        self.valid >> self.physical(i) & 1 == 0
    }

    /// Writes ST(i), which is then not empty.
    pub(super) fn set_st(&mut self, i: u8, value: F80) {
        let n = self.physical(i);
        self.regs[n] = value.to_bits();
        self.valid |= 1 << n;
    }

    /// Marks ST(i) empty.
    pub(super) fn free(&mut self, i: u8) {
        self.valid &= !(1 << self.physical(i));
    }

    /// Moves TOP, whatever the registers hold.
    pub(super) fn rotate(&mut self, by: u8) {
        self.top = self.top.wrapping_add(by) & 7;
    }

    /// Pushes; the caller has checked that ST(7) is empty or that the stack fault is masked.
    pub(super) fn push(&mut self, value: F80) {
        self.rotate(7);
        self.set_st(0, value);
    }

    /// Pops `count` registers.
    pub(super) fn pop(&mut self, count: u8) {
        for _ in 0..count {
            self.free(0);
            self.rotate(1);
        }
    }

    /// The control word.
    pub(super) fn control_word(&self) -> Control {
        Control(self.control)
    }

    /// Loads the control word.
    pub(super) fn set_control(&mut self, value: u16) {
        self.control = value & CONTROL_WRITABLE | CONTROL_FIXED;
        self.summarize();
    }

    /// The status word with TOP.
    pub(super) fn status_word(&self) -> u16 {
        self.status & !TOP | u16::from(self.top & 7) << 11
    }

    /// Loads the status word.
    pub(super) fn set_status(&mut self, value: u16) {
        self.status = value & !TOP;
        self.top = (value >> 11 & 7) as u8;
        self.summarize();
    }

    /// Whether an unmasked exception is pending: the next waiting instruction raises #MF.
    pub(crate) fn is_pending(&self) -> bool {
        self.status & SUMMARY != 0
    }

    /// Makes ES and B follow from the exceptions and their masks.
    pub(super) fn summarize(&mut self) {
        let pending = self.status & self.control_word().unmasked().0 != 0;
        self.status = self.status & !(SUMMARY | BUSY) | if pending { SUMMARY | BUSY } else { 0 };
    }

    /// Clears the exceptions: FNCLEX.
    pub(super) fn clear_exceptions(&mut self) {
        self.status &= !(Status::EXCEPTIONS.0 | Status::SF.0 | SUMMARY | BUSY);
    }

    /// Records what an instruction raised, with C1 as given. Whether its result is to be written: not where an
    /// exception found before computing is unmasked.
    pub(super) fn report(&mut self, raised: Status) -> bool {
        self.report_codes(Status::C1, raised)
    }

    /// Likewise for an instruction that decides all the condition codes in `codes`.
    pub(super) fn report_codes(&mut self, codes: Status, raised: Status) -> bool {
        self.status = self.status & !codes.0 | raised.0;
        if !(raised & Status::EXCEPTIONS).is_empty() {
            self.summarize();
        }
        (raised & self.control_word().unmasked() & Status::BEFORE).is_empty()
    }

    /// Records a stack fault. Whether the masked response is to be delivered.
    pub(super) fn report_stack_fault(&mut self, fault: StackFault) -> bool {
        self.report(Self::raised_by(fault))
    }

    /// What a stack fault raises.
    pub(super) fn raised_by(fault: StackFault) -> Status {
        Status::IE | Status::SF | Status::C1.when(fault == StackFault::Overflow)
    }

    /// The two-bit tags of the eight physical registers, R0 lowest.
    pub(super) fn tag_word(&self) -> u16 {
        (0..8).fold(0, |word, n: u8| {
            let tag = if self.valid >> n & 1 == 0 {
                3
            } else {
                match F80::from_bits(self.regs[usize::from(n)]).class() {
                    Class::Normal => 0,
                    Class::Zero => 1,
                    _ => 2,
                }
            };
            word | tag << (2 * n)
        })
    }

    /// Loads the tag word: only empty or not counts.
    pub(super) fn set_tag_word(&mut self, word: u16) {
        self.valid = (0..8).fold(0, |valid, n: u8| valid | u8::from(word >> (2 * n) & 3 != 3) << n);
    }

    /// `FNINIT`. The registers keep their contents.
    pub(super) fn initialize(&mut self) {
        *self = Self { regs: self.regs, ..Self::default() };
    }
}
