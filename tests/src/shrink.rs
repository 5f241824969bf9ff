//! Makes a failing case small: fewer instructions, zeros in its state.

use crate::allowed::explain;
use crate::case::{Case, Outcome, State};
use crate::compare::{Difference, differences, instructions};
use crate::hardware::Hardware;
use crate::machine::Machine;

/// The differences that [`explain`] does not allow.
fn unexplained(case: &Case, want: &Outcome, got: &Outcome, promised: bool) -> Vec<Difference> {
    let list = differences(case, want, got, promised);
    if explain(case, want, got).is_some() { Vec::new() } else { list }
}

/// Runs a case on both.
pub fn judge(
    case: &Case,
    hardware: &mut Hardware,
    machine: &mut dyn Machine,
    promised: bool,
) -> (Outcome, Outcome, Vec<Difference>) {
    let want = hardware.run(core::slice::from_ref(case)).remove(0);
    let got = machine.run(case);
    let list = unexplained(case, &want, &got, promised);
    (want, got, list)
}

/// Cases that are simpler than `case` in one respect each, the boldest first.
fn simpler(case: &Case) -> Vec<Case> {
    let mut out = Vec::new();
    let with = |change: &dyn Fn(&mut Case)| {
        let mut c = case.clone();
        change(&mut c);
        c
    };
    let default = State::default();
    // Without one instruction.
    let list: Vec<_> = instructions(case).collect();
    if list.len() > 1 {
        for i in &list {
            let from = i.ip32().wrapping_sub(case.state.eip) as usize;
            out.push(with(&|c| drop(c.code.drain(from..from + i.len()))));
        }
    }
    out.push(with(&|c| c.state = State { eip: c.state.eip, ..default.clone() }));
    out.push(with(&|c| c.state.xmm = default.xmm));
    out.push(with(&|c| c.state.x87 = default.x87));
    out.push(with(&|c| c.state.eip = default.eip));
    out.push(with(&|c| c.memory.clear()));
    for n in 0..case.memory.len() {
        out.push(with(&|c| drop(c.memory.remove(n))));
        let len = case.memory[n].bytes.len();
        if len > 1 {
            out.push(with(&|c| c.memory[n].bytes.truncate(len / 2)));
            out.push(with(&|c| c.memory[n].bytes.truncate(len - 1)));
            out.push(with(&|c| {
                let p = &mut c.memory[n];
                p.bytes.drain(..len / 2);
                p.at = p.at.wrapping_add((len / 2) as u32);
            }));
            out.push(with(&|c| {
                let p = &mut c.memory[n];
                p.bytes.remove(0);
                p.at = p.at.wrapping_add(1);
            }));
        }
        for b in (0..len).filter(|b| case.memory[n].bytes[*b] != 0).take(16) {
            out.push(with(&|c| c.memory[n].bytes[b] = 0));
        }
    }
    for r in 0..8 {
        let v = case.state.gpr[r];
        for to in [default.gpr[r], 0, 1, v & 0xff, v & 0xffff, v & 0x8000_0000, v & v.wrapping_sub(1), v >> 1]
        {
            if to != v && (to < v || to == default.gpr[r]) {
                out.push(with(&|c| c.state.gpr[r] = to));
            }
        }
        for to in [0, case.state.xmm[r] & u128::from(u64::MAX), case.state.xmm[r] & u128::from(u32::MAX)] {
            out.push(with(&|c| c.state.xmm[r] = to));
        }
        out.push(with(&|c| c.state.x87.st[r] = 0));
        out.push(with(&|c| c.state.x87.st[r] &= !0xffff_ffff));
    }
    for bit in [1, 4, 0x10, 0x40, 0x80, 0x100, 0x400, 0x800, 0x4_0000] {
        out.push(with(&|c| c.state.eflags &= !bit));
    }
    out.push(with(&|c| c.state.mxcsr = default.mxcsr));
    out.push(with(&|c| c.state.x87.control = default.x87.control));
    out.push(with(&|c| c.state.x87.status = default.x87.status));
    out.push(with(&|c| c.state.x87.valid = default.x87.valid));
    out.push(with(&|c| (c.state.x87.instruction, c.state.x87.operand, c.state.x87.opcode) = (0, 0, 0)));
    out.retain(|c| c != case && !c.code.is_empty());
    out
}

/// The smallest case found that still fails in the same kind of way (the first differing field's kind).
pub fn shrink(case: &Case, hardware: &mut Hardware, machine: &mut dyn Machine, promised: bool) -> Case {
    let kind = |list: &[Difference]| {
        list.first().map(|d| d.0.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned())
    };
    let first = kind(&judge(case, hardware, machine, promised).2);
    let mut best = case.clone();
    // Each round either makes the case simpler or is the last; the bound is for safety.
    for _ in 0..400 {
        let candidates = simpler(&best);
        let wants = hardware.run(&candidates);
        let better = candidates.into_iter().zip(wants).find(|(c, want)| {
            let list = unexplained(c, want, &machine.run(c), promised);
            !list.is_empty() && kind(&list) == first
        });
        match better {
            Some((c, _)) => best = c,
            None => break,
        }
    }
    best
}
