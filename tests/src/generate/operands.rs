//! One instruction of a given form with random operands, and the state that makes its operands interesting.

use super::Draft;
use super::rng::Rng;
use super::{segments, values};
use crate::layout::{CODE, GS_BASE};
use iced_x86::{Code, Encoder, Instruction, Mnemonic, OpCodeOperandKind as K, OpKind, Register};

const R8: [Register; 8] = [
    Register::AL,
    Register::CL,
    Register::DL,
    Register::BL,
    Register::AH,
    Register::CH,
    Register::DH,
    Register::BH,
];
const R16: [Register; 8] = [
    Register::AX,
    Register::CX,
    Register::DX,
    Register::BX,
    Register::SP,
    Register::BP,
    Register::SI,
    Register::DI,
];
const R32: [Register; 8] = [
    Register::EAX,
    Register::ECX,
    Register::EDX,
    Register::EBX,
    Register::ESP,
    Register::EBP,
    Register::ESI,
    Register::EDI,
];
const SEGMENTS: [Register; 6] =
    [Register::ES, Register::CS, Register::SS, Register::DS, Register::FS, Register::GS];

/// Bytes of XSAVE's area for x87 and SSE.
const XSAVE_AREA: u32 = 576;

/// The number of a general register, 0–7.
fn number(r: Register) -> usize {
    r.full_register32().number() & 7
}

/// A register, ESP less often than the others (it makes most of what follows fault).
fn any<const N: usize>(rng: &mut Rng, list: &[Register; N]) -> Register {
    let r = rng.pick(list);
    if matches!(r, Register::ESP | Register::SP) && !rng.one_in(4) { rng.pick(list) } else { r }
}

/// Makes an instruction of form `code`, placed at `ip`, and pins the state it wants in `draft`. `None` where the random
/// operands do not exist (the caller draws again).
pub(super) fn instruction(rng: &mut Rng, code: Code, ip: u32, draft: &mut Draft) -> Option<Instruction> {
    let form = code.op_code();
    let mut i = Instruction::new();
    i.set_code(code);
    let mut memory = false;
    let address16 = rng.one_in(12);
    for n in 0..form.op_count() {
        let kind = form.op_kind(n);
        let register = match kind {
            K::r8_or_mem if rng.one_in(2) => Some(any(rng, &R8)),
            K::r16_or_mem if rng.one_in(2) => Some(any(rng, &R16)),
            K::r32_or_mem if rng.one_in(2) => Some(any(rng, &R32)),
            K::mm_or_mem if rng.one_in(2) => Some(mm(rng)),
            K::xmm_or_mem if rng.one_in(2) => Some(xmm(rng)),
            K::r8_reg | K::r8_opcode => Some(any(rng, &R8)),
            K::r16_reg | K::r16_reg_mem | K::r16_rm | K::r16_opcode => Some(any(rng, &R16)),
            K::r32_reg | K::r32_reg_mem | K::r32_rm | K::r32_opcode | K::r32_vvvv => Some(any(rng, &R32)),
            K::mm_reg | K::mm_rm => Some(mm(rng)),
            K::xmm_reg | K::xmm_rm | K::xmm_vvvv => Some(xmm(rng)),
            K::seg_reg => Some(rng.pick(&SEGMENTS)),
            K::es => Some(Register::ES),
            K::cs => Some(Register::CS),
            K::ss => Some(Register::SS),
            K::ds => Some(Register::DS),
            K::fs => Some(Register::FS),
            K::gs => Some(Register::GS),
            K::al => Some(Register::AL),
            K::cl => Some(Register::CL),
            K::ax => Some(Register::AX),
            K::dx => Some(Register::DX),
            K::eax => Some(Register::EAX),
            K::st0 => Some(Register::ST0),
            K::sti_opcode => Some(Register::ST0 + rng.below(8)),
            K::cr_reg => Some(Register::CR0),
            K::dr_reg => Some(Register::DR0),
            _ => None,
        };
        if let Some(r) = register {
            i.set_op_kind(n, OpKind::Register);
            i.set_op_register(n, r);
            continue;
        }
        match kind {
            K::mem
            | K::mem_offs
            | K::r8_or_mem
            | K::r16_or_mem
            | K::r32_or_mem
            | K::mm_or_mem
            | K::xmm_or_mem => {
                i.set_op_kind(n, OpKind::Memory);
                memory = true;
                place_memory(rng, &mut i, kind == K::mem_offs, address16);
            }
            K::imm8 => {
                let v = if rng.one_in(2) { values::count(rng) } else { values::integer(rng) };
                let second = (0..n).any(|m| i.op_kind(m) == OpKind::Immediate8);
                i.set_op_kind(n, if second { OpKind::Immediate8_2nd } else { OpKind::Immediate8 });
                if second {
                    i.set_immediate8_2nd(v as u8);
                } else if i.op_kind(0) == OpKind::Immediate16 {
                    // ENTER: the nesting level
                    i.set_op_kind(n, OpKind::Immediate8_2nd);
                    i.set_immediate8_2nd(v as u8);
                } else {
                    i.set_immediate8(v as u8);
                }
            }
            K::imm8_const_1 => {
                i.set_op_kind(n, OpKind::Immediate8);
                i.set_immediate8(1);
            }
            K::imm8sex16 => {
                i.set_op_kind(n, OpKind::Immediate8to16);
                i.set_immediate8to16(i16::from(values::integer(rng) as i8));
            }
            K::imm8sex32 => {
                i.set_op_kind(n, OpKind::Immediate8to32);
                i.set_immediate8to32(i32::from(values::integer(rng) as i8));
            }
            K::imm16 => {
                i.set_op_kind(n, OpKind::Immediate16);
                i.set_immediate16(values::integer(rng) as u16);
            }
            K::imm32 => {
                i.set_op_kind(n, OpKind::Immediate32);
                i.set_immediate32(values::integer(rng));
            }
            K::seg_rSI => {
                i.set_op_kind(n, if address16 { OpKind::MemorySegSI } else { OpKind::MemorySegESI })
            }
            K::es_rDI => i.set_op_kind(n, if address16 { OpKind::MemoryESDI } else { OpKind::MemoryESEDI }),
            K::seg_rDI => {
                i.set_op_kind(n, if address16 { OpKind::MemorySegDI } else { OpKind::MemorySegEDI })
            }
            K::seg_rBX_al => {
                memory = true;
                i.set_op_kind(n, OpKind::Memory);
                i.set_memory_base(if address16 { Register::BX } else { Register::EBX });
                i.set_memory_index(Register::AL);
            }
            K::br16_1 | K::br16_2 => {
                i.set_op_kind(n, OpKind::NearBranch16);
                i.set_near_branch16(ip.wrapping_add(rng.below(40)) as u16);
            }
            K::br32_1 | K::br32_4 => {
                i.set_op_kind(n, OpKind::NearBranch32);
                let near = ip.wrapping_add(rng.below(24)).wrapping_sub(rng.pick(&[0, 0, 0, 12]));
                let wild = kind == K::br32_4 && rng.one_in(8);
                i.set_near_branch32(if wild { values::address(rng, 1) } else { near });
            }
            K::farbr2_2 => {
                i.set_op_kind(n, OpKind::FarBranch16);
                i.set_far_branch16(rng.next32() as u16 & rng.pick(&[0xffff, 0x1fff]));
                i.set_far_branch_selector(values::selector(rng));
            }
            K::farbr4_2 => {
                i.set_op_kind(n, OpKind::FarBranch32);
                let selector = values::selector(rng);
                i.set_far_branch32(
                    (CODE.base + rng.below(CODE.len())).wrapping_sub(segments::base(selector)),
                );
                i.set_far_branch_selector(selector);
            }
            _ => return None,
        }
    }
    if memory || i.is_string_instruction() {
        match rng.below(10) {
            0 => i.set_segment_prefix(rng.pick(&SEGMENTS)),
            1 => i.set_segment_prefix(Register::GS),
            _ => {}
        }
    }
    if form.can_use_lock_prefix() && memory && i.op0_kind() == OpKind::Memory {
        i.set_has_lock_prefix(rng.one_in(2));
    }
    if form.can_use_rep_prefix() && !rng.one_in(3) {
        if form.can_use_repne_prefix() && rng.one_in(2) {
            i.set_has_repne_prefix(true);
        } else {
            i.set_has_rep_prefix(true);
        }
    }
    draft.want(rng, &mut i, memory, address16);
    Some(i)
}

fn mm(rng: &mut Rng) -> Register {
    Register::MM0 + rng.below(8)
}
fn xmm(rng: &mut Rng) -> Register {
    Register::XMM0 + rng.below(8)
}

/// Chooses an addressing form; the displacement is settled by [`Draft::aim`].
fn place_memory(rng: &mut Rng, i: &mut Instruction, offset_only: bool, address16: bool) {
    if address16 {
        const FORMS: [(Register, Register); 8] = [
            (Register::BX, Register::SI),
            (Register::BX, Register::DI),
            (Register::BP, Register::SI),
            (Register::BP, Register::DI),
            (Register::SI, Register::None),
            (Register::DI, Register::None),
            (Register::BP, Register::None),
            (Register::BX, Register::None),
        ];
        i.set_memory_displ_size(2);
        if !offset_only && !rng.one_in(8) {
            let (base, index) = rng.pick(&FORMS);
            i.set_memory_base(base);
            i.set_memory_index(index);
            i.set_memory_displ_size(rng.pick(&[0, 1, 2]));
        }
        return;
    }
    i.set_memory_displ_size(4);
    if offset_only {
        return;
    }
    let form = rng.below(8);
    if form != 0 {
        i.set_memory_base(any(rng, &R32));
    }
    if form <= 1 || form >= 6 {
        let index = rng.pick(&R32);
        if index != Register::ESP && !(form == 0 && rng.one_in(2)) {
            i.set_memory_index(index);
            i.set_memory_index_scale(rng.pick(&[1, 2, 4, 8]));
        }
    }
    if i.memory_base() != Register::None {
        i.set_memory_displ_size(rng.pick(&[0, 1, 4]));
    }
}

impl Draft {
    fn pin(&mut self, r: usize, v: u32) {
        if self.pinned & 1 << r == 0 {
            self.state.gpr[r] = v;
            self.pinned |= 1 << r;
        }
    }

    /// Value of an address register, in full or its low half.
    fn value(&self, r: Register) -> u32 {
        match r {
            Register::None => 0,
            Register::AL => self.state.gpr[0] & 0xff,
            r if r.size() == 2 => self.state.gpr[number(r)] & 0xffff,
            r => self.state.gpr[number(r)],
        }
    }

    /// Settles base register or displacement so that the memory operand lies at an interesting address, and puts
    /// interesting bytes there.
    fn aim(&mut self, rng: &mut Rng, i: &mut Instruction, address16: bool) {
        let components = super::saves_components(i.code());
        let size = if components { XSAVE_AREA } else { (i.memory_size().size() as u32).max(1) };
        let target = if address16 { values::address16(rng, size) } else { values::address(rng, size) };
        let target = if components && !rng.one_in(8) { target & !63 } else { target };
        let segment = self.base_of(i.memory_segment());
        // Bytes from 0 up, where 16-bit addresses reach no window.
        let small = if segment == GS_BASE { rng.below(0x7f0) } else { rng.below(0x2000) };
        let (target, offset) = match (segment, address16) {
            (0, _) => (target, target),
            (_, true) => (segment.wrapping_add(small), small),
            (_, false) => (target, target.wrapping_sub(segment)),
        };
        let (base, index) = (i.memory_base(), i.memory_index());
        let mask = if address16 { 0xffff } else { u32::MAX };
        let small = i32::from(rng.next32() as i8);
        let displacement = match i.memory_displ_size() {
            _ if base == Register::None => None,
            0 => Some(0),
            1 => Some(small.cast_unsigned()),
            _ => Some(rng.next32()),
        };
        let b = number(base);
        let free = base != Register::None && self.pinned & 1 << b == 0;
        let same = index != Register::None && number(index) == b;
        let scale = i.memory_index_scale();
        let scaled = |draft: &Self| draft.value(index).wrapping_mul(scale);
        let displacement = match displacement {
            Some(d) if free && !same => {
                let v = offset.wrapping_sub(d).wrapping_sub(scaled(self)) & mask;
                let high = if address16 { self.state.gpr[b] & 0xffff_0000 } else { 0 };
                self.pin(b, v | high);
                d
            }
            Some(d) if !rng.one_in(8) && i.memory_displ_size() < 2 && index == Register::None => d,
            _ => {
                // Everything else is settled by the displacement.
                i.set_memory_displ_size(if address16 { 2 } else { 4 });
                offset.wrapping_sub(self.value(base)).wrapping_sub(scaled(self))
            }
        };
        let displacement = if address16 { displacement & 0xffff } else { displacement };
        i.set_memory_displacement64(u64::from(displacement));
        for r in [base, index] {
            if r != Register::None && r != Register::AL {
                self.pinned |= 1 << number(r);
            }
        }
        let at = self.value(base).wrapping_add(scaled(self)).wrapping_add(displacement) & mask;
        let at = at.wrapping_add(segment);
        debug_assert!(at == target || !free || same, "{at:x} {target:x}");
        self.fill(rng, at, size, i);
    }

    /// Pins what the instruction reads besides its written operands: string registers, stack, shift counts.
    pub(super) fn want(&mut self, rng: &mut Rng, i: &mut Instruction, memory: bool, address16: bool) {
        if i.is_string_instruction() {
            self.aim_string(rng, i, address16);
        }
        for n in 0..i.op_count() {
            if i.op_kind(n) == OpKind::Register && i.op_register(n) == Register::CL && n > 0 {
                let keep = self.state.gpr[1] & 0xffff_ff00;
                let low = values::count(rng) & 0xff;
                self.pin(1, keep | low);
            }
        }
        self.want_control(rng, i);
        if memory {
            self.aim(rng, i, address16);
        }
        self.aim_jump(rng, i);
    }
}

impl Draft {
    /// Pins the third operand where it counts or numbers bits, and what chooses state components.
    fn want_control(&mut self, rng: &mut Rng, i: &Instruction) {
        if super::saves_components(i.code()) {
            // Bits that are components on no processor of ours, and the two that Trunnion's has. Of the others all that
            // natively there are would be saved and restored.
            let (low, high) = (rng.next32() & 0xfff0_0003, rng.next32() & 0x00ff_ffff);
            self.pin(0, low);
            self.pin(2, high);
        }
        let value = match i.mnemonic() {
            Mnemonic::Bzhi | Mnemonic::Sarx | Mnemonic::Shlx | Mnemonic::Shrx => {
                values::count(rng) | values::integer(rng) & !0xff
            }
            Mnemonic::Bextr => {
                values::count(rng) & 0xff
                    | (values::count(rng) & 0xff) << 8
                    | values::integer(rng) & 0xffff_0000
            }
            _ => return,
        };
        if i.op_count() == 3 {
            self.pin(number(i.op2_register()), value);
        }
    }
}

/// Encodes, appends to the draft's code. `None` where the form cannot be encoded with these operands.
pub(super) fn encode(i: &Instruction, ip: u32) -> Option<Vec<u8>> {
    let mut e = Encoder::new(32);
    e.encode(i, u64::from(ip)).ok()?;
    let bytes = e.take_buffer();
    (bytes.len() <= 15).then_some(bytes)
}
