//! Prints a compiled region: guest code, IR, host code.

use crate::compile::Code;
use crate::region::GuestRegion;
use iced_x86::{Formatter, GasFormatter};
use std::fmt::Write;

/// Prints to standard error.
pub(crate) fn print(region: &GuestRegion, code: &Code) {
    eprintln!("{}", text(region, code));
}

fn text(region: &GuestRegion, code: &Code) -> String {
    let mut out = String::new();
    let mut formatter = GasFormatter::new();
    for block in &region.blocks {
        let _ = writeln!(
            out,
            "block {:#010x}: {} edges in, stale {:#04x}, flags {}, carry {}",
            block.start, block.predecessors, block.dirty_in, block.flags_live_in, block.carry_live_in
        );
        for i in &block.insns {
            let mut line = String::new();
            match i.insn.gate() {
                Some(n) => line = format!("gate {n}"),
                None => formatter.format(i.insn.raw(), &mut line),
            }
            let _ = writeln!(out, "  {:#010x}  {line}", i.insn.eip());
        }
    }
    if let Some(listing) = &code.listing {
        let _ = write!(out, "{}\n{}", listing.clif, listing.assembly);
    }
    let _ = writeln!(out, "{} instructions, {} bytes", region.instructions(), code.bytes.len());
    out
}
