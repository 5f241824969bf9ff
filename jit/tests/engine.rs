//! The engine as a whole, on small programs: loops, calls, faults, modified code, interrupts, clones.

mod common;

use common::{engine, options};
use frontend_x86::engine::{Engine, Exception, Exit, MemoryOrder};
use frontend_x86::memory::{Access, Fault, FaultKind, GuestAddr};
use frontend_x86::state::{Gpr, ThreadBlock};
use jit::EngineKind;

const CODE: u32 = 0x1_0000;
const DATA: u32 = 0x2_0000;

/// `gate 7`
const GATE: [u8; 4] = [0x0f, 0x3f, 7, 0];

fn thread(eip: u32) -> Box<ThreadBlock> {
    let mut thread = Box::<ThreadBlock>::default();
    thread.cpu.eip = eip;
    thread.cpu.gpr[Gpr::Esp as usize] = DATA + 0x2000;
    thread
}

fn program(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// sum = Σ i·i for i in 1..=ecx, in eax; exits through gate 7.
fn sum_of_squares() -> Vec<u8> {
    program(&[
        &[0x31, 0xc0],       // xor eax, eax
        &[0x89, 0xca],       // again: mov edx, ecx
        &[0x0f, 0xaf, 0xd1], // imul edx, ecx
        &[0x01, 0xd0],       // add eax, edx
        &[0x49],             // dec ecx
        &[0x75, 0xf6],       // jnz again
        &GATE,
    ])
}

#[test]
fn a_loop_gives_the_same_in_every_tier() {
    for kind in [EngineKind::Interp, EngineKind::Jit, EngineKind::Auto] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        window.write(CODE, &sum_of_squares());
        let mut t = thread(CODE);
        t.cpu.gpr[Gpr::Ecx as usize] = 1000;
        assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7), "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Eax as usize], 333_833_500, "{kind}");
        assert_eq!(t.cpu.eip, CODE + 16, "{kind}");
        assert_eq!(t.cpu.flags.bits() & 0x40, 0x40, "ZF after the last DEC, {kind}");
        let regions = engine.stats().regions;
        assert_eq!(regions != 0, kind != EngineKind::Interp, "{kind}: {regions} regions");
    }
}

#[test]
fn compare_mode_runs_both_tiers_and_agrees() {
    for kind in [EngineKind::Jit, EngineKind::Auto] {
        let (engine, window) = engine(jit::JitOptions { compare: true, ..options(kind) });
        window.map(CODE >> 12, 1);
        window.write(CODE, &sum_of_squares());
        let mut t = thread(CODE);
        t.cpu.gpr[Gpr::Ecx as usize] = 100;
        assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7), "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Eax as usize], 338_350, "{kind}");
    }
}

#[test]
fn a_fault_shows_the_state_at_its_instruction() {
    for kind in [EngineKind::Interp, EngineKind::Jit] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        window.map(DATA >> 12, 1);
        window.write(
            CODE,
            &program(&[
                &[0xb8, 5, 0, 0, 0], // mov eax, 5
                &[0x83, 0xe8, 6],    // sub eax, 6
                &[0x89, 0x03],       // again: mov [ebx], eax
                &[0x83, 0xc3, 4],    // add ebx, 4
                &[0x41],             // inc ecx
                &[0xeb, 0xf8],       // jmp again
            ]),
        );
        let mut t = thread(CODE);
        t.cpu.gpr[Gpr::Ebx as usize] = DATA;
        let exit = engine.run(&mut t.cpu, &t.interrupt);
        let fault =
            Fault { addr: GuestAddr(DATA + 0x1000), access: Access::Write, kind: FaultKind::NotMapped };
        assert_eq!(exit, Exit::Exception(Exception::Page(fault)), "{kind}");
        assert_eq!(t.cpu.eip, CODE + 8, "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Ecx as usize], 1024, "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Ebx as usize], DATA + 0x1000, "{kind}");
        assert_eq!(t.cpu.flags.bits(), 0x14, "PF and AF of INC 1023, carry kept from ADD, {kind}");
        assert_eq!(window.read32(DATA + 0xffc), u32::MAX, "{kind}");
        // The page appears and the guest goes on where it was.
        window.map((DATA >> 12) + 1, 1);
        let exit = engine.run(&mut t.cpu, &t.interrupt);
        let fault =
            Fault { addr: GuestAddr(DATA + 0x2000), access: Access::Write, kind: FaultKind::NotMapped };
        assert_eq!(exit, Exit::Exception(Exception::Page(fault)), "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Ecx as usize], 2048, "{kind}");
    }
}

#[test]
fn calls_and_returns_stay_in_translated_code() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 1);
    window.map(DATA >> 12, 2);
    // fib(eax) by recursion, result in eax.
    let fib = [
        &[0x83, 0xf8, 2][..],            // fib: cmp eax, 2
        &[0x72, 0x11],                   // jb done
        &[0x50],                         // push eax
        &[0x48],                         // dec eax
        &[0xe8, 0xf4, 0xff, 0xff, 0xff], // call fib
        &[0x5a],                         // pop edx
        &[0x50],                         // push eax
        &[0x8d, 0x42, 0xfe],             // lea eax, [edx-2]
        &[0xe8, 0xea, 0xff, 0xff, 0xff], // call fib
                                         // lands on: pop edx; add eax, edx; done: ret
    ]
    .concat();
    let mut code = fib;
    code.extend([0x5a, 0x01, 0xd0, 0xc3]);
    let done = u8::try_from(code.len() - 1 - 5).unwrap();
    code[4] = done;
    let main = u32::try_from(code.len()).unwrap();
    code.extend([0xe8]);
    code.extend((main + 5).wrapping_neg().to_le_bytes());
    code.extend(GATE);
    window.write(CODE, &code);
    let mut t = thread(CODE + main);
    t.cpu.gpr[Gpr::Eax as usize] = 20;
    assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7));
    assert_eq!(t.cpu.gpr[Gpr::Eax as usize], 6765);
    let stats = engine.stats();
    assert!(stats.entries < 40, "20,000 calls need few entries: {stats:?}");
}

#[test]
fn modified_code_takes_effect_at_once() {
    for kind in [EngineKind::Interp, EngineKind::Jit, EngineKind::Auto] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        window.write(
            CODE,
            &program(&[
                &[0xb9, 100, 0, 0, 0], // mov ecx, 100
                &[0x31, 0xc0],         // xor eax, eax
                &[0x05, 1, 0, 0, 0],   // again: add eax, 1
                &[0xff, 0x05],         // inc dword [the immediate]
                &(CODE + 8).to_le_bytes(),
                &[0x49],       // dec ecx
                &[0x75, 0xf2], // jnz again
                &GATE,
            ]),
        );
        let mut t = thread(CODE);
        assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7), "{kind}");
        assert_eq!(t.cpu.gpr[Gpr::Eax as usize], 5050, "{kind}");
    }
}

#[test]
fn an_interrupt_ends_an_endless_loop() {
    for kind in [EngineKind::Interp, EngineKind::Jit, EngineKind::Auto] {
        let (engine, window) = engine(options(kind));
        window.map(CODE >> 12, 1);
        window.write(CODE, &[0x40, 0xeb, 0xfd]); // again: inc eax; jmp again
        let mut t = thread(CODE);
        let ThreadBlock { interrupt, cpu } = &mut *t;
        let interrupt = &*interrupt;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(if cfg!(target_arch = "aarch64") {
                    1000
                } else {
                    100
                }));
                interrupt.store(1, std::sync::atomic::Ordering::SeqCst);
            });
            assert_eq!(engine.run(cpu, interrupt), Exit::Interrupted, "{kind}");
        });
        assert!(t.cpu.gpr[Gpr::Eax as usize] > 100, "{kind}");
        assert!(t.cpu.eip == CODE || t.cpu.eip == CODE + 1, "{kind}: {:#x}", t.cpu.eip);
    }
}

#[test]
fn a_small_arena_is_renewed() {
    let (engine, window) = engine(jit::JitOptions { code_bytes: 1 << 16, ..options(EngineKind::Jit) });
    window.map(CODE >> 12, 16);
    window.map(DATA >> 12, 2);
    // 2,000 pieces: add eax, n; jmp next — each its own region, since the bounds cut.
    let mut code = Vec::new();
    for n in 0..2000u32 {
        code.push(0x05);
        code.extend(n.to_le_bytes());
        code.extend([0x8b, 0x1b]); // mov ebx, [ebx]
        code.extend([0xeb, 0x00]);
    }
    code.extend(GATE);
    window.write(CODE, &code);
    for round in 0..3 {
        let mut t = thread(CODE);
        window.write(DATA, &DATA.to_le_bytes());
        t.cpu.gpr[Gpr::Ebx as usize] = DATA;
        assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7), "{round}");
        assert_eq!(t.cpu.gpr[Gpr::Eax as usize], 1999 * 1000, "{round}");
    }
    assert!(engine.stats().flushes > 0, "{:?}", engine.stats());
}

#[test]
fn ordered_code_computes_the_same() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 1);
    window.map(DATA >> 12, 2);
    window.write(
        CODE,
        &program(&[
            &[0xb9, 100, 0, 0, 0],  // mov ecx, 100
            &[0x8b, 0x03],          // again: mov eax, [ebx]
            &[0x01, 0xc8],          // add eax, ecx
            &[0x89, 0x03],          // mov [ebx], eax
            &[0xf0, 0x01, 0x4b, 8], // lock add [ebx+8], ecx
            &[0x49],                // dec ecx
            &[0x75, 0xf3],          // jnz again
            &GATE,
        ]),
    );
    for (order, at) in
        [(MemoryOrder::Plain, DATA), (MemoryOrder::Tso, DATA + 0x10), (MemoryOrder::Tso, DATA + 0x23)]
    {
        engine.set_memory_order(order);
        let mut t = thread(CODE);
        t.cpu.gpr[Gpr::Ebx as usize] = at;
        assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7));
        assert_eq!((window.read32(at), window.read32(at + 8)), (5050, 5050), "{order:?} at {at:#x}");
    }
}

/// Runs `child` in a copy of the process, as a layer does with ProcessClone, then `parent` here; the child's verdict.
fn cloned(engine: &impl Engine, child: impl FnOnce() -> bool, parent: impl FnOnce()) -> bool {
    engine.before_clone();
    // SAFETY: the child only runs guest code and exits.
    let pid = unsafe { libc::fork() };
    engine.after_clone(pid == 0);
    if pid == 0 {
        let right = child();
        // SAFETY: ends the child without running the test harness's exit.
        unsafe { libc::_exit(i32::from(!right)) };
    }
    parent();
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    status == 0
}

/// Runs the code at `eip` to its gate; EAX at the end.
fn result(engine: &impl Engine, eip: u32, ecx: u32) -> u32 {
    let mut t = thread(eip);
    t.cpu.gpr[Gpr::Ecx as usize] = ecx;
    assert_eq!(engine.run(&mut t.cpu, &t.interrupt), Exit::Gate(7));
    t.cpu.gpr[Gpr::Eax as usize]
}

#[test]
fn a_clone_goes_on_by_itself() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 1);
    window.write(CODE, &sum_of_squares());
    assert_eq!(result(engine, CODE, 3), 14);
    let child = || {
        // Other code at the same place: the parent must not see it.
        window.write(CODE, &[&[0xb8, 42, 0, 0, 0][..], &GATE].concat());
        result(engine, CODE, 3) == 42
    };
    let parent = || {
        for _ in 0..50 {
            assert_eq!(result(engine, CODE, 4), 30);
            window.write(CODE, &sum_of_squares());
        }
    };
    assert!(cloned(engine, child, parent), "the child's own code ran");
    assert_eq!(result(engine, CODE, 3), 14);
}

#[test]
fn a_clone_goes_on_with_what_was_translated() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 1);
    window.write(CODE, &sum_of_squares());
    assert_eq!(result(engine, CODE, 3), 14);
    let before = engine.stats().regions;
    let same = || result(engine, CODE, 5) == 55 && engine.stats().regions == before;
    assert!(cloned(engine, same, || assert!(same())), "neither translates again");
    let in_grandchild = || cloned(engine, same, || assert!(same()));
    assert!(cloned(engine, in_grandchild, || assert!(same())));
}

#[test]
fn parent_and_clone_translate_at_the_same_time_each_for_itself() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 256);
    // At each of 255 pages: mov eax, n; jmp to the one before, the first of which ends.
    let piece = |n: u32| CODE + 4096 * n;
    let fill = |add: u32| {
        window.write(CODE, &GATE);
        for n in 1..256u32 {
            let back = piece(n - 1).wrapping_sub(piece(n) + 10).to_le_bytes();
            window.write(piece(n), &[&[0x05][..], &(n + add).to_le_bytes(), &[0xe9], &back].concat());
        }
    };
    fill(0);
    // A part is translated and linked before.
    assert_eq!(result(engine, piece(100), 0), 5050);
    let sum = |n: u32, add: u32| n * (n + 1) / 2 + n * add;
    let child = || {
        let first = result(engine, piece(255), 0) == sum(255, 0);
        fill(7);
        first && (1..256).all(|n| result(engine, piece(n), 0) == sum(n, 7))
    };
    let parent = || {
        for n in (1..256).rev() {
            assert_eq!(result(engine, piece(n), 0), sum(n, 0), "{n}");
        }
        fill(9);
        for n in 1..256 {
            assert_eq!(result(engine, piece(n), 0), sum(n, 9), "{n}");
        }
    };
    assert!(cloned(engine, child, parent));
}

#[test]
fn code_that_a_linked_and_sealed_region_leads_to_can_change() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 2);
    // mov eax, 1; jmp to the next page, where: add eax, n; gate
    let next = CODE + 4096;
    window.write(CODE, &[&[0xb8, 1, 0, 0, 0, 0xe9][..], &(next - CODE - 10).to_le_bytes()].concat());
    let write = |n: u8| window.write(next, &[&[0x05, n, 0, 0, 0][..], &GATE].concat());
    write(1);
    for _ in 0..3 {
        assert_eq!(result(engine, CODE, 0), 2);
    }
    let changes = |from: u8| {
        (from..from + 20).all(|n| {
            write(n);
            // Twice: the second time through whatever link the first has made.
            result(engine, CODE, 0) == 1 + u32::from(n) && result(engine, CODE, 0) == 1 + u32::from(n)
        })
    };
    assert!(cloned(engine, || changes(40), || assert!(changes(80))));
    assert!(changes(10));
}

#[test]
fn code_beside_changing_data_is_not_translated_again() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 1);
    window.write(CODE, &sum_of_squares());
    assert_eq!(result(engine, CODE, 3), 14);
    let regions = engine.stats().regions;
    for n in 0..100u32 {
        window.write(CODE + 2048, &n.to_le_bytes());
        assert_eq!(result(engine, CODE, 4), 30);
    }
    assert_eq!(engine.stats().regions, regions, "the same code serves");
    // Other code and the old code again, each seen at once.
    for _ in 0..10 {
        window.write(CODE, &[&[0xb8, 42, 0, 0, 0][..], &GATE].concat());
        assert_eq!(result(engine, CODE, 4), 42);
        window.write(CODE, &sum_of_squares());
        assert_eq!(result(engine, CODE, 4), 30);
    }
}

#[test]
fn code_that_comes_back_in_a_clone_keeps_its_links() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 2);
    let next = CODE + 4096;
    let (first, back) = (next.wrapping_sub(CODE + 10), (CODE + 5).wrapping_sub(next + 8));
    // at CODE: mov eax, 0; again: jmp next.  next: inc eax; dec ecx; jnz again; gate
    let write = || {
        window.write(CODE, &[&[0xb8, 0, 0, 0, 0, 0xe9][..], &first.to_le_bytes()].concat());
        window.write(next, &[&[0x40, 0x49, 0x0f, 0x85][..], &back.to_le_bytes(), &GATE].concat());
    };
    write();
    for _ in 0..3 {
        assert_eq!(result(engine, CODE, 1000), 1000);
    }
    let regions = engine.stats().regions;
    // As an execution of the same program does: all pages go and come back with the same bytes.
    let executed = || {
        window.unmap(CODE >> 12, 2);
        window.map(CODE >> 12, 2);
        write();
        let entries = engine.stats().entries;
        let right = result(engine, CODE, 1000) == 1000 && result(engine, CODE, 1000) == 1000;
        right && engine.stats().regions == regions && engine.stats().entries - entries < 50
    };
    assert!(cloned(engine, executed, || assert!(executed())));
}

#[test]
fn a_store_of_what_is_there_already_faults_on_a_page_that_cannot_be_written() {
    let programs: [&[&[u8]]; 8] = [
        &[&[0x8b, 0x03], &[0x89, 0x03]], // mov eax, [ebx]; mov [ebx], eax
        &[&[0x8b, 0x43, 8], &[0x8d, 0x48, 0], &[0x89, 0x4b, 8]], // mov eax, [ebx+8]; lea ecx, [eax+0]; mov [ebx+8], ecx
        &[&[0x0f, 0xb6, 0x03], &[0x88, 0x03]],                   // movzx eax, byte [ebx]; mov [ebx], al
        &[&[0xb9, 0x40, 0, 0, 0], &[0xd3, 0x0b]],                // mov ecx, 64; ror dword [ebx], cl
        &[&[0x31, 0xd2], &[0x01, 0x13]],                         // xor edx, edx; add [ebx], edx
        &[&[0xbb, 0, 0, 2, 0], &[0x8b, 0x0b], &[0x89, 0x0b]], // mov ebx, DATA; mov ecx, [ebx]; mov [ebx], ecx
        &[&[0x0f, 0x10, 0x03], &[0x0f, 0x11, 0x03]],          // movups xmm0, [ebx]; movups [ebx], xmm0
        &[&[0xff, 0x33], &[0x8f, 0x03]],                      // push dword [ebx]; pop dword [ebx]
    ];
    for order in [MemoryOrder::Plain, MemoryOrder::Tso] {
        for parts in programs {
            let (engine, window) = engine(options(EngineKind::Jit));
            engine.set_memory_order(order);
            window.map(CODE >> 12, 1);
            window.map(DATA >> 12, 2);
            window.read_only(DATA >> 12, 1);
            let code = program(&[&parts.concat(), &GATE]);
            window.write(CODE, &code);
            let mut t = thread(CODE);
            t.cpu.gpr[Gpr::Ebx as usize] = DATA;
            let exit = engine.run(&mut t.cpu, &t.interrupt);
            let is_write_fault = matches!(
                exit,
                Exit::Exception(Exception::Page(Fault {
                    access: Access::Write,
                    kind: FaultKind::Protection,
                    ..
                }))
            );
            assert!(is_write_fault, "{code:x?}, {order:?}: {exit:?}");
            let last = parts.last().map_or(0, |last| last.len());
            assert_eq!(
                t.cpu.eip as usize,
                CODE as usize + parts.concat().len() - last,
                "{code:x?}, {order:?}"
            );
        }
    }
}

/// Part of `cmp al, 64` moves before the loop, and Cranelift forgets where the code of XOR came from: the fault was taken
/// for one of SUB.
#[test]
fn a_fault_is_of_its_own_instruction_where_code_moved() {
    let (engine, window) = engine(options(EngineKind::Jit));
    window.map(CODE >> 12, 1);
    window.map(DATA >> 12, 1);
    let code = program(&[
        &[0xc7, 0x05, 0, 0, 2, 0, 3, 0, 0, 0], // mov dword [DATA], 3
        &[0x83, 0x74, 0x24, 0x65, 0xb4],       // again: xor dword [esp+0x65], -76
        &[0x70, 5],                            // jo over
        &[0x66, 0x0f, 0x38, 0x15, 0xe8],       // blendvpd xmm5, xmm0
        &[0x66, 0x0f, 0x72, 0xe2, 0xff],       // over: psrad xmm2, 255
        &[0x3c, 0x40],                         // cmp al, 64
        &[0x83, 0x2d, 0, 0, 2, 0, 1],          // sub dword [DATA], 1
        &[0x0f, 0x85, 0xe0, 0xff, 0xff, 0xff], // jne again
        &GATE,
    ]);
    window.write(CODE, &code);
    let mut t = thread(CODE);
    t.cpu.gpr[Gpr::Esp as usize] = 0x9a;
    let exit = engine.run(&mut t.cpu, &t.interrupt);
    assert!(
        matches!(exit, Exit::Exception(Exception::Page(Fault { addr: GuestAddr(0xff), .. }))),
        "{exit:?}"
    );
    assert_eq!(t.cpu.eip, CODE + 10);
    assert_eq!(window.read32(DATA), 3);
}
