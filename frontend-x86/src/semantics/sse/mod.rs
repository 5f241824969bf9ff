//! SSE to SSE4.2. SDM vol. 1, chapters 10 to 12.
//!
//! A 16-byte memory operand must be aligned (#GP), except of the instructions that say otherwise. The table's mnemonics
//! are shared with MMX, and so are most meanings: see [`super::mmx`].

pub mod arith;
pub mod blend;
pub mod compare;
pub mod convert;
pub mod crypto;
pub mod element;
pub mod extend;
pub(crate) mod float;
pub mod horizontal;
pub mod integer;
pub mod logic;
pub mod mmx_convert;
pub mod mov;
pub mod round;
pub mod shuffle;
pub mod sse41;
pub mod ssse3;
pub mod string;

use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::engine::Exception;
use crate::helper_table::HelperArgs;
use crate::operand::linear;
use crate::state::CpuState;

/// The number of the XMM register that is operand `n`.
///
/// # Panics
/// If the operand is no vector register: the instruction's function knows its operands.
#[must_use]
pub fn xmm(i: &Insn, n: u32) -> u8 {
    u8::try_from(i.register(n).number()).expect("at most 31")
}

/// Reads the XMM register that is operand `n`.
pub fn vector<E: Emit>(e: &mut E, i: &Insn, n: u32) -> E::Vec {
    e.xmm(xmm(i, n))
}

/// Reads operand `n`: an XMM register, or 16 bytes of aligned memory.
pub fn source<E: Emit>(e: &mut E, i: &Insn, n: u32) -> E::Vec {
    if i.is_memory(n) {
        let at = linear(e, i);
        e.load_vec(at, true)
    } else {
        vector(e, i, n)
    }
}

/// Reads the low `w` bits of operand `n`: of an XMM register, or that much of memory at any alignment.
pub fn scalar_source<E: Emit>(e: &mut E, i: &Insn, n: u32, w: Width) -> E::Int {
    if i.is_memory(n) {
        let at = linear(e, i);
        e.load(w, at)
    } else {
        let v = vector(e, i, n);
        e.extract(v, w, 0)
    }
}

/// Whether a register operand is an MMX register.
#[must_use]
pub fn is_mmx(i: &Insn) -> bool {
    i.register(0).is_mm() || i.register(1).is_mm()
}

/// destination = f(destination, source), both 16 bytes.
pub fn packed<E: Emit>(e: &mut E, i: &Insn, f: impl FnOnce(&mut E, E::Vec, E::Vec) -> E::Vec) -> FlowOf<E> {
    if is_mmx(i) {
        return super::mmx::packed(e, i, f);
    }
    let b = source(e, i, 1);
    let a = vector(e, i, 0);
    let result = f(e, a, b);
    e.set_xmm(xmm(i, 0), result);
    Flow::Next
}

/// Sets MXCSR to `args[0]`: 0, or the status of #GP where a reserved bit is set.
pub fn load_mxcsr_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    match u32::try_from(args[0]) {
        Ok(value) if value & !MXCSR_MASK == 0 => {
            cpu.mxcsr = value;
            0
        }
        _ => Exception::GeneralProtection(0).status(),
    }
}

/// The bits of MXCSR that can be set.
pub const MXCSR_MASK: u32 = 0xffff;

/// MXCSR.
pub fn store_mxcsr_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    u64::from(cpu.mxcsr)
}

/// MXCSR, as the float helpers take it.
fn mxcsr(cpu: &CpuState) -> crate::helpers::softfloat::Mxcsr {
    crate::helpers::softfloat::Mxcsr(cpu.mxcsr)
}
