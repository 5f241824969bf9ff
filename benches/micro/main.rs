//! The parts in isolation, timed by criterion: decoding, effects, and the interpreter on register instructions.
//!
//! They show where a change of the whole-program figures comes from; by themselves they mean little.

use criterion::{Criterion, Throughput};
use frontend_x86::decode::Insn;
use frontend_x86::effects::Effects;
use frontend_x86::interp;
use frontend_x86::state::CpuState;
use frontend_x86::testing::{CODE, TestMemory};
use std::hint::black_box;

/// A stretch of instructions as compilers make them, without memory operands that are not on the stack.
const CODE_BYTES: &[u8] = &[
    0x89, 0xd8, // mov eax, ebx
    0x01, 0xc8, // add eax, ecx
    0x29, 0xd0, // sub eax, edx
    0x0f, 0xaf, 0xc1, // imul eax, ecx
    0xc1, 0xe0, 0x03, // shl eax, 3
    0x31, 0xc2, // xor edx, eax
    0x83, 0xe2, 0x0f, // and edx, 15
    0x8d, 0x74, 0x9e, 0x10, // lea esi, [esi + ebx*4 + 16]
    0x0f, 0xb6, 0xc9, // movzx ecx, cl
    0x39, 0xf0, // cmp eax, esi
    0x0f, 0x4c, 0xc1, // cmovl eax, ecx
    0x0f, 0x9c, 0xc3, // setl bl
    0x40, // inc eax
    0xf7, 0xd8, // neg eax
    0x85, 0xc0, // test eax, eax
    0x98, // cwde
];

fn decoded() -> Vec<Insn> {
    let (mut insns, mut at) = (Vec::new(), 0);
    while at < CODE_BYTES.len() {
        let insn = Insn::decode(&CODE_BYTES[at..], CODE, frontend_x86::cpuid::Profile::default())
            .expect("the bytes above are instructions");
        at += insn.len() as usize;
        insns.push(insn);
    }
    insns
}

fn micro(criterion: &mut Criterion) {
    let insns = decoded();
    let mut group = criterion.benchmark_group("per instruction");
    group.throughput(Throughput::Elements(insns.len() as u64));
    group.bench_function("decode", |bench| bench.iter(|| black_box(decoded()).len()));
    group.bench_function("effects", |bench| {
        bench.iter(|| {
            for insn in &insns {
                black_box(Effects::of(insn));
            }
        });
    });
    let memory = TestMemory::new();
    let mut cpu = CpuState::default();
    group.bench_function("interpret", |bench| {
        bench.iter(|| {
            for insn in &insns {
                let _ = black_box(interp::step(&mut cpu, &memory, insn));
            }
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    micro(&mut criterion);
    criterion.final_summary();
}
