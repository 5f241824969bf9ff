//! Random instructions in random states: translated code must do exactly what the interpreter does, faults included.
//!
//! `SEED` and `CASES` in the environment choose the run; a failure prints the seed of its case.

#![allow(clippy::cast_possible_truncation, reason = "random bits are cut to the widths needed")]

mod common;

use common::{Window, engine, options};
use frontend_x86::cpuid::Profile;
use frontend_x86::decode::Insn;
use frontend_x86::engine::{Engine, Exit};
use frontend_x86::interp;
use frontend_x86::memory::GuestMemory;
use frontend_x86::state::{CpuState, ThreadBlock};
use frontend_x86::table;
use iced_x86::{FlowControl, Formatter, GasFormatter, Mnemonic};
use jit::{EngineKind, Jit};

const CODE: u32 = 0x10_0000;
const DATA: u32 = 0x20_0000;
const DATA_PAGES: u32 = 3;
const GATE: [u8; 4] = [0x0f, 0x3f, 9, 0];

/// A small generator (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn word(&mut self) -> u32 {
        // Interesting values more often than chance gives them.
        match self.below(8) {
            0 => 0,
            1 => u32::MAX,
            2 => 0x8000_0000,
            3 => self.below(32) as u32,
            _ => self.next() as u32,
        }
    }
    fn pointer(&mut self) -> u32 {
        DATA + self.below(u64::from(DATA_PAGES) * 4096) as u32
    }
}

/// Whether an instruction takes part: a row of the table that falls through, and no clock.
fn takes_part(insn: &Insn) -> bool {
    let skipped = matches!(insn.mnemonic(), Mnemonic::Rdtsc | Mnemonic::Cpuid);
    let known = table::MNEMONICS.iter().any(|(m, _)| *m == insn.mnemonic());
    known && !skipped && insn.gate().is_none() && insn.raw().flow_control() == FlowControl::Next
}

fn random_insn(random: &mut Random) -> Vec<u8> {
    loop {
        let mut bytes = Vec::new();
        match random.below(12) {
            0 => bytes.push(0x66),
            1 => bytes.push(0xf0),
            2 => bytes.push([0xf2, 0xf3][random.below(2) as usize]),
            _ => {}
        }
        if random.below(3) == 0 {
            bytes.push(0x0f);
        }
        bytes.push(random.next() as u8);
        // Memory operands with small displacements from pointers, or registers.
        let modrm = random.next() as u8;
        bytes.push(if random.below(3) == 0 { modrm | 0xc0 } else { modrm & 0x3f | 0x40 });
        for _ in 0..10 {
            bytes.push(if random.below(2) == 0 { random.next() as u8 } else { random.below(8) as u8 });
        }
        if let Ok(insn) = Insn::decode(&bytes, CODE, Profile::default())
            && takes_part(&insn)
        {
            bytes.truncate(insn.len() as usize);
            return bytes;
        }
    }
}

/// Instructions with conditional jumps forward between them, ended by a gate.
fn random_program(random: &mut Random) -> Vec<u8> {
    let pieces: Vec<Vec<u8>> = (0..1 + random.below(12)).map(|_| random_insn(random)).collect();
    let mut out = Vec::new();
    let mut jumps = Vec::new();
    let mut starts = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        starts.push(out.len());
        if random.below(4) == 0 {
            out.extend([0x0f, 0x80 | random.below(16) as u8]);
            jumps.push((out.len(), n + random.below((pieces.len() - n) as u64 + 1) as usize));
            out.extend([0; 4]);
        }
        out.extend(piece);
    }
    starts.push(out.len());
    out.extend(GATE);
    for (at, to) in jumps {
        // A target that is the jump's own piece goes behind the jump.
        let target = if starts[to] < at { at + 4 } else { starts[to] };
        let displacement = (target - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&displacement.to_le_bytes());
    }
    out
}

fn random_state(random: &mut Random) -> CpuState {
    let mut cpu = CpuState { eip: CODE, ..CpuState::default() };
    for r in &mut cpu.gpr {
        *r = if random.below(3) == 0 { random.word() } else { random.pointer() };
    }
    for x in &mut cpu.xmm {
        *x = u128::from(random.next()) << 64 | u128::from(random.next());
    }
    let flags = random.next() as u32 & 0x8d5 | if random.below(4) == 0 { 0x400 } else { 0 };
    cpu.set_eflags_image(flags);
    // Counts of repeated string instructions stay small.
    cpu.gpr[1] = if random.below(2) == 0 { random.below(20) as u32 } else { cpu.gpr[1] };
    cpu
}

fn listing(code: &[u8]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < code.len() {
        let Ok(insn) = Insn::decode(&code[at..], CODE + at as u32, Profile::default()) else { break };
        let mut text = String::new();
        GasFormatter::new().format(insn.raw(), &mut text);
        let bytes: String = code[at..at + insn.len() as usize].iter().map(|b| format!("{b:02x}")).collect();
        out += &format!("  {:#x}  {bytes:30}  {text}\n", CODE + at as u32);
        at += insn.len() as usize;
    }
    out
}

fn describe(cpu: &CpuState) -> Vec<String> {
    let mut lines: Vec<String> = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"]
        .iter()
        .zip(cpu.gpr)
        .map(|(n, v)| format!("{n}={v:08x}"))
        .collect();
    lines.push(format!("eip={:08x}", cpu.eip));
    lines.push(format!("eflags={:08x}", cpu.eflags_image()));
    lines.push(format!("mxcsr={:08x}", cpu.mxcsr));
    lines.extend(cpu.xmm.iter().enumerate().map(|(n, v)| format!("xmm{n}={v:032x}")));
    lines.push(format!("x87={:?}", cpu.x87));
    lines.push(format!("segments={:?}", cpu.segments));
    lines
}

struct Outcome {
    exit: Exit,
    cpu: CpuState,
    data: Vec<u8>,
}

fn fill(window: &Window, seed: u64) {
    let mut random = Random(seed ^ 0x5555);
    let data: Vec<u8> = (0..DATA_PAGES * 4096 / 8).flat_map(|_| random.next().to_le_bytes()).collect();
    window.write(DATA, &data);
}

fn run_case(seed: u64, engine: &Jit<Window>, window: &Window) {
    let mut random = Random(seed);
    let code = random_program(&mut random);
    let start = random_state(&mut random);
    window.write(CODE, &code);

    fill(window, seed);
    let mut expected = ThreadBlock { cpu: start.clone(), ..ThreadBlock::default() };
    let exit = interp::run(&mut expected.cpu, window, &expected.interrupt);
    let expected = Outcome { exit, cpu: expected.cpu, data: window.read(DATA, (DATA_PAGES * 4096) as usize) };
    if window.read(CODE, code.len()) != code {
        return;
    }

    fill(window, seed);
    let mut block = ThreadBlock { cpu: start.clone(), ..ThreadBlock::default() };
    let exit = engine.run(&mut block.cpu, &block.interrupt);
    let got = Outcome { exit, cpu: block.cpu, data: window.read(DATA, (DATA_PAGES * 4096) as usize) };

    let mut differences = String::new();
    if expected.exit != got.exit {
        differences += &format!("exit: {:?}, translated {:?}\n", expected.exit, got.exit);
    }
    for (e, g) in describe(&expected.cpu).iter().zip(describe(&got.cpu)) {
        if *e != g {
            differences += &format!("{e}, translated {g}\n");
        }
    }
    for (at, (e, g)) in expected.data.iter().zip(&got.data).enumerate() {
        if e != g {
            differences += &format!("[{:#x}]: {e:02x}, translated {g:02x}\n", DATA as usize + at);
        }
    }
    assert!(
        differences.is_empty(),
        "SEED={seed} CASES=1\n{}before: {}\n{differences}",
        listing(&code),
        describe(&start)[..10].join(" ")
    );
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(otherwise)
}

fn run_cases(kind: EngineKind, order: Option<frontend_x86::engine::MemoryOrder>) {
    let (engine, window) = engine(options(kind));
    if let Some(order) = order {
        engine.set_memory_order(order);
    }
    window.map(CODE >> 12, 2);
    window.map(DATA >> 12, DATA_PAGES);
    let (first, cases) = (from_environment("SEED", 1), from_environment("CASES", 1500));
    for seed in first..first + cases {
        run_case(seed, engine, &window);
    }
    assert!(engine.stats().regions > 0, "{:?}", engine.stats());
    assert!(window.window_base().is_some());
}

#[test]
fn translated_code_does_what_the_interpreter_does() {
    run_cases(EngineKind::Jit, None);
}

#[test]
fn ordered_code_does_what_the_interpreter_does() {
    run_cases(EngineKind::Jit, Some(frontend_x86::engine::MemoryOrder::Tso));
}
