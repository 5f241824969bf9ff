//! When two outcomes are the same.

use crate::case::{Case, Outcome, State, Stop};
use crate::undefined::{self, Undefined};
use iced_x86::{Decoder, DecoderOptions, Instruction};

/// RF: faults push it set; whether a handler sees it says nothing about the program.
const RF: u32 = 1 << 16;

/// Names of the general registers in encoding order.
pub const GPR: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
/// Names of the segment registers in encoding order.
pub const SEGMENT: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];

/// The instructions of a case's code, in order, as far as they decode.
pub fn instructions(case: &Case) -> impl Iterator<Item = Instruction> + '_ {
    let mut d = Decoder::with_ip(32, &case.code, u64::from(case.state.eip), DecoderOptions::NONE);
    core::iter::from_fn(move || d.can_decode().then(|| d.decode())).take_while(|i| !i.is_invalid())
}

/// EFLAGS bits that may differ at the end of a case, by the instructions that it executed; `None` where one of them leaves
/// even its destination undefined, or reads a flag that was left so (which a jump backwards can lead to).
#[must_use]
pub fn allowed_flags(case: &Case, promised: bool) -> Option<u32> {
    let mut undefined = Undefined::default();
    for (i, cl) in crate::machine::trace(case) {
        let before = undefined.0;
        if !undefined.step(&i, Some(cl)) {
            return None;
        }
        let (manual, open) = (undefined::by_manual(&i, Some(cl)), undefined::allowed(&i, Some(cl), promised));
        // A promised value may be the one from before, which was undefined perhaps.
        undefined.0 = undefined.0 & !manual | open | manual & before;
    }
    Some(RF | undefined.0)
}

/// A difference: what, and its two values.
pub type Difference = (String, String, String);

/// A selector as an interrupt leaves it: the processor clears null selectors with an RPL when it returns to user mode
/// (SDM vol. 2A, "IRET"), so 1, 2 and 3 turn into 0 at any moment.
fn visible(selector: u16) -> u128 {
    if selector < 4 { 0 } else { selector.into() }
}

fn state_differences(want: &State, got: &State, flags: u32, out: &mut Vec<Difference>) {
    let mut value = |name: String, a: u128, b: u128, digits: usize| {
        if a != b {
            out.push((name, format!("{a:0digits$x}"), format!("{b:0digits$x}")));
        }
    };
    for (i, name) in GPR.iter().enumerate() {
        value((*name).into(), want.gpr[i].into(), got.gpr[i].into(), 8);
    }
    value("eip".into(), want.eip.into(), got.eip.into(), 8);
    value("eflags".into(), (want.eflags & !flags).into(), (got.eflags & !flags).into(), 8);
    for (i, name) in SEGMENT.iter().enumerate() {
        value((*name).into(), visible(want.selectors[i]), visible(got.selectors[i]), 4);
    }
    value("mxcsr".into(), want.mxcsr.into(), got.mxcsr.into(), 4);
    for i in 0..8 {
        value(format!("xmm{i}"), want.xmm[i], got.xmm[i], 32);
    }
    let (a, b) = (&want.x87, &got.x87);
    value("fcw".into(), a.control.into(), b.control.into(), 4);
    value("fsw".into(), a.status.into(), b.status.into(), 4);
    value("fvalid".into(), a.valid.into(), b.valid.into(), 2);
    // What a signal frame shows of the pointers is the processor's while an exception is pending, and nothing where not.
    if a.status & 0x80 != 0 {
        value("fip".into(), a.instruction.into(), b.instruction.into(), 8);
        value("fdp".into(), a.operand.into(), b.operand.into(), 8);
        value("fop".into(), a.opcode.into(), b.opcode.into(), 3);
    }
    for i in 0..8 {
        value(format!("st{i}"), a.st[i], b.st[i], 20);
    }
}

/// All differences between two outcomes of a case, none where they agree. `promised`: whether the flags
/// that the manual leaves undefined count, as far as they are promised.
#[must_use]
pub fn differences(case: &Case, want: &Outcome, got: &Outcome, promised: bool) -> Vec<Difference> {
    let mut out = Vec::new();
    if want.stop == Stop::Hang && got.stop == Stop::Hang {
        return out;
    }
    // Most outcomes are equal in every flag; which may differ is looked at only where they are not.
    let flags = if (want.state.eflags ^ got.state.eflags) & !RF == 0 {
        RF
    } else {
        let Some(flags) = allowed_flags(case, promised) else { return out };
        flags
    };
    if want.stop != got.stop {
        out.push(("stop".into(), show_stop(want.stop), show_stop(got.stop)));
    }
    state_differences(&want.state, &got.state, flags, &mut out);
    if !out.is_empty() && allowed_flags(case, promised).is_none() {
        return Vec::new();
    }
    if want.memory != got.memory {
        let bytes = |o: &Outcome| -> std::collections::BTreeMap<u32, u8> {
            o.memory.iter().flat_map(|p| (p.at..).zip(p.bytes.iter().copied())).collect()
        };
        let (a, b) = (bytes(want), bytes(got));
        let show = |v: Option<&u8>| v.map_or_else(|| "same".into(), |v| format!("{v:02x}"));
        let all: std::collections::BTreeSet<u32> = a.keys().chain(b.keys()).copied().collect();
        for at in all.into_iter().filter(|at| a.get(at) != b.get(at)).take(24) {
            out.push((format!("[{at:08x}]"), show(a.get(&at)), show(b.get(&at))));
        }
    }
    out
}

/// An exception in the manual's way.
#[must_use]
pub fn show_stop(stop: Stop) -> String {
    match stop {
        Stop::Exception { vector: 14, error, address } => format!("#pf({error:x},{address:08x})"),
        Stop::Exception { vector, error, .. } => match (name(vector), error) {
            (Some(n), 0) if !matches!(vector, 11..=13) => format!("#{n}"),
            (Some(n), _) => format!("#{n}({error:x})"),
            (None, _) => format!("#{vector:02x}"),
        },
        Stop::Hang => "hang".into(),
        Stop::Broken => "broken".into(),
    }
}

/// The manual's mnemonic of an exception's vector.
#[must_use]
pub fn name(vector: u8) -> Option<&'static str> {
    const NAMES: [(u8, &str); 14] = [
        (0, "de"),
        (1, "db"),
        (3, "bp"),
        (4, "of"),
        (5, "br"),
        (6, "ud"),
        (7, "nm"),
        (11, "np"),
        (12, "ss"),
        (13, "gp"),
        (14, "pf"),
        (16, "mf"),
        (17, "ac"),
        (19, "xm"),
    ];
    NAMES.iter().find(|(v, _)| *v == vector).map(|(_, n)| *n)
}
