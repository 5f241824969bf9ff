//! The vocabulary in which instructions are written.
//!
//! One function per mnemonic, generic over [`Emit`], says what an instruction means. `Interp` computes with it, the
//! JIT's `Clif` builds code with it, `Effects` derives what is read and written.
//!
//! The contract:
//! - Every primitive is total: it has one result for every input, the same in each implementation.
//! - An instruction performs its faulting accesses before its first register or flag write, so that a fault leaves the
//!   guest as if the instruction had not begun. After a fault (or a `raise_if` that held) an implementation performs
//!   no further effect of the instruction; the values it goes on computing with are arbitrary.
//! - Integers know their width; operands of a binary operation have equal width, and results have it too.
//! - Addresses are 32-bit linear addresses (segment base already added).

use crate::decode::{Insn, MemoryAccess};
use crate::engine::Exception;
use crate::flags::{Cond, Flag, FlagRule};
use crate::helper_table::{Helper, VecHelper};
use crate::operand::Address;
use crate::state::{Gpr, Segment};

/// The width of an integer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "8 to 64 bits")]
pub enum Width {
    B8,
    B16,
    B32,
    B64,
}

impl Width {
    /// Size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1 << self as u32
    }
    /// Size in bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        8 << self as u32
    }
    /// All ones at this width.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }
    /// A small code: log2 of the bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
    /// The width with this [`Self::code`]; only the low two bits count.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code & 3 {
            0 => Self::B8,
            1 => Self::B16,
            2 => Self::B32,
            _ => Self::B64,
        }
    }
    /// The width of an access of 1, 2, 4 or 8 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            1 => Some(Self::B8),
            2 => Some(Self::B16),
            4 => Some(Self::B32),
            8 => Some(Self::B64),
            _ => None,
        }
    }
}

/// A general register or a part of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Reg {
    /// A whole 32-bit register.
    Full(Gpr),
    /// The low 16 bits.
    Word(Gpr),
    /// The low 8 bits of EAX, ECX, EDX or EBX.
    Low(Gpr),
    /// Bits 8–15 of EAX, ECX, EDX or EBX.
    High(Gpr),
}

impl Reg {
    /// Its width.
    #[must_use]
    pub const fn width(self) -> Width {
        match self {
            Self::Full(_) => Width::B32,
            Self::Word(_) => Width::B16,
            Self::Low(_) | Self::High(_) => Width::B8,
        }
    }
    /// The number of its lowest bit in the register it is part of.
    #[inline]
    #[must_use]
    pub const fn shift(self) -> u32 {
        if matches!(self, Self::High(_)) { 8 } else { 0 }
    }
    /// The register it is part of.
    #[must_use]
    pub const fn gpr(self) -> Gpr {
        match self {
            Self::Full(r) | Self::Word(r) | Self::Low(r) | Self::High(r) => r,
        }
    }
    /// The part of `gpr` that has width `w` and begins at bit 0 (B64 counts as B32).
    #[must_use]
    pub const fn low_part(gpr: Gpr, w: Width) -> Self {
        match w {
            Width::B8 => Self::Low(gpr),
            Width::B16 => Self::Word(gpr),
            Width::B32 | Width::B64 => Self::Full(gpr),
        }
    }
}

/// How a 128-bit vector is divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "type x count")]
pub enum Lane {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
}

/// Binary integer operations on lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum VecOp {
    /// Lane-wise wrapping sum.
    Add,
    /// Lane-wise wrapping difference.
    Sub,
    /// All ones where equal, else zero.
    CmpEq,
    /// All ones where a > b signed, else zero.
    CmpGtSigned,
    /// Unsigned minimum.
    MinUnsigned,
    /// Unsigned maximum.
    MaxUnsigned,
    /// Signed minimum.
    MinSigned,
    /// Signed maximum.
    MaxSigned,
}

/// Bitwise operations on whole vectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum VecBitOp {
    /// a & b
    And,
    /// !a & b (ANDN's order)
    AndNot,
    /// a | b
    Or,
    /// a ^ b
    Xor,
}

/// Kinds of lane shifts by a common count; a count of at least the lane width gives zero (sign fill for `Sar`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "shift kinds")]
pub enum VecShift {
    Shl,
    Shr,
    Sar,
}

/// Atomic read-modify-write operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "named as in the manual")]
pub enum AtomicOp {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Xchg,
    /// 0 − old; the operand only gives the width.
    Neg,
}

/// The string instructions without their prefixes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum StringOp {
    Movs,
    Cmps,
    Stos,
    Lods,
    Scas,
}

/// A repeat prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rep {
    /// None: once.
    Once,
    /// F3: while ECX ≠ 0; for CMPS and SCAS also while ZF.
    Repe,
    /// F2: while ECX ≠ 0; for CMPS and SCAS also while not ZF.
    Repne,
}

/// A string instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct StringInsn {
    /// Which.
    pub op: StringOp,
    /// Element width.
    pub width: Width,
    /// Repeat prefix.
    pub rep: Rep,
    /// Whether SI, DI and CX are used instead of ESI, EDI and ECX.
    pub address16: bool,
    /// Segment of the source (DS unless overridden).
    pub source: Segment,
}

/// Where control goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target<I> {
    /// A constant EIP.
    Direct(u32),
    /// A computed EIP.
    Indirect(I),
}

/// What happens after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow<I, B> {
    /// The next instruction in order.
    Next,
    /// A jump.
    Jump(Target<I>),
    /// A jump to `to` if `taken`, else the next instruction.
    Branch {
        /// The condition.
        taken: B,
        /// EIP when it holds.
        to: u32,
    },
    /// A call whose return address has been pushed; the next instruction is where the return goes.
    Call(Target<I>),
    /// A return to this EIP; the stack has been popped.
    Return(I),
    /// A jump to this EIP in the code segment that was just loaded: as for `EndBlock`, nothing known holds any more.
    Far(I),
    /// The next instruction in order, but nothing known at translation time about segments, modes or code holds any
    /// more: a block ends here.
    EndBlock,
    /// A fault or trap. For a fault EIP stays at the instruction; `Software`, `Breakpoint` and `Overflow` are traps.
    Raise(Exception),
    /// A downcall; EIP goes on behind the instruction.
    Gate(u16),
}

/// The flow type of an implementation.
pub type FlowOf<E> = Flow<<E as Emit>::Int, <E as Emit>::Bool>;

/// See the module head.
pub trait Emit {
    /// An integer that knows its width.
    type Int: Copy;
    /// A truth value.
    type Bool: Copy;
    /// 128 bits, without lanes: an operation names its lanes.
    type Vec: Copy;

    // ---- constants, registers
    /// The low bits of `k` at width `w`.
    fn imm(&mut self, w: Width, k: u64) -> Self::Int;
    /// A constant truth value.
    fn bool(&mut self, k: bool) -> Self::Bool;
    /// Reads a register (part).
    fn reg(&mut self, r: Reg) -> Self::Int;
    /// Writes a register (part); other parts keep their bits.
    fn set_reg(&mut self, r: Reg, v: Self::Int);
    /// The base of a segment, 32 bits.
    fn segment_base(&mut self, s: Segment) -> Self::Int;
    /// The selector in a segment register, 16 bits.
    fn selector(&mut self, s: Segment) -> Self::Int;

    // ---- integers
    /// The width of a value.
    fn width(&self, v: Self::Int) -> Width;
    /// a + b
    fn add(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a − b
    fn sub(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Low half of the product.
    fn mul(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Unsigned quotient; 0 where b is 0.
    fn udiv(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Unsigned remainder; a where b is 0.
    fn urem(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Signed quotient, towards zero; 0 where b is 0, the wrapped value where it overflows.
    fn sdiv(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Signed remainder with the sign of a; a where b is 0, 0 where the quotient overflows.
    fn srem(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a & b
    fn and(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a | b
    fn or(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a ^ b
    fn xor(&mut self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// !a
    fn not(&mut self, a: Self::Int) -> Self::Int;
    /// a << n; 0 where n ≥ the width. `n` may have any width.
    fn shl(&mut self, a: Self::Int, n: Self::Int) -> Self::Int;
    /// Unsigned a >> n; 0 where n ≥ the width.
    fn shr(&mut self, a: Self::Int, n: Self::Int) -> Self::Int;
    /// Signed a >> n; all sign where n ≥ the width.
    fn sar(&mut self, a: Self::Int, n: Self::Int) -> Self::Int;
    /// Rotate left by n modulo the width.
    fn rotl(&mut self, a: Self::Int, n: Self::Int) -> Self::Int;
    /// Rotate right by n modulo the width.
    fn rotr(&mut self, a: Self::Int, n: Self::Int) -> Self::Int;
    /// Leading zero bits, at the value's width; the width for 0.
    fn clz(&mut self, a: Self::Int) -> Self::Int;
    /// Trailing zero bits; the width for 0.
    fn ctz(&mut self, a: Self::Int) -> Self::Int;
    /// One bits.
    fn popcnt(&mut self, a: Self::Int) -> Self::Int;
    /// Bytes in reverse order.
    fn bswap(&mut self, a: Self::Int) -> Self::Int;
    /// Zero-extends to `w`, or truncates where `w` is narrower.
    fn zext(&mut self, w: Width, a: Self::Int) -> Self::Int;
    /// Sign-extends to `w`, or truncates where `w` is narrower.
    fn sext(&mut self, w: Width, a: Self::Int) -> Self::Int;

    // ---- truth
    /// a = b
    fn eq(&mut self, a: Self::Int, b: Self::Int) -> Self::Bool;
    /// a < b unsigned
    fn ult(&mut self, a: Self::Int, b: Self::Int) -> Self::Bool;
    /// a < b signed
    fn slt(&mut self, a: Self::Int, b: Self::Int) -> Self::Bool;
    /// Both.
    fn both(&mut self, a: Self::Bool, b: Self::Bool) -> Self::Bool;
    /// Either.
    fn either(&mut self, a: Self::Bool, b: Self::Bool) -> Self::Bool;
    /// Not.
    fn negate(&mut self, a: Self::Bool) -> Self::Bool;
    /// 1 or 0 at width `w`.
    #[expect(clippy::wrong_self_convention, reason = "it makes an integer, as the other primitives do")]
    fn from_bool(&mut self, w: Width, c: Self::Bool) -> Self::Int;
    /// `a` if c, else `b`; both are computed.
    fn select(&mut self, c: Self::Bool, a: Self::Int, b: Self::Int) -> Self::Int;

    // ---- memory
    /// The linear address of an operand. Arithmetic wraps at the address size, then the segment base is added.
    fn address(&mut self, a: &Address) -> Self::Int;
    /// The linear address of `len` bytes at an offset (32 bits) of a segment. Faults where the segment does not allow that
    /// access.
    fn in_segment(&mut self, s: Segment, offset: Self::Int, len: u32, access: MemoryAccess) -> Self::Int;
    /// Likewise on the stack: the offset is taken modulo 2¹⁶ where the stack segment has 16 bits.
    fn stack(&mut self, offset: Self::Int, len: u32, access: MemoryAccess) -> Self::Int;
    /// What ESP becomes when it is set to this offset (32 bits): where the stack segment has 16 bits, ESP's upper half stays.
    fn stack_pointer(&mut self, offset: Self::Int) -> Self::Int;
    /// Faults where CS does not cover the offset (32 bits) that control is about to go to.
    fn code_target(&mut self, offset: Self::Int);
    /// Loads `w` bytes.
    fn load(&mut self, w: Width, addr: Self::Int) -> Self::Int;
    /// Stores a value at its width.
    fn store(&mut self, addr: Self::Int, v: Self::Int);
    /// Faults where a store of `len` bytes would fault; changes nothing.
    fn probe_write(&mut self, addr: Self::Int, len: u32);
    /// #AC where EFLAGS.AC is set and the address is no multiple of `bytes` (a power of two). Accesses of integers
    /// and vectors, and probes of up to 8 bytes, check it themselves.
    fn check_aligned(&mut self, addr: Self::Int, bytes: u32);
    /// Atomically `*addr = *addr op v`, sequentially consistent; the old value.
    fn atomic(&mut self, op: AtomicOp, addr: Self::Int, v: Self::Int) -> Self::Int;
    /// Atomic compare-exchange at the width of `expected` (up to 64 bits); the old value. Faults as a write in any case.
    fn atomic_cas(&mut self, addr: Self::Int, expected: Self::Int, new: Self::Int) -> Self::Int;
    /// A full fence (MFENCE).
    fn fence(&mut self);
    /// A whole string instruction with its progress rules: registers are committed each iteration.
    fn string(&mut self, s: StringInsn);

    // ---- flags
    /// Records how the six arithmetic flags follow from an operation; nothing is computed until read. Operands have
    /// equal width (at most 32 bits); for `Inc`/`Dec` `b` is the old CF, for shifts the count, at that width too.
    fn set_flags(&mut self, rule: FlagRule, a: Self::Int, b: Self::Int, r: Self::Int);
    /// Like `set_flags`, only where `c` holds: data flow, no branch.
    fn set_flags_if(&mut self, c: Self::Bool, rule: FlagRule, a: Self::Int, b: Self::Int, r: Self::Int);
    /// Sets one arithmetic flag; the others stay.
    fn set_flag(&mut self, f: Flag, v: Self::Bool);
    /// Reads one arithmetic flag.
    fn flag(&mut self, f: Flag) -> Self::Bool;
    /// Whether a condition holds.
    fn cond(&mut self, c: Cond) -> Self::Bool;
    /// EFLAGS as PUSHF shows it, 32 bits (VM and RF clear).
    fn eflags(&mut self) -> Self::Int;
    /// Replaces the EFLAGS bits in `mask` (arithmetic and others) by those of `v`, 32 bits.
    fn set_eflags(&mut self, mask: u32, v: Self::Int);

    // ---- control
    /// Performs `then` only where `c` holds. Registers, flags and memory may change inside; no value made inside is
    /// used outside.
    fn when(&mut self, c: Self::Bool, then: impl FnOnce(&mut Self));
    /// Raises a fault where `c` holds: EIP stays at the instruction and no further effect of it happens. For an
    /// exception that [is a trap](Exception::is_trap) EIP is behind it.
    fn raise_if(&mut self, c: Self::Bool, e: Exception);
    /// Raises the fault that a helper's 64-bit result names, if it names one: see [`Exception::from_status`]. For faults
    /// whose error code is computed; `raise_if`'s rules hold.
    fn raise_status(&mut self, status: Self::Int);
    /// The time-stamp counter, 64 bits.
    fn timestamp(&mut self) -> Self::Int;
    /// 64 bits: 32 random ones below, then a 1; all zero where the layers below have none.
    fn random(&mut self) -> Self::Int;

    // ---- vectors
    /// Reads XMMn.
    fn xmm(&mut self, n: u8) -> Self::Vec;
    /// MMX register `n`, 64 bits.
    fn mmx(&mut self, n: u8) -> Self::Int;
    /// Writes MMX register `n`; the sign and the exponent of its x87 register become ones.
    fn set_mmx(&mut self, n: u8, v: Self::Int);
    /// Sets TOP to 0, and all x87 registers to valid or to empty.
    fn set_x87_tags(&mut self, valid: bool);
    /// Whether an unmasked x87 exception is pending.
    fn x87_pending(&mut self) -> Self::Bool;
    /// Writes XMMn.
    fn set_xmm(&mut self, n: u8, v: Self::Vec);
    /// Loads 16 bytes; #GP where `aligned` and the address is not a multiple of 16.
    fn load_vec(&mut self, addr: Self::Int, aligned: bool) -> Self::Vec;
    /// Stores 16 bytes; #GP where `aligned` and the address is not a multiple of 16.
    fn store_vec(&mut self, addr: Self::Int, v: Self::Vec, aligned: bool);
    /// All zero.
    fn vec_zero(&mut self) -> Self::Vec;
    /// A vector with `v` (32 or 64 bits) in the lowest lane of `base`, the other bits of `base` kept.
    fn insert(&mut self, base: Self::Vec, w: Width, lane: u8, v: Self::Int) -> Self::Vec;
    /// One lane.
    fn extract(&mut self, v: Self::Vec, w: Width, lane: u8) -> Self::Int;
    /// Bitwise operation.
    fn vec_bits(&mut self, op: VecBitOp, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// Lane-wise integer operation.
    fn vec_op(&mut self, op: VecOp, lane: Lane, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// Shifts every lane by the same constant count.
    fn vec_shift(&mut self, kind: VecShift, lane: Lane, a: Self::Vec, count: u32) -> Self::Vec;
    /// Byte i of the result is byte `pick[i]` of `a` (0–15), of `b` (16–31), or zero (255).
    fn shuffle(&mut self, a: Self::Vec, b: Self::Vec, pick: [u8; 16]) -> Self::Vec;
    /// The top bits of the 16 bytes as a 32-bit mask (PMOVMSKB).
    fn byte_mask(&mut self, v: Self::Vec) -> Self::Int;

    // ---- what is computed out of line
    /// Calls a helper on the processor state: `args` are zero-extended to 64 bits, the result is 64 bits wide.
    /// General registers, segments and lazy flags may be read by it and are written only where the helper's row says so.
    fn helper(&mut self, h: Helper, args: &[Self::Int]) -> Self::Int;
    /// Calls a vector helper: may read and set MXCSR only. A pending unmasked SSE exception raises #XM.
    fn vec_helper(&mut self, h: VecHelper, a: Self::Vec, b: Self::Vec, imm: u32) -> Self::Vec;

    /// The instruction being emitted (its own address, length and the EIP behind it).
    fn insn(&self) -> &Insn;
}
