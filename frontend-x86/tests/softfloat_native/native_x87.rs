//! One x87 instruction on the processor itself.

use core::arch::asm;
use frontend_x86::helpers::softfloat::F80;

/// An 80-bit memory operand.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(crate) struct Image(pub(crate) [u8; 16]);

impl Image {
    pub(crate) fn new(v: F80) -> Self {
        Self(v.to_bits().to_le_bytes())
    }
    pub(crate) fn value(self) -> F80 {
        F80::from_bits(u128::from_le_bytes(self.0))
    }
}

/// What an instruction left: ST(0), ST(1) after it, and the status word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) st0: F80,
    pub(crate) status: u16,
}

/// Defines `fn name(a, b, control) -> Seen`: `instruction` with a in ST(0) and b in ST(1); the result in ST(0), after
/// a last instruction that cannot raise anything where one is given.
macro_rules! register_operation {
    ($($name:ident: $instruction:literal $(then $last:literal)?),* $(,)?) => { $(
        pub(crate) fn $name(a: F80, b: F80, control: u16) -> Seen {
            let (a, b) = (Image::new(a), Image::new(b));
            let mut out = Image([0; 16]);
            let mut status: u16;
            let masked = 0x037fu16;
            // SAFETY: all x87 registers are declared clobbered and the stack is left empty, the memory operands are
            // locals of sufficient size, and pending exceptions are cleared before the next waiting instruction.
            unsafe {
                asm!(
                    "fninit",
                    "fld tbyte ptr [{b}]",
                    "fld tbyte ptr [{a}]",
                    "fldcw word ptr [{cw}]",
                    $instruction,
                    "fnstsw ax",
                    "fnclex",
                    "fldcw word ptr [{masked}]",
                    $($last,)?
                    "fstp tbyte ptr [{out}]",
                    "fninit",
                    a = in(reg) &raw const a, b = in(reg) &raw const b,
                    cw = in(reg) &raw const control, masked = in(reg) &raw const masked,
                    out = in(reg) &raw mut out, out("ax") status,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            Seen { st0: out.value(), status }
        }
    )* };
}

register_operation! {
    fadd: "fadd st, st(1)",
    fsub: "fsub st, st(1)",
    fsubr: "fsubr st, st(1)",
    fmul: "fmul st, st(1)",
    fdiv: "fdiv st, st(1)",
    fdivr: "fdivr st, st(1)",
    fsqrt: "fsqrt",
    fscale: "fscale",
    frndint: "frndint",
    fprem: "fprem",
    fprem1: "fprem1",
    fcom: "fcom st(1)",
    fucom: "fucom st(1)",
    ftst: "ftst",
    fxam: "fxam",
    fxtract_significand: "fxtract",
    fxtract_exponent: "fxtract" then "fxch",
    f2xm1: "f2xm1",
    fsin: "fsin",
    fcos: "fcos",
    fptan_tangent: "fptan" then "fxch",
    fpatan: "fpatan",
    fyl2x: "fyl2x",
    fyl2xp1: "fyl2xp1",
}

/// Defines `fn name(a, control) -> (bytes, status)`: stores ST(0); the buffer holds 0xAA before.
macro_rules! store_operation {
    ($($name:ident: $instruction:literal),* $(,)?) => { $(
        pub(crate) fn $name(a: F80, control: u16) -> (u128, u16) {
            let a = Image::new(a);
            let mut out = Image([0xaa; 16]);
            let mut status: u16;
            // SAFETY: as for register operations; at most 10 bytes of `out` are written.
            unsafe {
                asm!(
                    "fninit",
                    "fld tbyte ptr [{a}]",
                    "fldcw word ptr [{cw}]",
                    $instruction,
                    "fnstsw ax",
                    "fnclex",
                    "fninit",
                    a = in(reg) &raw const a, cw = in(reg) &raw const control,
                    out = in(reg) &raw mut out, out("ax") status,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            (u128::from_le_bytes(out.0), status)
        }
    )* };
}

store_operation! {
    fst32: "fst dword ptr [{out}]",
    fst64: "fst qword ptr [{out}]",
    fist16: "fist word ptr [{out}]",
    fist32: "fist dword ptr [{out}]",
    fistp64: "fistp qword ptr [{out}]",
    fisttp16: "fisttp word ptr [{out}]",
    fisttp32: "fisttp dword ptr [{out}]",
    fisttp64: "fisttp qword ptr [{out}]",
    fbstp: "fbstp tbyte ptr [{out}]",
}

/// Defines `fn name(bits, control) -> Seen`: loads from memory; 0 is on the stack below.
macro_rules! load_operation {
    ($($name:ident: $instruction:literal),* $(,)?) => { $(
        pub(crate) fn $name(bits: u128, control: u16) -> Seen {
            let a = Image(bits.to_le_bytes());
            let mut out = Image([0; 16]);
            let mut status: u16;
            let masked = 0x037fu16;
            // SAFETY: as for register operations.
            unsafe {
                asm!(
                    "fninit",
                    "fldz",
                    "fldcw word ptr [{cw}]",
                    $instruction,
                    "fnstsw ax",
                    "fnclex",
                    "fldcw word ptr [{masked}]",
                    "fstp tbyte ptr [{out}]",
                    "fninit",
                    a = in(reg) &raw const a, cw = in(reg) &raw const control,
                    masked = in(reg) &raw const masked,
                    out = in(reg) &raw mut out, out("ax") status,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            Seen { st0: out.value(), status }
        }
    )* };
}

load_operation! {
    fld32: "fld dword ptr [{a}]",
    fld64: "fld qword ptr [{a}]",
    fild16: "fild word ptr [{a}]",
    fild32: "fild dword ptr [{a}]",
    fild64: "fild qword ptr [{a}]",
    fbld: "fbld tbyte ptr [{a}]",
}
