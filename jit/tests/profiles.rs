//! Processor profiles in one engine, random bits in every tier, and a fault of a load that the optimizer folded.

mod common;

use common::{engine, options};
use frontend_x86::cpuid::Profile;
use frontend_x86::engine::{Engine, Exception, Exit};
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr};
use frontend_x86::state::{Gpr, ThreadBlock};
use jit::EngineKind;

const CODE: u32 = 0x1_0000;
const GATE: [u8; 4] = [0x0f, 0x3f, 7, 0];

fn thread(profile: Profile) -> Box<ThreadBlock> {
    let mut thread = Box::<ThreadBlock>::default();
    thread.cpu.eip = CODE;
    thread.cpu.cpuid = profile;
    thread
}

#[test]
fn the_same_bytes_are_decoded_for_each_processor() {
    for kind in [EngineKind::Interp, EngineKind::Jit, EngineKind::Auto] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        // bsf or tzcnt ecx, eax
        window.write(CODE, &[&[0xf3, 0x0f, 0xbc, 0xc8][..], &GATE].concat());
        for _ in 0..6 {
            for (profile, number) in [(Profile::Max, 32), (Profile::V2, 77), (Profile::I686, 77)] {
                let mut t = thread(profile);
                t.cpu.gpr[Gpr::Ecx as usize] = 77;
                assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7), "{kind}");
                assert_eq!(t.cpu.gpr[Gpr::Ecx as usize], number, "{kind} {profile:?}");
            }
        }
    }
}

#[test]
fn what_the_processor_has_not_is_undefined() {
    for kind in [EngineKind::Interp, EngineKind::Jit] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        // pxor xmm0, xmm0
        window.write(CODE, &[&[0x66, 0x0f, 0xef, 0xc0][..], &GATE].concat());
        for profile in Profile::ALL {
            let mut t = thread(profile);
            let exit = engine.run(&mut t.cpu, &t.interrupt);
            let wanted = match profile {
                Profile::I686 => Exit::Exception(Exception::InvalidOpcode),
                _ => Exit::Gate(7),
            };
            assert_eq!(exit, wanted, "{kind} {profile:?}");
        }
    }
}

#[test]
fn random_bits_set_carry_alone() {
    for kind in [EngineKind::Interp, EngineKind::Jit] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        // rdrand ecx; rdseed dx
        window.write(CODE, &[&[0x0f, 0xc7, 0xf1, 0x66, 0x0f, 0xc7, 0xfa][..], &GATE].concat());
        let mut t = thread(Profile::Max);
        t.cpu.gpr = [u32::MAX; 8];
        t.cpu.set_eflags_image(0x8d4);
        assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7), "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Ecx as usize], 0x600d_5eed, "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Edx as usize], 0xffff_5eed, "{kind}");
        assert_eq!(t.cpu.flags.bits(), 1, "{kind}");
    }
}

/// Only the upper half of the product is wanted: the optimizer makes it an instruction of its own, and loads within it.
#[test]
fn a_load_within_the_optimizers_own_instruction_faults_where_it_belongs() {
    for kind in [EngineKind::Interp, EngineKind::Jit] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        // mulx eax, eax, [0x50000]
        window.write(CODE, &[&[0xc4, 0xe2, 0x7b, 0xf6, 0x05, 0, 0, 5, 0][..], &GATE].concat());
        let mut t = thread(Profile::Max);
        let exit = engine.run(&mut t.cpu, &t.interrupt);
        let fault = Fault { addr: GuestAddr(0x5_0000), access: Access::Read, kind: FaultKind::NotMapped };
        assert_eq!(exit, Exit::Exception(Exception::Page(fault)), "{kind}");
        assert_eq!(t.cpu.eip, CODE, "{kind}");
    }
}
