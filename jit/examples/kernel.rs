//! Runs a static i386 program that computes and writes, with next to no operating system: to measure the engine alone.
//!
//! `cargo run --release -p jit --example kernel -- [--engine E] [--hot N] [--dump] [--stats] PROGRAM [ARGS]`

#[path = "../tests/common/mod.rs"]
mod common;

use common::Window;
use frontend_x86::engine::{Engine, Exception, Exit};
use frontend_x86::state::{CpuState, ThreadBlock};
use jit::{EngineKind, JitOptions};
use std::io::Write;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn half(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().expect("2 bytes")))
}

fn main() {
    let mut options = JitOptions::default();
    let mut stats = false;
    let mut program = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--engine" => {
                options.kind = args.next().expect("an engine").parse::<EngineKind>().expect("an engine")
            }
            "--hot" => options.hot_threshold = args.next().expect("a count").parse().expect("a count"),
            "--region" => {
                options.region_instructions = args.next().expect("a count").parse().expect("a count")
            }
            "--dump" => options.dump = true,
            _ if !program.is_empty() => program.push(arg),
            "--compare" => options.compare = true,
            "--stats" => stats = true,
            _ => program.push(arg),
        }
    }
    let elf = std::fs::read(program.first().expect("a program")).expect("readable");
    let (engine, window) = common::engine(options);
    let mut system = System { window: &window, break_at: 0, mapped: 0x4000_0000 };
    let mut thread = Box::<ThreadBlock>::default();
    thread.cpu.eip = word(&elf, 24);
    thread.cpu.gpr[4] = system.load(&elf, &program);
    let status = loop {
        match engine.run(&mut thread.cpu, &thread.interrupt) {
            Exit::Exception(Exception::Software(0x80)) => {
                if matches!(thread.cpu.gpr[0], 1 | 252) {
                    break thread.cpu.gpr[3].cast_signed();
                }
                thread.cpu.gpr[0] = system.call(&mut thread.cpu).cast_unsigned();
            }
            other => panic!("{other:?} at {:#x}", thread.cpu.eip),
        }
    };
    if stats {
        eprintln!("{:#?}", engine.stats());
    }
    std::process::exit(status);
}

/// What a static glibc program needs to start and to print.
struct System<'a> {
    window: &'a Window,
    break_at: u32,
    mapped: u32,
}

impl System<'_> {
    /// Loads the program and builds its stack; ESP.
    fn load(&mut self, elf: &[u8], args: &[String]) -> u32 {
        let headers = word(elf, 28) as usize;
        let mut first = u32::MAX;
        for n in 0..half(elf, 44) {
            let header = headers + 32 * n;
            if word(elf, header) == 1 {
                let (offset, at) = (word(elf, header + 4) as usize, word(elf, header + 8));
                let (file, memory) = (word(elf, header + 16), word(elf, header + 20));
                self.window.map(at >> 12, ((at & 0xfff) + memory).div_ceil(4096));
                self.window.write(at, &elf[offset..offset + file as usize]);
                self.break_at = (at + memory).next_multiple_of(4096);
                first = first.min(at);
            }
        }
        self.window.map(0xb_f000, 4096);
        let mut at = 0xbff0_0000u32;
        let mut pointers = Vec::new();
        for arg in args {
            self.window.write(at, arg.as_bytes());
            pointers.push(at);
            at += u32::try_from(arg.len() + 1).expect("short");
        }
        let header_address = first + word(elf, 28);
        let auxiliary = [
            3,
            header_address,
            4,
            32,
            5,
            u32::try_from(half(elf, 44)).expect("16 bits"),
            6,
            4096,
            9,
            word(elf, 24),
            25,
            at,
            23,
            0,
            0,
            0,
        ];
        let mut stack = vec![u32::try_from(args.len()).expect("few")];
        stack.extend(pointers);
        stack.extend([0, 0]);
        stack.extend(auxiliary);
        let esp = 0xbfe0_0000;
        self.window.write(esp, &stack.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>());
        esp
    }

    /// A system call; its result.
    fn call(&mut self, cpu: &mut CpuState) -> i32 {
        let [number, second, third, first, ..] = cpu.gpr;
        match number {
            4 => {
                std::io::stdout().write_all(&self.window.read(second, third as usize)).expect("written");
                third.cast_signed()
            }
            45 => {
                if first > self.break_at {
                    let end = first.next_multiple_of(4096);
                    self.window.map(self.break_at >> 12, (end - self.break_at) >> 12);
                    self.break_at = end;
                }
                if first == 0 { self.break_at.cast_signed() } else { first.cast_signed() }
            }
            192 => {
                let at = self.mapped;
                self.window.map(at >> 12, second.div_ceil(4096));
                self.mapped += second.next_multiple_of(4096);
                at.cast_signed()
            }
            243 => {
                let base = self.window.read32(first + 4);
                let (low, high) = (u64::from(base & 0xff_ffff), u64::from(base >> 24));
                cpu.tls[0] = 0xffff | low << 16 | 0x00cf_f300_0000_0000 | high << 56;
                self.window.write(first, &12u32.to_le_bytes());
                0
            }
            125 | 91 | 258 => 0,
            54 => -25,
            _ => -38,
        }
    }
}
