//! Lines about system calls and signals, in the form strace(1) made familiar.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use crate::error::SysResult;
use crate::pal;
use crate::signal::info::SigInfo;
use crate::signal::set;
use crate::task::process::process;

/// A call and its result.
pub fn call(shown: &str, result: SysResult) {
    let mut line = String::new();
    // A string takes whatever it is given.
    _ = match result {
        Ok(value) if value > 0xffff => write!(line, "[{}] {shown} = {value:#x}", process().pid()),
        Ok(value) => write!(line, "[{}] {shown} = {value}", process().pid()),
        Err(error) => write!(line, "[{}] {shown} = -1 {}", process().pid(), error.name()),
    };
    pal::debug(line.as_bytes());
}

/// A call that is about to be made and may not come back.
pub fn entered(shown: &str) {
    pal::debug(format!("[{}] {shown} ...", process().pid()).as_bytes());
}

/// A signal that is taken.
pub fn signal(info: &SigInfo) {
    let line = format!("[{}] --- {} si_code={} ---", process().pid(), set::name(info.signal), info.code);
    pal::debug(line.as_bytes());
}
