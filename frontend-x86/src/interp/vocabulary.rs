//! The vocabulary of [`Emit`], computed.

#![expect(clippy::cast_possible_truncation, reason = "values are cut to their width on purpose")]

use super::{Interp, Progress, Value, lanes};
use crate::decode::{Insn, MemoryAccess};
use crate::emit::{AtomicOp, Emit, Lane, Reg, StringInsn, VecBitOp, VecOp, VecShift, Width};
use crate::engine::Exception;
use crate::flags::{ARITHMETIC, Cond, Flag, FlagRule, LazyFlags};
use crate::helper_table::{Helper, VecHelper};
use crate::memory::{Fault, GuestAddr, GuestMemory};
use crate::operand::Address;
use crate::state::{Gpr, Segment, eflags};

/// From this offset on an operand may run over the end of a flat segment: the longest, FXSAVE's, has 512 bytes.
const NEAR_END: u32 = 0xffff_fe00;

impl<M: GuestMemory + ?Sized> Emit for Interp<'_, M> {
    type Int = Value;
    type Bool = bool;
    type Vec = u128;

    #[inline]
    fn imm(&mut self, w: Width, k: u64) -> Value {
        Value::new(w, k)
    }
    #[inline]
    fn bool(&mut self, k: bool) -> bool {
        k
    }
    #[inline]
    fn reg(&mut self, r: Reg) -> Value {
        let full = self.cpu.gpr[r.gpr() as usize];
        Value::new(r.width(), u64::from(full >> r.shift()))
    }
    #[inline]
    fn set_reg(&mut self, r: Reg, v: Value) {
        if !self.live() {
            return;
        }
        let full = &mut self.cpu.gpr[r.gpr() as usize];
        let mask = r.width().mask() as u32;
        let shift = r.shift();
        *full = *full & !(mask << shift) | (v.bits() as u32 & mask) << shift;
    }
    fn segment_base(&mut self, s: Segment) -> Value {
        Value::new(Width::B32, u64::from(self.cpu.segments[s as usize].base))
    }
    fn selector(&mut self, s: Segment) -> Value {
        Value::new(Width::B16, u64::from(self.cpu.segments[s as usize].selector))
    }

    #[inline]
    fn width(&self, v: Value) -> Width {
        v.width()
    }
    #[inline]
    fn add(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits().wrapping_add(b.bits()))
    }
    #[inline]
    fn sub(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits().wrapping_sub(b.bits()))
    }
    #[inline]
    fn mul(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits().wrapping_mul(b.bits()))
    }
    fn udiv(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits().checked_div(b.bits()).unwrap_or(0))
    }
    fn urem(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits().checked_rem(b.bits()).unwrap_or(a.bits()))
    }
    fn sdiv(&mut self, a: Value, b: Value) -> Value {
        let quotient = if b.signed() == 0 { 0 } else { a.signed().wrapping_div(b.signed()) };
        a.with(quotient.cast_unsigned())
    }
    fn srem(&mut self, a: Value, b: Value) -> Value {
        let rest = if b.signed() == 0 { a.signed() } else { a.signed().wrapping_rem(b.signed()) };
        a.with(rest.cast_unsigned())
    }
    #[inline]
    fn and(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits() & b.bits())
    }
    #[inline]
    fn or(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits() | b.bits())
    }
    #[inline]
    fn xor(&mut self, a: Value, b: Value) -> Value {
        a.with(a.bits() ^ b.bits())
    }
    #[inline]
    fn not(&mut self, a: Value) -> Value {
        a.with(!a.bits())
    }
    #[inline]
    fn shl(&mut self, a: Value, n: Value) -> Value {
        a.with(if n.bits() < 64 { a.bits() << n.bits() } else { 0 })
    }
    #[inline]
    fn shr(&mut self, a: Value, n: Value) -> Value {
        a.with(if n.bits() < 64 { a.bits() >> n.bits() } else { 0 })
    }
    #[inline]
    fn sar(&mut self, a: Value, n: Value) -> Value {
        a.with((a.signed() >> n.bits().min(63)).cast_unsigned())
    }
    fn rotl(&mut self, a: Value, n: Value) -> Value {
        let w = u64::from(a.width().bits());
        let n = n.bits() % w;
        if n == 0 { a } else { a.with(a.bits() << n | a.bits() >> (w - n)) }
    }
    fn rotr(&mut self, a: Value, n: Value) -> Value {
        let w = u64::from(a.width().bits());
        let n = n.bits() % w;
        if n == 0 { a } else { a.with(a.bits() >> n | a.bits() << (w - n)) }
    }
    fn clz(&mut self, a: Value) -> Value {
        a.with(u64::from(a.bits().leading_zeros() - (64 - a.width().bits())))
    }
    fn ctz(&mut self, a: Value) -> Value {
        a.with(u64::from(a.bits().trailing_zeros().min(a.width().bits())))
    }
    fn popcnt(&mut self, a: Value) -> Value {
        a.with(u64::from(a.bits().count_ones()))
    }
    fn bswap(&mut self, a: Value) -> Value {
        a.with(a.bits().swap_bytes() >> (64 - a.width().bits()))
    }
    #[inline]
    fn zext(&mut self, w: Width, a: Value) -> Value {
        Value::new(w, a.bits())
    }
    #[inline]
    fn sext(&mut self, w: Width, a: Value) -> Value {
        Value::new(w, a.signed().cast_unsigned())
    }

    #[inline]
    fn eq(&mut self, a: Value, b: Value) -> bool {
        a.bits() == b.bits()
    }
    #[inline]
    fn ult(&mut self, a: Value, b: Value) -> bool {
        a.bits() < b.bits()
    }
    #[inline]
    fn slt(&mut self, a: Value, b: Value) -> bool {
        a.signed() < b.signed()
    }
    #[inline]
    fn both(&mut self, a: bool, b: bool) -> bool {
        a & b
    }
    #[inline]
    fn either(&mut self, a: bool, b: bool) -> bool {
        a | b
    }
    #[inline]
    fn negate(&mut self, a: bool) -> bool {
        !a
    }
    #[inline]
    fn from_bool(&mut self, w: Width, c: bool) -> Value {
        Value::new(w, u64::from(c))
    }
    #[inline]
    fn select(&mut self, c: bool, a: Value, b: Value) -> Value {
        if c { a } else { b }
    }

    #[inline]
    fn address(&mut self, a: &Address) -> Value {
        // As `operand::effective`, without its intermediate values.
        let mut offset = a.displacement;
        if let Some(base) = a.base {
            offset = offset.wrapping_add(self.cpu.gpr[base as usize]);
        }
        if let Some(index) = a.index {
            offset = offset.wrapping_add(self.cpu.gpr[index as usize] << a.scale);
        }
        if a.size16 {
            offset &= 0xffff;
        }
        let segment = &self.cpu.segments[a.segment as usize];
        let linear = segment.base.wrapping_add(offset);
        if !segment.is_unlimited_data() || offset >= NEAR_END {
            self.check_operand(a.segment, offset);
        }
        Value::new(Width::B32, u64::from(linear))
    }
    #[inline]
    fn in_segment(&mut self, s: Segment, offset: Value, len: u32, access: MemoryAccess) -> Value {
        let (segment, offset) = (&self.cpu.segments[s as usize], offset.low32());
        let linear = segment.base.wrapping_add(offset);
        if !segment.is_unlimited_data() || offset >= NEAR_END {
            self.check_segment(s, offset, len, access != MemoryAccess::Read);
        }
        Value::new(Width::B32, u64::from(linear))
    }
    #[inline]
    fn stack(&mut self, offset: Value, len: u32, access: MemoryAccess) -> Value {
        let offset = if self.has_16_bit_stack() { offset.with(offset.bits() & 0xffff) } else { offset };
        self.in_segment(Segment::Ss, offset, len, access)
    }
    #[inline]
    fn stack_pointer(&mut self, offset: Value) -> Value {
        if self.has_16_bit_stack() {
            let upper = u64::from(self.cpu.gpr[Gpr::Esp as usize] & 0xffff_0000);
            return offset.with(upper | offset.bits() & 0xffff);
        }
        offset
    }
    #[inline]
    fn code_target(&mut self, offset: Value) {
        let outside = offset.low32() > self.cpu.segments[Segment::Cs as usize].limit;
        self.raise_if(outside, Exception::GeneralProtection(0));
    }
    #[inline]
    fn load(&mut self, w: Width, addr: Value) -> Value {
        self.check_aligned(addr, w.bytes());
        if !self.live() {
            return Value::new(w, 0);
        }
        let at = GuestAddr(addr.low32());
        let memory = self.memory;
        let bits = match w {
            Width::B8 => memory.load8(at).map(u64::from),
            Width::B16 => memory.load16(at).map(u64::from),
            Width::B32 => memory.load32(at).map(u64::from),
            Width::B64 => memory.load64(at),
        };
        let bits = bits.map_err(|fault| self.read_fault(at, w, fault));
        Value::new(w, self.access(bits))
    }
    #[inline]
    fn store(&mut self, addr: Value, v: Value) {
        self.check_aligned(addr, v.width().bytes());
        if !self.live() {
            return;
        }
        let at = GuestAddr(addr.low32());
        let result = match v.width() {
            Width::B8 => self.memory.store8(at, v.bits() as u8),
            Width::B16 => self.memory.store16(at, v.bits() as u16),
            Width::B32 => self.memory.store32(at, v.bits() as u32),
            Width::B64 => self.memory.store64(at, v.bits()),
        };
        self.access(result);
    }
    fn probe_write(&mut self, addr: Value, len: u32) {
        if len.is_power_of_two() && len <= 8 {
            self.check_aligned(addr, len);
        }
        if self.live() {
            let result = self.memory.probe_write(GuestAddr(addr.low32()), len);
            self.access(result);
        }
    }
    /// Linux enables the check for user mode. It comes before #PF.
    #[inline]
    fn check_aligned(&mut self, addr: Value, bytes: u32) {
        if self.cpu.eflags & eflags::AC != 0 {
            let misaligned = !addr.low32().is_multiple_of(bytes);
            self.raise_if(misaligned, Exception::Alignment);
        }
    }
    fn atomic(&mut self, op: AtomicOp, addr: Value, v: Value) -> Value {
        let mut old = self.load(v.width(), addr);
        while self.live() {
            let new = match op {
                AtomicOp::Add => self.add(old, v),
                AtomicOp::Sub => self.sub(old, v),
                AtomicOp::And => self.and(old, v),
                AtomicOp::Or => self.or(old, v),
                AtomicOp::Xor => self.xor(old, v),
                AtomicOp::Xchg => v,
                AtomicOp::Neg => old.with(old.bits().wrapping_neg()),
            };
            let seen = self.atomic_cas(addr, old, new);
            if seen == old {
                break;
            }
            old = seen;
        }
        old
    }
    fn atomic_cas(&mut self, addr: Value, expected: Value, new: Value) -> Value {
        self.check_aligned(addr, expected.width().bytes());
        if !self.live() {
            return expected;
        }
        let at = GuestAddr(addr.low32());
        let result = self.memory.compare_exchange(at, expected.width().bytes(), expected.bits(), new.bits());
        let old = self.access(result);
        expected.with(old)
    }
    fn fence(&mut self) {
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
    }
    fn string(&mut self, s: StringInsn) {
        if !self.live() {
            return;
        }
        match super::string(self.cpu, self.memory, s) {
            Progress::Finished => {}
            Progress::Unfinished => self.again = true,
            Progress::Fault(exception) => self.raise(exception),
        }
    }

    #[inline]
    fn set_flags(&mut self, rule: FlagRule, a: Value, b: Value, r: Value) {
        if self.live() {
            self.cpu.flags = LazyFlags::new(rule, r.width(), a.low32(), b.low32(), r.low32());
        }
    }
    #[inline]
    fn set_flags_if(&mut self, c: bool, rule: FlagRule, a: Value, b: Value, r: Value) {
        if c {
            self.set_flags(rule, a, b, r);
        }
    }
    fn set_flag(&mut self, f: Flag, v: bool) {
        if self.live() {
            let others = self.cpu.flags.bits() & !(f as u32);
            self.cpu.flags = LazyFlags::from_bits(others | if v { f as u32 } else { 0 });
        }
    }
    #[inline]
    fn flag(&mut self, f: Flag) -> bool {
        self.cpu.flags.get(f)
    }
    #[inline]
    fn cond(&mut self, c: Cond) -> bool {
        self.cpu.flags.holds(c)
    }
    fn eflags(&mut self) -> Value {
        Value::new(Width::B32, u64::from(self.cpu.eflags_image() & !eflags::RF))
    }
    fn set_eflags(&mut self, mask: u32, v: Value) {
        if !self.live() {
            return;
        }
        let image = self.cpu.eflags_image() & !mask | v.low32() & mask;
        if mask & ARITHMETIC != 0 {
            self.cpu.flags = LazyFlags::from_bits(image);
        }
        self.cpu.eflags = image & !ARITHMETIC | eflags::FIXED | eflags::IF;
    }

    #[inline]
    fn when(&mut self, c: bool, then: impl FnOnce(&mut Self)) {
        if c && self.live() {
            then(self);
        }
    }
    #[inline]
    fn raise_if(&mut self, c: bool, e: Exception) {
        if c {
            self.raise(e);
        }
    }
    fn raise_status(&mut self, status: Value) {
        if let Some(exception) = Exception::from_status(status.bits()) {
            self.raise(exception);
        }
    }
    fn timestamp(&mut self) -> Value {
        Value::new(Width::B64, self.memory.timestamp())
    }
    fn random(&mut self) -> Value {
        Value::new(Width::B64, crate::memory::random_word(self.memory.random()))
    }

    #[inline]
    fn xmm(&mut self, n: u8) -> u128 {
        self.cpu.xmm[usize::from(n & 7)]
    }
    #[inline]
    fn set_xmm(&mut self, n: u8, v: u128) {
        if self.live() {
            self.cpu.xmm[usize::from(n & 7)] = v;
        }
    }
    fn mmx(&mut self, n: u8) -> Value {
        #[expect(clippy::cast_possible_truncation, reason = "the significand")]
        let significand = self.cpu.x87.regs[usize::from(n & 7)] as u64;
        Value::new(Width::B64, significand)
    }
    fn set_mmx(&mut self, n: u8, v: Value) {
        if self.live() {
            self.cpu.x87.regs[usize::from(n & 7)] = 0xffff << 64 | u128::from(v.bits());
        }
    }
    fn set_x87_tags(&mut self, valid: bool) {
        if self.live() {
            self.cpu.x87.top = 0;
            self.cpu.x87.valid = if valid { 0xff } else { 0 };
        }
    }
    fn x87_pending(&mut self) -> bool {
        self.cpu.x87.is_pending()
    }
    fn load_vec(&mut self, addr: Value, aligned: bool) -> u128 {
        self.check_vector(addr, aligned);
        self.check_aligned(addr, 16);
        if !self.live() {
            return 0;
        }
        let result = self.memory.load128(GuestAddr(addr.low32()));
        self.access(result)
    }
    fn store_vec(&mut self, addr: Value, v: u128, aligned: bool) {
        self.check_vector(addr, aligned);
        self.check_aligned(addr, 16);
        if self.live() {
            let result = self.memory.store128(GuestAddr(addr.low32()), v);
            self.access(result);
        }
    }
    fn vec_zero(&mut self) -> u128 {
        0
    }
    fn insert(&mut self, base: u128, w: Width, lane: u8, v: Value) -> u128 {
        let at = u32::from(lane) * w.bits();
        base & !(u128::from(w.mask()) << at) | u128::from(v.bits() & w.mask()) << at
    }
    fn extract(&mut self, v: u128, w: Width, lane: u8) -> Value {
        Value::new(w, (v >> (u32::from(lane) * w.bits())) as u64)
    }
    fn vec_bits(&mut self, op: VecBitOp, a: u128, b: u128) -> u128 {
        match op {
            VecBitOp::And => a & b,
            VecBitOp::AndNot => !a & b,
            VecBitOp::Or => a | b,
            VecBitOp::Xor => a ^ b,
        }
    }
    fn vec_op(&mut self, op: VecOp, lane: Lane, a: u128, b: u128) -> u128 {
        lanes::binary(op, lane, a, b)
    }
    fn vec_shift(&mut self, kind: VecShift, lane: Lane, a: u128, count: u32) -> u128 {
        lanes::shift(kind, lane, a, count)
    }
    fn shuffle(&mut self, a: u128, b: u128, pick: [u8; 16]) -> u128 {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        u128::from_le_bytes(pick.map(|from| match from {
            0..=15 => a[usize::from(from)],
            16..=31 => b[usize::from(from & 15)],
            _ => 0,
        }))
    }
    fn byte_mask(&mut self, v: u128) -> Value {
        let mask = v.to_le_bytes().iter().rev().fold(0u64, |mask, byte| mask << 1 | u64::from(byte >> 7));
        Value::new(Width::B32, mask)
    }

    fn helper(&mut self, h: Helper, args: &[Value]) -> Value {
        let mut wide = [0; 4];
        for (slot, arg) in wide.iter_mut().zip(args) {
            *slot = arg.bits();
        }
        let result = if self.live() { h.function()(self.cpu, &wide) } else { 0 };
        Value::new(Width::B64, result)
    }
    fn vec_helper(&mut self, h: VecHelper, a: u128, b: u128, imm: u32) -> u128 {
        if !self.live() {
            return 0;
        }
        let (result, unmasked) = h.call(self.cpu, a, b, imm);
        self.raise_if(unmasked, Exception::Simd);
        result
    }

    #[inline]
    fn insn(&self) -> &Insn {
        self.insn
    }
}

impl<M: GuestMemory + ?Sized> Interp<'_, M> {
    /// #GP for a misaligned operand of an instruction that wants it aligned. On this hardware it comes before the #SS of an
    /// operand outside the stack segment.
    #[inline]
    fn check_vector(&mut self, addr: Value, aligned: bool) {
        if aligned && !addr.bits().is_multiple_of(16) {
            if self.pending == Some(Exception::StackFault(0)) {
                self.pending = None;
            }
            self.raise(Exception::GeneralProtection(0));
        }
    }

    /// The fault of a read. What a read-modify-write instruction reads must be writable: that fault comes first.
    #[cold]
    fn read_fault(&self, at: GuestAddr, w: Width, fault: Fault) -> Fault {
        match self.insn.memory_access() {
            Some(MemoryAccess::Modify) => self.memory.probe_write(at, w.bytes()).err().unwrap_or(fault),
            _ => fault,
        }
    }

    /// Whether the stack segment has 16 bits: its descriptor's B flag is clear. SDM vol. 3A, 3.4.5.
    #[inline]
    fn has_16_bit_stack(&self) -> bool {
        self.cpu.segments[Segment::Ss as usize].is_16_bit()
    }

    /// The explicit memory operand through a segment that has a limit, or does not allow everything.
    #[cold]
    fn check_operand(&mut self, s: Segment, offset: u32) {
        let len = u32::try_from(self.insn.access_size().max(1)).unwrap_or(u32::MAX);
        let writes = self.insn.memory_access().is_some_and(|access| access != MemoryAccess::Read);
        self.check_segment(s, offset, len, writes);
    }

    /// SDM vol. 3A, 5.3 and 3.4.5.1.
    #[cold]
    fn check_segment(&mut self, s: Segment, offset: u32, len: u32, writes: bool) {
        if !self.cpu.segments[s as usize].allows(offset, len, writes) {
            self.raise(Exception::outside(s));
        }
    }
}
