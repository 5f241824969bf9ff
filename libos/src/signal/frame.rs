//! Signal frames: what a handler finds on its stack, and what a signal return reads back.
//!
//! # Source
//! `arch/x86/kernel/signal_32.c`: `struct sigframe_ia32`, `struct rt_sigframe_ia32`, `align_sigframe`.

use alloc::vec::Vec;

use pal_abi::ContextI386;

use super::fpstate;
use super::info::SigInfo;
use super::set::{SigAction, SigSet, sa};
use crate::arch::context::{CS, DS, EAX, EBP, EBX, ECX, EDI, EDX, ES, ESI, ESP, FS, GS, SS};

/// Bytes of a `sigcontext`.
pub const CONTEXT_SIZE: usize = 88;
/// Bytes of the old frame.
pub const OLD_SIZE: u32 = 732;
/// Bytes of the new frame.
pub const RT_SIZE: u32 = 268;
/// Where the `sigcontext` stands in the old frame.
pub const OLD_CONTEXT: u32 = 8;
/// Where the second word of the mask stands in the old frame.
pub const OLD_EXTRAMASK: u32 = 720;
/// Where the information stands in the new frame.
pub const RT_INFO: u32 = 16;
/// Where the `ucontext` stands in the new frame.
pub const RT_UCONTEXT: u32 = 144;
/// Where the stack, the `sigcontext` and the mask stand in a `ucontext`.
pub const UC_STACK: u32 = 8;
/// See [`UC_STACK`].
pub const UC_CONTEXT: u32 = 20;
/// See [`UC_STACK`].
pub const UC_MASK: u32 = 108;

/// The selector of the program's flat data.
const USER_DS: u32 = 0x2b;
/// In the flags of a `ucontext`: the floating-point state has XSAVE's area.
const UC_FP_XSTATE: u32 = 1;

/// EFLAGS a signal return may change.
const FIX_EFLAGS: u32 = 0x0005_0dd5;
/// EFLAGS a handler starts without: TF, DF, RF.
const HANDLER_CLEARS: u32 = 0x0001_0500;

/// The last fault of a thread, as every frame reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultRecord {
    /// Vector.
    pub trap: u32,
    /// Error code.
    pub error: u32,
    /// CR2.
    pub address: u32,
}

/// The alternate stack of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AltStack {
    /// Lowest address.
    pub base: u32,
    /// `SS_*` as set.
    pub flags: u32,
    /// Bytes; 0: disabled.
    pub size: u32,
}

impl AltStack {
    /// None.
    pub const DISABLED: Self = Self { base: 0, flags: 2, size: 0 };

    /// Whether an address lies on it.
    #[must_use]
    pub const fn holds(&self, sp: u32) -> bool {
        self.size != 0 && sp > self.base && sp - self.base <= self.size
    }

    /// The flags to report for a thread whose stack pointer is `sp`.
    #[must_use]
    pub const fn reported_flags(&self, sp: u32) -> u32 {
        if self.size == 0 {
            2
        } else if self.holds(sp) {
            1 | self.flags & 0x8000_0000
        } else {
            self.flags & 0x8000_0000
        }
    }
}

/// What a frame is built from.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Registers at the interruption.
    pub context: &'a ContextI386,
    /// Floating-point state at the interruption.
    pub fxsave: &'a [u8; fpstate::FXSAVE],
    /// Whether the processor has XSAVE.
    pub extended: bool,
    /// What the program set for the signal.
    pub action: SigAction,
    /// Where the signal came from.
    pub info: SigInfo,
    /// The mask to restore.
    pub mask: SigSet,
    /// The last fault.
    pub fault: FaultRecord,
    /// The alternate stack.
    pub alt: AltStack,
    /// Addresses of `__kernel_sigreturn` and `__kernel_rt_sigreturn`.
    pub returns: (u32, u32),
}

/// A frame, ready to be copied to its place.
#[derive(Clone, Debug)]
pub struct Frame {
    /// ESP for the handler.
    pub address: u32,
    /// The frame.
    pub bytes: Vec<u8>,
    /// Where the floating-point state goes.
    pub fp_address: u32,
    /// The floating-point state.
    pub fp: Vec<u8>,
}

fn put(bytes: &mut [u8], at: u32, value: u32) {
    let at = at as usize;
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn sigcontext(from: &Delivery<'_>, fp: u32) -> [u8; CONTEXT_SIZE] {
    let (c, mut bytes) = (from.context, [0; CONTEXT_SIZE]);
    let words = [
        c.selectors[GS],
        c.selectors[FS],
        c.selectors[ES],
        c.selectors[DS],
        c.gpr[EDI],
        c.gpr[ESI],
        c.gpr[EBP],
        c.gpr[ESP],
        c.gpr[EBX],
        c.gpr[EDX],
        c.gpr[ECX],
        c.gpr[EAX],
        from.fault.trap,
        from.fault.error,
        c.eip,
        c.selectors[CS],
        c.eflags,
        c.gpr[ESP],
        c.selectors[SS],
        fp,
        from.mask.words()[0],
        from.fault.address,
    ];
    for (n, word) in (0u32..).zip(words) {
        put(&mut bytes, n * 4, word);
    }
    bytes
}

impl Delivery<'_> {
    /// Builds the frame for this delivery; the new form where the program asked for information.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let esp = self.context.gpr[ESP];
        let on_alt = self.action.flags & sa::ONSTACK != 0 && self.alt.size != 0 && !self.alt.holds(esp);
        // A program on a stack segment of its own names a stack for its handlers in place of the restorer.
        let own_segment = self.context.selectors[SS] & 0xffff != USER_DS
            && self.action.flags & (sa::ONSTACK | sa::RESTORER) == 0
            && self.action.restorer != 0;
        let top = if on_alt {
            self.alt.base.wrapping_add(self.alt.size)
        } else if own_segment {
            self.action.restorer
        } else {
            esp
        };
        let image = top.wrapping_sub(fpstate::room(self.extended)) & !63;
        let fp_address = image.wrapping_sub(fpstate::LEGACY_BYTES);
        let new = self.action.flags & sa::SIGINFO != 0;
        let size = if new { RT_SIZE } else { OLD_SIZE };
        let address = (fp_address.wrapping_sub(size).wrapping_add(4) & !15).wrapping_sub(4);
        let mut bytes = alloc::vec![0; size as usize];
        let context = sigcontext(self, fp_address);
        let restorer =
            |default| if self.action.flags & sa::RESTORER != 0 { self.action.restorer } else { default };
        put(&mut bytes, 4, self.info.signal);
        if new {
            put(&mut bytes, 0, restorer(self.returns.1));
            put(&mut bytes, 8, address.wrapping_add(RT_INFO));
            put(&mut bytes, 12, address.wrapping_add(RT_UCONTEXT));
            bytes[RT_INFO as usize..RT_UCONTEXT as usize].copy_from_slice(&self.info.encode());
            let uc = RT_UCONTEXT;
            put(&mut bytes, uc, if self.extended { UC_FP_XSTATE } else { 0 });
            put(&mut bytes, uc + UC_STACK, self.alt.base);
            put(&mut bytes, uc + UC_STACK + 4, self.alt.reported_flags(esp));
            put(&mut bytes, uc + UC_STACK + 8, self.alt.size);
            let at = (uc + UC_CONTEXT) as usize;
            bytes[at..at + CONTEXT_SIZE].copy_from_slice(&context);
            put(&mut bytes, uc + UC_MASK, self.mask.words()[0]);
            put(&mut bytes, uc + UC_MASK + 4, self.mask.words()[1]);
            bytes[260..268].copy_from_slice(&[0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0]);
        } else {
            put(&mut bytes, 0, restorer(self.returns.0));
            let at = OLD_CONTEXT as usize;
            bytes[at..at + CONTEXT_SIZE].copy_from_slice(&context);
            put(&mut bytes, OLD_EXTRAMASK, self.mask.words()[1]);
            bytes[724..732].copy_from_slice(&[0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80]);
        }
        Frame { address, bytes, fp_address, fp: fpstate::encode(self.fxsave, self.extended) }
    }

    /// Points registers at the handler of a frame.
    pub fn enter(&self, frame: &Frame, context: &mut ContextI386) {
        let new = self.action.flags & sa::SIGINFO != 0;
        context.gpr[ESP] = frame.address;
        context.gpr[EAX] = self.info.signal;
        context.gpr[EDX] = if new { frame.address.wrapping_add(RT_INFO) } else { 0 };
        context.gpr[ECX] = if new { frame.address.wrapping_add(RT_UCONTEXT) } else { 0 };
        context.eip = self.action.handler;
        context.eflags &= !HANDLER_CLEARS;
        for (which, value) in [(DS, USER_DS), (ES, USER_DS), (SS, USER_DS), (CS, 0x23)] {
            context.selectors[which] = value;
        }
    }
}

/// What a signal return takes from a `sigcontext`: registers into `context`; gives the first word of the mask and
/// the address of the floating-point state.
pub fn restore(bytes: &[u8; CONTEXT_SIZE], context: &mut ContextI386) -> (u32, u32) {
    let word = |n: usize| {
        let mut value = [0; 4];
        value.copy_from_slice(&bytes[n * 4..n * 4 + 4]);
        u32::from_le_bytes(value)
    };
    let selector = |n: usize| word(n) & 0xffff;
    for (which, n) in [(GS, 0), (FS, 1), (ES, 2), (DS, 3)] {
        // A null selector stays one; others get the program's privilege (`fixup_rpl`).
        context.selectors[which] = if selector(n) > 3 { selector(n) | 3 } else { selector(n) };
    }
    for (which, n) in [(EDI, 4), (ESI, 5), (EBP, 6), (ESP, 7), (EBX, 8), (EDX, 9), (ECX, 10), (EAX, 11)] {
        context.gpr[which] = word(n);
    }
    context.eip = word(14);
    context.selectors[CS] = selector(15) | 3;
    context.eflags = context.eflags & !FIX_EFLAGS | word(16) & FIX_EFLAGS;
    context.selectors[SS] = selector(18) | 3;
    (word(20), word(19))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pal_abi::Layout as _;

    fn delivery(context: &ContextI386, flags: u32) -> Frame {
        let action = SigAction { handler: 0x8049000, flags, restorer: 0, mask: SigSet::EMPTY };
        Delivery {
            context,
            fxsave: &fpstate::initial(),
            extended: flags & sa::SIGINFO != 0,
            action,
            info: SigInfo::fault(11, 1, 0xdead),
            mask: SigSet(0x5_0000_0002),
            fault: FaultRecord { trap: 14, error: 4, address: 0xdead },
            alt: AltStack::DISABLED,
            returns: (0x1000, 0x2000),
        }
        .frame()
    }

    #[test]
    fn frames_are_aligned_and_return_the_registers() {
        let mut context = ContextI386::ZERO;
        context.gpr = [1, 2, 3, 4, 0xbfff_fff3, 6, 7, 8];
        context.eip = 0x8048123;
        context.eflags = 0x246;
        for (flags, at, returns) in
            [(0, OLD_CONTEXT, 0x1000), (sa::SIGINFO, RT_UCONTEXT + UC_CONTEXT, 0x2000)]
        {
            let frame = delivery(&context, flags);
            assert_eq!((frame.address + 4) % 16, 0);
            assert_eq!((frame.fp_address + 112) % 64, 0);
            assert_eq!(frame.bytes[..4], u32::to_le_bytes(returns));
            let bytes: [u8; CONTEXT_SIZE] = frame.bytes[at as usize..at as usize + 88].try_into().unwrap();
            let mut back = ContextI386::ZERO;
            assert_eq!(restore(&bytes, &mut back), (2, frame.fp_address));
            assert_eq!(back.gpr, context.gpr);
            assert_eq!(back.eip, context.eip);
            // IF, bit 1 and the like are the machine's own.
            assert_eq!(back.eflags, 0x44);
        }
    }
}
