//! Guest memory accesses.
//!
//! The host address is the window base plus the zero-extended guest address; a small displacement may be added after the
//! extension, because unmapped guards stand on both sides of the window. Where that carries an access over the end of the
//! 32-bit space it hits a guard, and the instruction is executed on the interpreter, which wraps.
//!
//! Order: x86-64 hosts give plain accesses x86's order, so only merging must be prevented there. On AArch64 an ordered
//! load is an acquiring one, an ordered store a releasing one; where alignment is not known at translation time, a
//! misaligned access takes a plain one with a full barrier behind the load or before the store.

use super::{Clif, Int, int_type};
use crate::outcome::{Kind, Outcome};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I8X16, I32, I64};
use cranelift_codegen::ir::{
    AtomicRmwOp, Endianness, InstBuilder, MemFlagsData, Opcode, Type, Value, ValueDef,
};
use frontend_x86::descriptor::rights;
use frontend_x86::emit::{AtomicOp, Width};
use frontend_x86::engine::{Exception, MemoryOrder};
use frontend_x86::operand::Address;
use frontend_x86::state::{CpuState, Segment, SegmentState};
use std::mem::offset_of;

/// Displacements below this are added after the extension to 64 bits.
const SMALL: u32 = 1 << 16;

impl Clif<'_> {
    /// The linear address of an operand.
    pub(super) fn linear(&mut self, a: &Address) -> Value {
        let index = a.index.map(|r| {
            let v = self.b.use_var(self.gpr[r as usize]);
            if a.scale == 0 { v } else { self.b.ins().ishl_imm_u(v, i64::from(a.scale)) }
        });
        let base = a.base.map(|r| self.b.use_var(self.gpr[r as usize]));
        let registers = match (base, index) {
            (Some(x), Some(y)) => Some(self.b.ins().iadd(x, y)),
            (x, y) => x.or(y),
        };
        let displacement = a.displacement.cast_signed();
        let mut offset = match registers {
            None => self.iconst(I32, u64::from(a.displacement)),
            Some(v) if displacement == 0 => v,
            Some(v) => self.b.ins().iadd_imm_s(v, i64::from(displacement)),
        };
        if a.size16 {
            offset = self.b.ins().band_imm_u(offset, 0xffff);
        } else if let Some(v) = registers
            && displacement != 0
            && displacement.unsigned_abs() < SMALL
        {
            self.displaced.push((offset, v, displacement));
        }
        self.segmented(a.segment, offset)
    }

    /// The linear address of an offset in a segment.
    pub(super) fn segmented(&mut self, s: Segment, offset: Value) -> Value {
        if !matches!(s, Segment::Fs | Segment::Gs) {
            return offset;
        }
        self.check_segment(s, offset);
        let base = self.load_segment_base(s);
        self.b.ins().iadd(base, offset)
    }

    /// Leaves the instruction to the interpreter where FS or GS is not unlimited data that can be written, or where the
    /// access may run over the end of the segment. CS, DS, ES and SS are flat while translated code runs.
    fn check_segment(&mut self, s: Segment, offset: Value) {
        const { assert!(offset_of!(SegmentState, limit) == 4 && offset_of!(SegmentState, rights) == 10) };
        const KIND: u64 = (rights::CODE | rights::EXPAND_DOWN | rights::WRITABLE) as u64;
        const WRITABLE: u64 = rights::WRITABLE as u64;
        let at = offset_of!(CpuState, segments) + s as usize * size_of::<SegmentState>();
        let limit_and_rights = self.load_state(I64, at + offset_of!(SegmentState, limit));
        let mask = self.iconst(I64, u64::from(u32::MAX) | KIND << 48);
        let seen = self.b.ins().band(limit_and_rights, mask);
        let wanted = self.iconst(I64, u64::from(u32::MAX) | WRITABLE << 48);
        let mut special = self.compare(IntCC::NotEqual, seen, wanted);
        match self.constant(offset) {
            Some(k) => {
                if k + self.insn.access_size().max(1) > 1 << 32 {
                    special = self.iconst(I8, 1);
                }
            }
            None => {
                let end = self.iconst(I32, 0xffff_fff0);
                let near_end = self.compare(IntCC::UnsignedGreaterThan, offset, end);
                special = self.b.ins().bor(special, near_end);
            }
        }
        self.leave_where(special, self.insn.eip(), Outcome::new(Kind::Interpret, 0));
    }

    /// The host address of a guest address, and a displacement to add to it.
    pub(super) fn host_address(&mut self, addr: Value) -> (Value, i32) {
        let (v, displacement) = match self.displaced.iter().find(|d| d.0 == addr) {
            Some(&(_, v, displacement)) => (v, displacement),
            None => (addr, 0),
        };
        let wide = self.resize(v, I64);
        (self.b.ins().iadd(self.window, wide), displacement)
    }

    const fn ordered(&self) -> bool {
        matches!(self.env.order, MemoryOrder::Tso)
    }

    /// Loads an integer.
    pub(super) fn load_int(&mut self, w: Width, addr: Value) -> Value {
        self.write_back();
        let ty = int_type(w);
        let (host, displacement) = self.host_address(addr);
        let flags = self.guest_flags();
        if !self.ordered() {
            return self.b.ins().load(ty, flags, host, displacement);
        }
        let at = self.displace(host, displacement);
        if self.env.strong_host || w == Width::B8 {
            return self.b.ins().atomic_load(ty, flags, at);
        }
        self.by_alignment(
            w,
            at,
            Some(ty),
            |c| Some(c.b.ins().atomic_load(ty, flags, at)),
            |c| {
                let v = c.b.ins().load(ty, flags, at, 0);
                c.b.ins().fence();
                Some(v)
            },
        )
        .expect("a load gives a value")
    }

    /// Stores an integer.
    pub(super) fn store_int(&mut self, addr: Value, v: Value, w: Width) {
        self.write_back();
        let (host, displacement) = self.host_address(addr);
        let flags = self.store_flags(v);
        if !self.ordered() || self.env.strong_host {
            self.b.ins().store(flags, v, host, displacement);
            return;
        }
        let at = self.displace(host, displacement);
        if w == Width::B8 {
            self.b.ins().atomic_store(flags, v, at);
            return;
        }
        self.by_alignment(
            w,
            at,
            None,
            |c| {
                c.b.ins().atomic_store(flags, v, at);
                None
            },
            |c| {
                c.b.ins().fence();
                c.b.ins().store(flags, v, at, 0);
                None
            },
        );
    }

    /// The flags of a guest store. Cranelift drops a store of the value that was just loaded from the same address, and with
    /// it the fault of a page that cannot be written. It does not look for that value where the store names its byte order,
    /// which changes nothing else, but neither does it then forward what was stored to a later load.
    fn store_flags(&self, v: Value) -> MemFlagsData {
        let flags = self.guest_flags();
        if self.may_be_loaded(v, 4) { flags.with_endianness(Endianness::Little) } else { flags }
    }

    /// Whether a value may turn out to be one that memory holds already: loaded, moved about, combined with what may turn out
    /// to change nothing (adding 0, shifting by 32, AND with all ones). Looks `depth` operations back.
    fn may_be_loaded(&self, v: Value, depth: u32) -> bool {
        let dfg = &self.b.func.dfg;
        let ValueDef::Result(inst, _) = dfg.value_def(dfg.resolve_aliases(v)) else { return true };
        match dfg.insts[inst].opcode() {
            Opcode::Iconst | Opcode::Vconst | Opcode::F32const | Opcode::F64const => false,
            // A function's result is new, as is a truth value.
            Opcode::CallIndirect | Opcode::Icmp | Opcode::Fcmp => false,
            _ if depth == 0 => true,
            Opcode::Load | Opcode::AtomicLoad => true,
            _ => dfg.inst_args(inst).iter().any(|&operand| self.may_be_loaded(operand, depth - 1)),
        }
    }

    fn displace(&mut self, host: Value, displacement: i32) -> Value {
        if displacement == 0 { host } else { self.b.ins().iadd_imm_s(host, i64::from(displacement)) }
    }

    /// Builds one access for an aligned address and another for a misaligned one.
    fn by_alignment(
        &mut self,
        w: Width,
        at: Value,
        result: Option<Type>,
        aligned: impl FnOnce(&mut Self) -> Option<Value>,
        misaligned: impl FnOnce(&mut Self) -> Option<Value>,
    ) -> Option<Value> {
        let low = self.b.ins().band_imm_u(at, i64::from(w.bytes() - 1));
        let (odd, even, join) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(odd);
        let joined = result.map(|ty| self.b.append_block_param(join, ty));
        self.b.ins().brif(low, odd, &[], even, &[]);
        let args = |v: Option<Value>| v.map(Into::into).into_iter().collect::<Vec<_>>();
        self.b.switch_to_block(odd);
        let v = misaligned(self);
        self.b.ins().jump(join, &args(v));
        self.b.switch_to_block(even);
        let v = aligned(self);
        self.b.ins().jump(join, &args(v));
        self.b.switch_to_block(join);
        joined
    }

    /// Loads 16 bytes.
    pub(super) fn load_vector(&mut self, addr: Value, aligned: bool) -> Value {
        self.check_alignment(addr, aligned);
        self.write_back();
        let (host, displacement) = self.host_address(addr);
        let flags = self.guest_flags();
        let v = self.b.ins().load(I8X16, flags, host, displacement);
        if self.ordered() {
            // On x86-64 hosts the fence would cost much and order nothing; it only must not be merged.
            if self.env.strong_host {
                self.b.ins().sequence_point()
            } else {
                self.b.ins().fence()
            };
        }
        v
    }

    /// Stores 16 bytes.
    pub(super) fn store_vector(&mut self, addr: Value, v: Value, aligned: bool) {
        self.check_alignment(addr, aligned);
        self.write_back();
        let (host, displacement) = self.host_address(addr);
        let flags = self.store_flags(v);
        if self.ordered() && !self.env.strong_host {
            self.b.ins().fence();
        }
        self.b.ins().store(flags, v, host, displacement);
    }

    fn check_alignment(&mut self, addr: Value, aligned: bool) {
        if aligned {
            let low = self.b.ins().band_imm_u(addr, 15);
            let off = self.compare_zero(IntCC::NotEqual, low);
            self.raise_where(off, Exception::GeneralProtection(0));
        }
    }

    /// Faults where a store would: an atomic OR of nothing to the first and the last byte.
    pub(super) fn probe(&mut self, addr: Value, len: u32) {
        self.write_back();
        let flags = self.guest_flags();
        let zero = self.b.ins().iconst(I8, 0);
        for offset in [0, len - 1] {
            // The last byte may lie beyond the 32-bit wrap, where the first does not.
            let byte = if offset == 0 { addr } else { self.b.ins().iadd_imm_s(addr, i64::from(offset)) };
            let wide = self.resize(byte, I64);
            let at = self.b.ins().iadd(self.window, wide);
            self.b.ins().atomic_rmw(I8, flags, AtomicRmwOp::Or, at, zero);
        }
    }

    /// A locked read-modify-write; the old value.
    pub(super) fn locked(&mut self, op: AtomicOp, addr: Value, v: Int) -> Value {
        self.write_back();
        let rmw = match op {
            AtomicOp::Add => Some(AtomicRmwOp::Add),
            AtomicOp::Sub => Some(AtomicRmwOp::Sub),
            AtomicOp::And => Some(AtomicRmwOp::And),
            AtomicOp::Or => Some(AtomicRmwOp::Or),
            AtomicOp::Xor => Some(AtomicRmwOp::Xor),
            AtomicOp::Xchg => Some(AtomicRmwOp::Xchg),
            AtomicOp::Neg => None,
        };
        let (host, displacement) = self.host_address(addr);
        let at = self.displace(host, displacement);
        let ty = int_type(v.w);
        let inline = |c: &mut Self| match rmw {
            Some(rmw) => {
                let flags = c.guest_flags();
                let old = c.b.ins().atomic_rmw(ty, flags, rmw, at, v.v);
                c.trailing_fence();
                old
            }
            None => c.compare_exchange_loop(op, ty, |c, old, new| c.exchange_inline(at, old, new), addr, v.v),
        };
        if self.env.strong_host || v.w == Width::B8 {
            return inline(self);
        }
        self.by_alignment(
            v.w,
            at,
            Some(ty),
            |c| Some(inline(c)),
            |c| {
                Some(c.compare_exchange_loop(
                    op,
                    ty,
                    |c, old, new| c.exchange_out_of_line(addr, v.w, old, new),
                    addr,
                    v.v,
                ))
            },
        )
        .expect("an atomic operation gives a value")
    }

    /// `*addr = op(*addr)` by compare-exchange until nobody came between.
    fn compare_exchange_loop(
        &mut self,
        op: AtomicOp,
        ty: Type,
        exchange: impl FnOnce(&mut Self, Value, Value) -> Value,
        addr: Value,
        v: Value,
    ) -> Value {
        let (host, displacement) = self.host_address(addr);
        let at = self.displace(host, displacement);
        let flags = self.guest_flags();
        let first = self.b.ins().load(ty, flags, at, 0);
        let (again, done) = (self.b.create_block(), self.b.create_block());
        let old = self.b.append_block_param(again, ty);
        self.b.ins().jump(again, &[first.into()]);
        self.b.switch_to_block(again);
        let new = match op {
            AtomicOp::Add => self.b.ins().iadd(old, v),
            AtomicOp::Sub => self.b.ins().isub(old, v),
            AtomicOp::And => self.b.ins().band(old, v),
            AtomicOp::Or => self.b.ins().bor(old, v),
            AtomicOp::Xor => self.b.ins().bxor(old, v),
            AtomicOp::Xchg => v,
            AtomicOp::Neg => self.b.ins().ineg(old),
        };
        let seen = exchange(self, old, new);
        let same = self.compare(IntCC::Equal, seen, old);
        self.b.ins().brif(same, done, &[], again, &[seen.into()]);
        self.b.switch_to_block(done);
        old
    }

    /// A locked compare-exchange; the old value.
    pub(super) fn locked_exchange(&mut self, addr: Value, expected: Int, new: Value) -> Value {
        self.write_back();
        let (host, displacement) = self.host_address(addr);
        let at = self.displace(host, displacement);
        let ty = int_type(expected.w);
        if self.env.strong_host || expected.w == Width::B8 {
            return self.exchange_inline(at, expected.v, new);
        }
        self.by_alignment(
            expected.w,
            at,
            Some(ty),
            |c| Some(c.exchange_inline(at, expected.v, new)),
            |c| Some(c.exchange_out_of_line(addr, expected.w, expected.v, new)),
        )
        .expect("an exchange gives a value")
    }

    fn exchange_inline(&mut self, at: Value, expected: Value, new: Value) -> Value {
        let flags = self.guest_flags();
        if !self.env.strong_host {
            // A compare that fails stores nothing on this host, but faults as a write on the guest.
            let zero = self.b.ins().iconst(I8, 0);
            self.b.ins().atomic_rmw(I8, flags, AtomicRmwOp::Or, at, zero);
        }
        let old = self.b.ins().atomic_cas(flags, at, expected, new);
        self.trailing_fence();
        old
    }

    fn exchange_out_of_line(&mut self, addr: Value, w: Width, expected: Value, new: Value) -> Value {
        self.store_eip(self.insn.eip());
        self.leave_asked = true;
        let args = [
            self.state,
            self.resize(addr, I64),
            self.iconst(I64, u64::from(w.bytes())),
            self.resize(expected, I64),
            self.resize(new, I64),
        ];
        let result = self.call_words(self.env.out_of_line.compare_exchange, &args);
        let faulted = self.compare_zero(IntCC::NotEqual, result);
        self.leave_where_stored(faulted, Outcome::new(Kind::Pending, 0));
        let old = self.load_scratch(crate::enter::scratch::STATUS);
        self.resize(old, int_type(w))
    }

    /// LOCK is a full barrier; an exclusive pair with acquire and release alone is not.
    fn trailing_fence(&mut self) {
        if !self.env.strong_host {
            self.b.ins().fence();
        }
    }
}
