//! The local descriptor table that every test case runs with: one descriptor of each kind that user mode can have.
//!
//! The worker makes them with `modify_ldt`, the implementations get the same table. The entries begin far from 0, so that
//! small selectors with TI set still name nothing.

use crate::layout::{CODE, DATA, LOW, STACK};
use frontend_x86::descriptor::Ldt;
use std::sync::{Arc, OnceLock};

/// What a descriptor is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Data in any data segment register, SS among them where it can be written.
    Data,
    /// A stack.
    Stack,
    /// Code.
    Code,
}

/// A descriptor as `modify_ldt` takes it: base, limit, flags of `struct user_desc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// What it is for.
    pub used: Use,
    /// Linear base.
    pub base: u32,
    /// Limit in bytes or pages.
    pub limit: u32,
    /// `seg_32bit`, `contents`, `read_exec_only`, `limit_in_pages`, `seg_not_present`, from bit 0.
    pub flags: u32,
}

/// `seg_32bit` of [`Descriptor::flags`].
pub const BIG: u32 = 1;
const DOWN: u32 = 1 << 1;
const EXECUTE: u32 = 2 << 1;
const CONFORMING: u32 = 3 << 1;
const READ_OR_EXECUTE_ONLY: u32 = 1 << 3;
const PAGES: u32 = 1 << 4;
const ABSENT: u32 = 1 << 5;

const fn of(used: Use, base: u32, limit: u32, flags: u32) -> Descriptor {
    Descriptor { used, base, limit, flags }
}

/// The base with which offsets up to 0xffff reach the end of a window of two pages.
const fn below(end: u32) -> u32 {
    end - 0x1_0000
}

/// All of them, from [`FIRST`] on.
pub const DESCRIPTORS: [Descriptor; 24] = [
    of(Use::Data, 0, 0xf_ffff, BIG | PAGES),
    of(Use::Data, DATA.base, 0x17ff, BIG),
    of(Use::Data, DATA.base, 0x17ff, 0),
    of(Use::Data, DATA.base, 0, BIG | PAGES),
    of(Use::Data, DATA.base, 0, BIG),
    of(Use::Data, DATA.base, 0x7ff, BIG | DOWN),
    of(Use::Data, below(DATA.end()), 0xe7ff, DOWN),
    of(Use::Data, DATA.base, 0xf_ffff, BIG | DOWN | PAGES),
    of(Use::Data, DATA.base, 0x1fff, BIG | READ_OR_EXECUTE_ONLY),
    of(Use::Data, DATA.base, 0x7ff, BIG | DOWN | READ_OR_EXECUTE_ONLY),
    of(Use::Data, DATA.base, 0x1fff, BIG | ABSENT),
    of(Use::Data, LOW.base, 0xffff, 0),
    of(Use::Stack, STACK.base, 0x1bff, BIG),
    of(Use::Stack, STACK.base, 0x1bff, 0),
    of(Use::Stack, below(STACK.end()), 0xffff, 0),
    of(Use::Stack, STACK.base, 0x7ff, BIG | DOWN),
    of(Use::Stack, below(STACK.end()), 0xe7ff, DOWN),
    of(Use::Stack, STACK.base, 0xf_ffff, PAGES),
    of(Use::Code, 0, 0xf_ffff, BIG | PAGES | EXECUTE),
    of(Use::Code, 0, 0xf_ffff, BIG | PAGES | EXECUTE | READ_OR_EXECUTE_ONLY),
    of(Use::Code, 0, CODE.base >> 12, BIG | PAGES | EXECUTE),
    of(Use::Code, CODE.base, 0x17ff, BIG | EXECUTE),
    of(Use::Code, CODE.base, 0x17ff, EXECUTE),
    of(Use::Code, 0, 0xf_ffff, BIG | PAGES | CONFORMING | ABSENT),
];

/// Index of the first descriptor.
pub const FIRST: u16 = 0x120;

/// The selector of a descriptor, with RPL 3.
#[must_use]
pub const fn selector(n: usize) -> u16 {
    (FIRST + n as u16) << 3 | 7
}

/// The descriptor that a selector names, if it is one of these.
#[must_use]
pub fn named(selector: u16) -> Option<&'static Descriptor> {
    let n = (selector >> 3).checked_sub(FIRST)?;
    DESCRIPTORS.get(usize::from(n)).filter(|_| selector & 4 != 0)
}

/// A descriptor in the form of the table. SDM vol. 3A, figure 3-8.
#[must_use]
pub fn encode(d: &Descriptor) -> u64 {
    let flag = |mask: u32, at: u32| u64::from(d.flags & mask != 0) << at;
    let unless = |mask: u32, at: u32| u64::from(d.flags & mask == 0) << at;
    let (base, limit) = (u64::from(d.base), u64::from(d.limit));
    limit & 0xffff
        | (limit >> 16 & 0xf) << 48
        | (base & 0xff_ffff) << 16
        | (base >> 24) << 56
        | 1 << 40 // accessed
        | unless(READ_OR_EXECUTE_ONLY, 41)
        | u64::from(d.flags >> 1 & 3) << 42
        | 1 << 44 // code or data
        | 3 << 45 // DPL
        | unless(ABSENT, 47)
        | flag(BIG, 54)
        | flag(PAGES, 55)
}

/// The table.
pub(crate) fn table() -> Arc<Ldt> {
    static TABLE: OnceLock<Arc<Ldt>> = OnceLock::new();
    let make = || {
        let ldt = Ldt::default();
        for (n, d) in DESCRIPTORS.iter().enumerate() {
            ldt.set(usize::from(FIRST) + n, encode(d));
        }
        Arc::new(ldt)
    };
    Arc::clone(TABLE.get_or_init(make))
}
