//! XSAVE XSAVEOPT XSAVEC XRSTOR XGETBV: state components that EDX:EAX chooses, behind them a header of 64 bytes that
//! says which are there. SDM vol. 1, chapter 13.
//!
//! There are two components: x87 (bit 0) and SSE (bit 1), at the places that FXSAVE has them. As AMD's processors do it: a
//! component is in its initial state, and need not be written, where all of it has the initial values; SSE always
//! counts as in use; x87's pointers are as in [`super::state_image`].

use super::site::{memory, plus};
use super::state_image::{misaligned, store_vectors, store_words};
use crate::cpuid::XCR0;
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Reg, Width};
use crate::engine::Exception;
use crate::helper_table::{Helper, HelperArgs};
use crate::state::{CpuState, Gpr, X87State};
use iced_x86::Mnemonic;

const X87: u64 = 1 << 0;
const SSE: u64 = 1 << 1;
/// In XCOMP_BV: components that are not there leave no gap. These two have their places all the same.
const COMPACT: u64 = 1 << 63;
/// Where the header begins, and its bytes.
const HEADER: u32 = 512;
const HEADER_BYTES: u32 = 64;
/// Where MXCSR is, and where the XMM registers begin.
const MXCSR: u32 = 24;
const VECTORS: u32 = 160;
/// FXSAVE's words of 8 bytes that are x87's: control, pointers; registers.
const ENVIRONMENT: core::ops::Range<u32> = 0..3;
const REGISTERS: core::ops::Range<u32> = 4..20;
/// Its word with MXCSR.
const MXCSR_WORD: core::ops::Range<u32> = 3..4;
/// MXCSR in its initial state.
const MXCSR_INITIAL: u64 = 0x1f80;

/// The area, which must begin at a multiple of 64.
fn area<E: Emit>(e: &mut E, i: &Insn) -> E::Int {
    let (at, _) = memory(e, i);
    misaligned(e, at, 64);
    at
}

/// The components that are asked for: XCR0 & EDX:EAX, 64 bits.
fn requested<E: Emit>(e: &mut E) -> E::Int {
    let low = e.reg(Reg::Full(Gpr::Eax));
    let low = e.zext(Width::B64, low);
    let all = e.imm(Width::B64, u64::from(XCR0));
    e.and(low, all)
}

/// Whether any of `bits` is set.
fn any<E: Emit>(e: &mut E, v: E::Int, bits: u64) -> E::Bool {
    let bits = e.imm(Width::B64, bits);
    let set = e.and(v, bits);
    nonzero(e, set)
}

fn nonzero<E: Emit>(e: &mut E, v: E::Int) -> E::Bool {
    let zero = e.imm(Width::B64, 0);
    let none = e.eq(v, zero);
    e.negate(none)
}

/// The bits of `a` that are not in `b`.
fn without<E: Emit>(e: &mut E, a: E::Int, b: E::Int) -> E::Int {
    let others = e.not(b);
    e.and(a, others)
}

fn load_word<E: Emit>(e: &mut E, at: E::Int, offset: u32) -> E::Int {
    let from = plus(e, at, offset);
    e.load(Width::B64, from)
}

fn store_word<E: Emit>(e: &mut E, at: E::Int, offset: u32, v: E::Int) {
    let to = plus(e, at, offset);
    e.store(to, v);
}

/// `XSAVE`, `XSAVEOPT`, `XSAVEC` — the latter two leave out what is in its initial state; XSAVEC writes the header anew.
pub fn save<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let compact = i.mnemonic() == Mnemonic::Xsavec;
    let at = area(e, i);
    let header = plus(e, at, HEADER);
    let wanted = requested(e);
    let (x87, sse) = (any(e, wanted, X87), any(e, wanted, SSE));
    let used = e.helper(Helper::X87InUse, &[]);
    let x87 = if i.mnemonic() == Mnemonic::Xsave {
        x87
    } else {
        let used = nonzero(e, used);
        e.both(x87, used)
    };
    // The processor asks for the area whatever is wanted of it.
    e.probe_write(at, HEADER + HEADER_BYTES);
    let always = e.imm(Width::B64, SSE);
    let used = e.or(used, always);
    let saved = e.and(wanted, used);
    let present = if compact {
        saved
    } else {
        let before = e.load(Width::B64, header);
        let others = without(e, before, wanted);
        e.or(others, saved)
    };
    e.when(x87, |e| {
        store_words(e, at, ENVIRONMENT);
        store_words(e, at, REGISTERS);
    });
    e.when(sse, |e| {
        store_words(e, at, MXCSR_WORD);
        store_vectors(e, at);
    });
    e.store(header, present);
    if compact {
        let form = e.imm(Width::B64, COMPACT);
        let form = e.or(form, wanted);
        store_word(e, at, HEADER + 8, form);
    }
    Flow::Next
}

/// 1 where the x87 unit is not as FNINIT and empty registers leave it.
pub fn in_use_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    u64::from(cpu.x87 != X87State::default())
}

/// The header's two words, after its check: #GP for what is reserved, or not there in XCR0.
fn checked_header<E: Emit>(e: &mut E, at: E::Int) -> (E::Int, E::Bool) {
    let (present, form) = (load_word(e, at, HEADER), load_word(e, at, HEADER + 8));
    let third = load_word(e, at, HEADER + 16);
    let rest = (24..HEADER_BYTES).step_by(8).fold(third, |rest, offset| {
        let word = load_word(e, at, HEADER + offset);
        e.or(rest, word)
    });
    let zero = e.imm(Width::B64, 0);
    let compact = e.slt(form, zero);
    let all = e.imm(Width::B64, u64::from(XCR0));
    // The standard form: only what exists, and zeros up to byte 24.
    let unknown = without(e, present, all);
    let standard = e.or(unknown, form);
    let standard = e.or(standard, third);
    // The compact one: only what its second word names, that only what exists, and zeros to the end.
    let named = e.imm(Width::B64, u64::from(XCR0) | COMPACT);
    let unknown = without(e, form, named);
    let there = e.and(form, all);
    let unnamed = without(e, present, there);
    let packed = e.or(unknown, unnamed);
    let packed = e.or(packed, rest);
    let bad = e.select(compact, packed, standard);
    let bad = nonzero(e, bad);
    e.raise_if(bad, Exception::GeneralProtection(0));
    (present, compact)
}

/// `XRSTOR` — what is asked for and not there gets its initial state.
pub fn restore<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let at = area(e, i);
    let wanted = requested(e);
    // An area lies on two pages at most: with this byte and the header all of it is there.
    e.load(Width::B8, at);
    let (present, compact) = checked_header(e, at);
    let loaded = e.and(wanted, present);
    let initial = without(e, wanted, present);
    let (x87, sse) = (any(e, loaded, X87), any(e, loaded, SSE));
    let any_sse = any(e, wanted, SSE);
    // The standard form has MXCSR even without the registers.
    let standard = e.negate(compact);
    let mxcsr_there = e.either(standard, sse);
    let mxcsr = e.both(any_sse, mxcsr_there);
    e.when(mxcsr, |e| {
        let from = plus(e, at, MXCSR);
        let value = e.load(Width::B32, from);
        let status = e.helper(Helper::LoadMxcsr, &[value]);
        e.raise_status(status);
    });
    let mxcsr_initial = e.negate(mxcsr_there);
    let mxcsr_initial = e.both(any_sse, mxcsr_initial);
    e.when(mxcsr_initial, |e| {
        let value = e.imm(Width::B32, MXCSR_INITIAL);
        e.helper(Helper::LoadMxcsr, &[value]);
    });
    let no_sse = any(e, initial, SSE);
    e.when(no_sse, |e| {
        let zero = e.vec_zero();
        (0..8).for_each(|n| e.set_xmm(n, zero));
    });
    e.when(sse, |e| {
        for (n, offset) in (0..8).zip((VECTORS..).step_by(16)) {
            let from = plus(e, at, offset);
            let value = e.load_vec(from, true);
            e.set_xmm(n, value);
        }
    });
    let no_x87 = any(e, initial, X87);
    e.when(no_x87, |e| {
        e.helper(Helper::X87Reset, &[]);
    });
    e.when(x87, |e| {
        let header = [0, 8, 16].map(|offset| load_word(e, at, offset));
        e.helper(Helper::FxrstorHeader, &header);
        for n in 0..8 {
            let number = e.imm(Width::B8, u64::from(n));
            let low = load_word(e, at, 32 + 16 * n);
            let from = plus(e, at, 40 + 16 * n);
            let high = e.load(Width::B16, from);
            e.helper(Helper::X87SetRegister, &[number, low, high]);
        }
    });
    Flow::EndBlock
}

/// Puts the x87 unit into its initial state, registers and all.
pub fn reset_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    cpu.x87 = X87State::default();
    0
}

/// `XGETBV` — EDX:EAX = XCR0 where ECX is 0, the components of it that are in use where it is 1.
pub fn xgetbv<E: Emit>(e: &mut E, _: &Insn) -> FlowOf<E> {
    let number = e.reg(Reg::Full(Gpr::Ecx));
    let value = e.helper(Helper::ExtendedControl, &[number]);
    e.raise_status(value);
    let (low, high) = (e.zext(Width::B32, value), e.imm(Width::B32, 0));
    e.set_reg(Reg::Full(Gpr::Eax), low);
    e.set_reg(Reg::Full(Gpr::Edx), high);
    Flow::Next
}

/// Register `args[0]` of XGETBV, or the status of #GP.
pub fn extended_control_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    match args[0] {
        0 => u64::from(XCR0),
        1 => SSE | in_use_helper(cpu, args),
        _ => Exception::GeneralProtection(0).status(),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Exception;
    use crate::state::Gpr::{Eax, Ebx, Ecx, Edx};
    use crate::state::X87State;
    use crate::testing::{Bench, DATA};

    /// `CODE [ebx]` with EAX, after which memory and state are looked at.
    fn bench(code: &[u8], eax: u32) -> Bench {
        Bench::new(code).with(&[(Eax, eax), (Ebx, DATA)])
    }

    #[test]
    fn what_was_saved_is_restored_and_what_was_not_is_initial() {
        // xsavec [ebx]; xrstor [ebx]
        for (saved, restored) in [(3, 3), (1, 3), (2, 3), (3, 1), (3, 2), (0, 3), (0xffff_fffc, 3)] {
            let mut bench = bench(&[0x0f, 0xc7, 0x23, 0x0f, 0xae, 0x2b], saved);
            bench.cpu.x87.regs[7] = 0x3fff << 64 | 1 << 63;
            bench.cpu.x87.top = 7;
            bench.cpu.x87.valid = 0x80;
            bench.cpu.xmm[7] = 77;
            bench.cpu.mxcsr = 0x1fa0;
            let before = bench.cpu.clone();
            let _ = bench.step();
            assert_eq!(bench.word(DATA + 512), saved & 3);
            assert_eq!([bench.word(DATA + 520), bench.word(DATA + 524)], [saved & 3, 1 << 31]);
            bench.cpu.gpr[Eax as usize] = restored;
            bench.cpu.xmm = [1; 8];
            bench.cpu.x87.control = 0x27f;
            let changed = bench.cpu.clone();
            let _ = bench.step();
            let there = saved & restored;
            let x87 = match restored & 1 {
                0 => changed.x87,
                _ if there & 1 != 0 => before.x87,
                _ => X87State::default(),
            };
            let sse = match restored & 2 {
                0 => (changed.xmm, changed.mxcsr),
                _ if there & 2 != 0 => (before.xmm, before.mxcsr),
                _ => ([0; 8], 0x1f80),
            };
            assert_eq!(bench.cpu.x87, x87, "{saved} {restored}");
            assert_eq!((bench.cpu.xmm, bench.cpu.mxcsr), sse, "{saved} {restored}");
        }
    }

    #[test]
    fn xgetbv_knows_two_registers() {
        for (ecx, value) in [(0, Some(3)), (1, Some(2)), (2, None)] {
            let mut bench = Bench::new(&[0x0f, 0x01, 0xd0]).with(&[(Ecx, ecx), (Edx, 5)]);
            match value {
                Some(value) => {
                    let _ = bench.step();
                    assert_eq!((bench.get(Eax), bench.get(Edx)), (value, 0));
                }
                None => assert_eq!(bench.step_into_exception(), Exception::GeneralProtection(0)),
            }
        }
    }
}
