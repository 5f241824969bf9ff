//! FNSTENV FLDENV FNSAVE FRSTOR: the unit's state in memory, in the 16- and 32-bit protected-mode layouts. SDM vol. 1,
//! figures 8-9 and 8-10.

use super::site::{check_pending, memory, plus};
use crate::decode::Insn;
use crate::emit::{Emit, Flow, FlowOf, Width};
use crate::helper_table::{Helper, HelperArgs};
use crate::helpers::softfloat::F80;
use crate::state::{CpuState, X87State};
use iced_x86::Code;

/// Bytes of the environment in its two layouts.
const WIDE: u32 = 28;
const NARROW: u32 = 14;

/// Whether this form has the 16-bit layout.
fn is_narrow(i: &Insn) -> bool {
    matches!(
        i.code(),
        Code::Fnstenv_m14byte | Code::Fldenv_m14byte | Code::Fnsave_m94byte | Code::Frstor_m94byte
    )
}

/// The seven words of the 32-bit layout.
fn words(x: &X87State) -> [u32; 7] {
    const UPPER: u32 = 0xffff_0000;
    [
        UPPER | u32::from(x.control),
        UPPER | u32::from(x.status_word()),
        UPPER | u32::from(x.tag_word()),
        x.instruction_offset,
        u32::from(x.instruction_selector) | u32::from(x.opcode) << 16,
        x.data_offset,
        UPPER | u32::from(x.data_selector),
    ]
}

/// Word `args[0]` of the environment in the 32-bit layout.
pub fn environment_word_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    u64::from(words(&cpu.x87)[(args[0] & 7) as usize % 7])
}

/// Stores the environment at `at`; the caller has probed.
fn store_environment<E: Emit>(e: &mut E, at: E::Int, narrow: bool) {
    for n in 0..7 {
        let number = e.imm(Width::B8, u64::from(n));
        let word = e.helper(Helper::X87EnvironmentWord, &[number]);
        // In the 16-bit layout each word is cut to its low half: FOP is left out.
        let (width, offset) = if narrow { (Width::B16, 2 * n) } else { (Width::B32, 4 * n) };
        let word = e.zext(width, word);
        let to = plus(e, at, offset);
        e.store(to, word);
    }
}

/// Size of the words of the layout that has `len` bytes in all, with or without registers.
const fn first_word(len: u32) -> Width {
    if len == NARROW || len == NARROW + 80 { Width::B16 } else { Width::B32 }
}

/// Faults where storing `len` bytes would: the processor asks for the first word, then the last byte, then the rest.
fn probe<E: Emit>(e: &mut E, at: E::Int, len: u32) {
    let last = plus(e, at, len - 1);
    e.probe_write(at, first_word(len).bytes());
    e.probe_write(last, 1);
    e.probe_write(at, len);
}

/// Likewise where loading them would; what lies between is loaded in any case.
fn probe_load<E: Emit>(e: &mut E, at: E::Int, len: u32) {
    e.load(first_word(len), at);
    let last = plus(e, at, len - 1);
    e.load(Width::B8, last);
}

/// `FNSTENV` — and then all exceptions are masked.
pub fn fnstenv<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let narrow = is_narrow(i);
    let (at, _) = memory(e, i);
    probe(e, at, if narrow { NARROW } else { WIDE });
    store_environment(e, at, narrow);
    e.helper(Helper::X87MaskExceptions, &[]);
    Flow::Next
}

/// Masks all exceptions.
pub fn mask_exceptions_helper(cpu: &mut CpuState, _: &HelperArgs) -> u64 {
    let control = cpu.x87.control | 0x3f;
    cpu.x87.set_control(control);
    0
}

/// `FNSAVE` — environment and registers; and then the unit is initialised.
pub fn fnsave<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    let narrow = is_narrow(i);
    let environment = if narrow { NARROW } else { WIDE };
    let (at, _) = memory(e, i);
    probe(e, at, environment + 80);
    store_environment(e, at, narrow);
    for n in 0..8 {
        let number = e.imm(Width::B8, u64::from(n));
        let low = e.helper(Helper::X87RegisterLow, &[number]);
        let high = e.helper(Helper::X87RegisterHigh, &[number]);
        let high = e.zext(Width::B16, high);
        let to = plus(e, at, environment + 10 * n);
        store_words(e, to, Width::B16, low);
        let to = plus(e, at, environment + 10 * n + 8);
        e.store(to, high);
    }
    e.helper(Helper::X87Initialize, &[]);
    Flow::Next
}

/// Significand of ST(`args[0]`), empty or not.
pub fn register_low_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    cpu.x87.st((args[0] & 7) as u8).sig
}

/// Sign and exponent of ST(`args[0]`), empty or not.
pub fn register_high_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    u64::from(cpu.x87.st((args[0] & 7) as u8).se)
}

/// `count` words at `at` as one 64-bit integer, lowest first. The words are loaded one by one, because that is how their
/// alignment is checked where EFLAGS.AC is set.
fn load_words<E: Emit>(e: &mut E, at: E::Int, width: Width, count: u32) -> E::Int {
    let first = e.load(width, at);
    let mut all = e.zext(Width::B64, first);
    for n in 1..count {
        let from = plus(e, at, n * width.bytes());
        let word = e.load(width, from);
        let word = e.zext(Width::B64, word);
        let by = e.imm(Width::B8, u64::from(n * width.bits()));
        let word = e.shl(word, by);
        all = e.or(all, word);
    }
    all
}

/// Stores the words of a 64-bit integer one by one.
fn store_words<E: Emit>(e: &mut E, at: E::Int, width: Width, value: E::Int) {
    for n in 0..8 / width.bytes() {
        let by = e.imm(Width::B8, u64::from(n * width.bits()));
        let word = e.shr(value, by);
        let word = e.zext(width, word);
        let to = plus(e, at, n * width.bytes());
        e.store(to, word);
    }
}

/// An environment that has been read: pieces of memory, lowest first.
fn read_environment<E: Emit>(e: &mut E, at: E::Int, narrow: bool) -> [E::Int; 4] {
    let (width, counts) = if narrow { (Width::B16, [4, 2, 1, 0]) } else { (Width::B32, [2, 2, 2, 1]) };
    let mut offset = 0;
    counts.map(|count| {
        if count == 0 {
            return e.imm(Width::B64, 0);
        }
        let from = plus(e, at, offset);
        offset += count * width.bytes();
        load_words(e, from, width, count)
    })
}

fn load_environment<E: Emit>(e: &mut E, pieces: &[E::Int; 4], narrow: bool) {
    let helper = if narrow { Helper::X87LoadEnvironment16 } else { Helper::X87LoadEnvironment32 };
    e.helper(helper, pieces);
}

/// `FLDENV`
pub fn fldenv<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    check_pending(e);
    let (at, _) = memory(e, i);
    probe_load(e, at, if is_narrow(i) { NARROW } else { WIDE });
    let pieces = read_environment(e, at, is_narrow(i));
    load_environment(e, &pieces, is_narrow(i));
    Flow::Next
}

/// `FRSTOR`
pub fn frstor<E: Emit>(e: &mut E, i: &Insn) -> FlowOf<E> {
    check_pending(e);
    let narrow = is_narrow(i);
    let environment = if narrow { NARROW } else { WIDE };
    let (at, _) = memory(e, i);
    probe_load(e, at, environment + 80);
    let pieces = read_environment(e, at, narrow);
    let mut registers = [(at, at); 8];
    for (n, register) in (0..).zip(&mut registers) {
        let from = plus(e, at, environment + 10 * n);
        let low = load_words(e, from, Width::B16, 4);
        let from = plus(e, at, environment + 10 * n + 8);
        *register = (low, e.load(Width::B16, from));
    }
    load_environment(e, &pieces, narrow);
    for (n, (low, high)) in (0..).zip(registers) {
        let number = e.imm(Width::B8, n);
        e.helper(Helper::X87SetRegister, &[number, low, high]);
    }
    Flow::Next
}

/// Puts an image into ST(`args[0]`), leaving it empty or not as it is.
pub fn set_register_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let n = usize::from(cpu.x87.top.wrapping_add((args[0] & 7) as u8) & 7);
    cpu.x87.regs[n] = F80 { se: (args[2] & 0xffff) as u16, sig: args[1] }.to_bits();
    0
}

fn set(x: &mut X87State, control: u64, status: u64, tags: u64) {
    let word = |v: u64| (v & 0xffff) as u16;
    // The status word comes second, so that ES follows from both.
    x.set_control(word(control));
    x.set_status(word(status));
    x.set_tag_word(word(tags));
}

/// Loads the environment from seven 32-bit words, two to an argument.
pub fn load_environment_32_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let x = &mut cpu.x87;
    set(x, args[0], args[0] >> 32, args[1]);
    x.instruction_offset = (args[1] >> 32) as u32;
    x.instruction_selector = (args[2] & 0xffff) as u16;
    x.opcode = (args[2] >> 16 & 0x7ff) as u16;
    x.data_offset = (args[2] >> 32) as u32;
    x.data_selector = (args[3] & 0xffff) as u16;
    0
}

/// Loads the environment from seven 16-bit words: four, two, one.
pub fn load_environment_16_helper(cpu: &mut CpuState, args: &HelperArgs) -> u64 {
    let x = &mut cpu.x87;
    set(x, args[0], args[0] >> 16, args[0] >> 32);
    x.instruction_offset = (args[0] >> 48) as u32;
    x.instruction_selector = (args[1] & 0xffff) as u16;
    x.opcode = 0;
    x.data_offset = (args[1] >> 16 & 0xffff) as u32;
    x.data_selector = (args[2] & 0xffff) as u16;
    0
}
