//! `docs/PAL_ABI.md`, derived from the table.

use core::fmt::{Result, Write};

use crate::error::{PalError, Status};
use crate::info::{CALLS, CallInfo, GROUPS, UPCALLS};
use crate::kind::KindInfo;
use crate::layout::STRUCTS;

/// Writes the document.
///
/// # Errors
/// Those of `out`.
pub fn pal_abi_markdown(out: &mut dyn Write) -> Result {
    out.write_str(concat!(
        "# The PAL ABI\n\n",
        "Derived from the table in `pal-abi/` by `cargo xtask docs`; do not edit.\n\n",
        "A call returns an `i32`: 0 and above is success, below 0 an error of the call's closed list. The errors\n",
        "listed here come on top of the implicit ones: `INVALID` and `NO_MEMORY` with any parameter, `BAD_HANDLE` and\n",
        "`WRONG_TYPE` with a handle, `FAULT` with a pointer. In the 64-bit ABI every parameter is one register, in the\n",
        "32-bit ABI (cdecl) one 4-byte slot, a `u64` two, low half first. `len` is the size of the buffer before it.\n\n",
        "## Downcalls\n\n",
    ))?;
    for call in CALLS {
        write_call(out, call)?;
    }
    out.write_str("## Upcalls\n\n")?;
    for call in UPCALLS {
        write_call(out, call)?;
    }
    out.write_str("## Optional groups\n\nFound by name in the configuration of the start-up block.\n\n")?;
    for group in GROUPS {
        writeln!(out, "### Group `{}`, version {}\n", group.name, group.version)?;
        write_doc(out, group.doc)?;
        for call in group.calls {
            write_call(out, call)?;
        }
    }
    write_codes(out)?;
    write_structs(out)
}

fn write_doc(out: &mut dyn Write, doc: &[&str]) -> Result {
    for line in doc {
        writeln!(out, "{}", line.trim())?;
    }
    out.write_char('\n')
}

fn write_call(out: &mut dyn Write, call: &CallInfo) -> Result {
    write!(out, "#### {} {}(", call.number, call.name)?;
    for (at, param) in call.params.iter().enumerate() {
        out.write_str(if at == 0 { "" } else { ", " })?;
        match param.kind {
            KindInfo::U32 => write!(out, "u32 {}", param.name),
            KindInfo::I32 => write!(out, "i32 {}", param.name),
            KindInfo::U64 => write!(out, "u64 {}", param.name),
            KindInfo::Uptr => write!(out, "uptr {}", param.name),
            KindInfo::Handle => write!(out, "handle {}", param.name),
            KindInfo::In(ty) => write!(out, "in {ty} *{}", param.name),
            KindInfo::Out(ty) => write!(out, "out {ty} *{}", param.name),
            KindInfo::InOut(ty) => write!(out, "inout {ty} *{}", param.name),
            KindInfo::InBytes => write!(out, "in bytes *{}", param.name),
            KindInfo::OutBytes => write!(out, "out bytes *{}", param.name),
            KindInfo::Len => write!(out, "len {}", param.name),
        }?;
    }
    out.write_str(")\n\n")?;
    write_doc(out, call.doc)?;
    if !call.errors.is_empty() {
        out.write_str("Errors:")?;
        for error in call.errors {
            write!(out, " `{error}`")?;
        }
        out.write_str("\n\n")?;
    }
    Ok(())
}

fn write_codes(out: &mut dyn Write) -> Result {
    out.write_str("## Status codes\n\n| code | name |\n|---|---|\n")?;
    for status in Status::ALL {
        writeln!(out, "| {} | {} |", status.code(), status.name())?;
    }
    for error in PalError::ALL {
        writeln!(out, "| {} | {} |", error.code(), error.name())?;
    }
    out.write_char('\n')
}

fn write_structs(out: &mut dyn Write) -> Result {
    out.write_str("## Structures\n\nThe same bytes in both ABIs; addresses are 64 bits wide.\n\n")?;
    for s in STRUCTS {
        writeln!(out, "### {} ({} bytes)\n", s.name, s.size)?;
        write_doc(out, s.doc)?;
        out.write_str("| offset | field | type | |\n|---|---|---|---|\n")?;
        for field in s.fields {
            write!(out, "| {:#04x} | {} | `{}` |", field.offset, field.name, field.ty)?;
            for line in field.doc {
                write!(out, " {}", line.trim())?;
            }
            out.write_str(" |\n")?;
        }
        out.write_char('\n')?;
    }
    Ok(())
}
