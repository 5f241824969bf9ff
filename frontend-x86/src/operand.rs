//! Operands: where an instruction reads and writes.

use crate::decode::{Insn, MemoryAccess, gpr32};
use crate::emit::{Emit, Reg, Width};
use crate::engine::Exception;
use crate::shape::Operand;
use crate::state::{Gpr, Segment};
use iced_x86::Register;

/// A memory operand before its registers are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// Base register.
    pub base: Option<Gpr>,
    /// Index register.
    pub index: Option<Gpr>,
    /// log2 of the index scale.
    pub scale: u8,
    /// Displacement, sign-extended to 32 bits.
    pub displacement: u32,
    /// Segment, the default or an override.
    pub segment: Segment,
    /// Whether the effective address is computed modulo 2¹⁶.
    pub size16: bool,
}

impl Address {
    /// Whether the offset is what the base register holds.
    #[must_use]
    pub const fn is_its_base(&self) -> bool {
        self.base.is_some() && self.index.is_none() && self.displacement == 0 && !self.size16
    }
}

/// An operand's place. `Mem` holds a linear address that was computed once.
#[derive(Clone, Copy, Debug)]
pub enum Place<I> {
    /// A general register or part.
    Reg(Reg),
    /// Memory at this linear address.
    Mem(I),
    /// A constant.
    Imm(u32),
}

/// The [`Reg`] of an iced-x86 general register.
#[must_use]
pub fn reg(r: Register) -> Option<Reg> {
    if r.is_gpr32() {
        gpr32(r).map(Reg::Full)
    } else if r.is_gpr16() {
        gpr32(r).map(Reg::Word)
    } else if r.is_gpr8() {
        let n = r.number();
        // iced-x86 numbers AL CL DL BL AH CH DH BH as 0–7.
        Some(if n < 4 { Reg::Low(Gpr::ALL[n]) } else { Reg::High(Gpr::ALL[n & 3]) })
    } else {
        None
    }
}

/// The place of operand `n` (a general register, memory or an immediate).
///
/// # Panics
/// If the operand is of another kind: the instruction's function knows its operands.
#[inline(always)]
pub fn place<E: Emit>(e: &mut E, i: &Insn, n: u32) -> Place<E::Int> {
    match i.operand(n) {
        Operand::General(r) => Place::Reg(r),
        Operand::Memory => Place::Mem(linear(e, i)),
        Operand::Immediate(k) => Place::Imm(k),
        Operand::None | Operand::Other => unreachable!("not an operand of this kind"),
    }
}

/// Reads a place at width `w`.
#[inline(always)]
pub fn read<E: Emit>(e: &mut E, w: Width, p: Place<E::Int>) -> E::Int {
    match p {
        Place::Reg(r) => {
            let v = e.reg(r);
            if r.width() == w { v } else { e.zext(w, v) }
        }
        Place::Mem(at) => e.load(w, at),
        Place::Imm(k) => e.imm(w, u64::from(k)),
    }
}

/// Writes a place at the value's width.
///
/// # Panics
/// On an immediate.
#[inline(always)]
pub fn write<E: Emit>(e: &mut E, p: Place<E::Int>, v: E::Int) {
    match p {
        Place::Reg(r) => e.set_reg(r, v),
        Place::Mem(at) => e.store(at, v),
        Place::Imm(_) => unreachable!("an immediate is never written"),
    }
}

/// The linear address of a memory operand without reading it.
///
/// A write through CS faults: code segments are never writable. SDM vol. 3A, 3.4.5.1.
pub fn linear<E: Emit>(e: &mut E, i: &Insn) -> E::Int {
    let address = i.address();
    refuse_code_write(e, i, &address);
    e.address(&address)
}

/// Faults where the instruction writes memory through CS.
#[inline]
pub(crate) fn refuse_code_write<E: Emit>(e: &mut E, i: &Insn, a: &Address) {
    if a.segment == Segment::Cs {
        refuse_write(e, i);
    }
}

#[cold]
fn refuse_write<E: Emit>(e: &mut E, i: &Insn) {
    if i.memory_access().is_some_and(|access| access != MemoryAccess::Read) {
        let always = e.bool(true);
        e.raise_if(always, Exception::GeneralProtection(0));
    }
}

/// The effective address (offset within the segment) of a memory operand, for LEA.
pub fn effective<E: Emit>(e: &mut E, a: &Address) -> E::Int {
    let mut sum = e.imm(Width::B32, u64::from(a.displacement));
    if let Some(base) = a.base {
        let base = e.reg(Reg::Full(base));
        sum = if a.displacement == 0 { base } else { e.add(base, sum) };
    }
    if let Some(index) = a.index {
        let index = e.reg(Reg::Full(index));
        let scaled = if a.scale == 0 {
            index
        } else {
            let by = e.imm(Width::B32, u64::from(a.scale));
            e.shl(index, by)
        };
        sum = if a.base.is_none() && a.displacement == 0 { scaled } else { e.add(sum, scaled) };
    }
    if a.size16 {
        let low = e.zext(Width::B16, sum);
        sum = e.zext(Width::B32, low);
    }
    sum
}

/// [`Emit::address`] in terms of the other primitives.
pub fn linear_address<E: Emit>(e: &mut E, a: &Address) -> E::Int {
    let offset = effective(e, a);
    match a.segment {
        // Translated code runs only while these are flat.
        Segment::Cs | Segment::Ds | Segment::Es | Segment::Ss => offset,
        Segment::Fs | Segment::Gs => {
            let base = e.segment_base(a.segment);
            e.add(base, offset)
        }
    }
}

/// The linear address of `w` bytes of the memory operand with `extra` (32 bits) added to its offset, for XLAT and the bit
/// strings.
pub fn linear_plus<E: Emit>(e: &mut E, i: &Insn, w: Width, extra: E::Int) -> E::Int {
    let a = &i.address();
    refuse_code_write(e, i, a);
    let offset = effective(e, a);
    let mut offset = e.add(offset, extra);
    if a.size16 {
        let low = e.zext(Width::B16, offset);
        offset = e.zext(Width::B32, low);
    }
    let access = i.memory_access().unwrap_or(MemoryAccess::Read);
    e.in_segment(a.segment, offset, w.bytes(), access)
}

/// The linear address of `w` bytes of the memory operand, `from` bytes into it: for operands of several parts, which the
/// processor checks one by one.
pub fn linear_part<E: Emit>(e: &mut E, i: &Insn, from: u32, w: Width) -> E::Int {
    let a = &i.address();
    let offset = effective(e, a);
    let from = e.imm(Width::B32, u64::from(from));
    let offset = e.add(offset, from);
    e.in_segment(a.segment, offset, w.bytes(), MemoryAccess::Read)
}

/// Operand `n` as a register, if it is one.
#[must_use]
pub fn register_operand(i: &Insn, n: u32) -> Option<Reg> {
    match i.operand(n) {
        Operand::General(r) => Some(r),
        _ => None,
    }
}
