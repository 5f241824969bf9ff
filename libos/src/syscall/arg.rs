//! Arguments of system calls: how each is taken from its register and shown when traced.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::arch::user;
use crate::error::Errno;

/// A kind of argument.
pub trait Arg: Copy {
    /// From the register.
    fn from_register(value: u32) -> Self;
    /// As a trace shows it. A string takes whatever it is given.
    fn show(self, to: &mut String);
}

/// A descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fd(pub u32);

/// The address of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path(pub u32);

/// The address of something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ptr(pub u32);

/// Flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hex(pub u32);

/// Permissions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(pub u32);

impl Path {
    /// The path.
    ///
    /// # Errors
    /// `EFAULT`, `ENAMETOOLONG`.
    pub fn read(self) -> Result<Vec<u8>, Errno> {
        user::read_path(self.0)
    }
}

impl Arg for u32 {
    fn from_register(value: u32) -> Self {
        value
    }
    fn show(self, to: &mut String) {
        _ = write!(to, "{self}");
    }
}

impl Arg for i32 {
    fn from_register(value: u32) -> Self {
        value.cast_signed()
    }
    fn show(self, to: &mut String) {
        _ = write!(to, "{self}");
    }
}

impl Arg for Fd {
    fn from_register(value: u32) -> Self {
        Self(value)
    }
    fn show(self, to: &mut String) {
        if self.0 == crate::fs::lookup::AT_FDCWD {
            to.push_str("AT_FDCWD");
        } else {
            _ = write!(to, "{}", self.0.cast_signed());
        }
    }
}

impl Arg for Path {
    fn from_register(value: u32) -> Self {
        Self(value)
    }
    fn show(self, to: &mut String) {
        match self.read() {
            Ok(path) => drop(write!(to, "{:?}", String::from_utf8_lossy(&path))),
            Err(_) if self.0 == 0 => to.push_str("NULL"),
            Err(_) => drop(write!(to, "{:#x}", self.0)),
        }
    }
}

impl Arg for Ptr {
    fn from_register(value: u32) -> Self {
        Self(value)
    }
    fn show(self, to: &mut String) {
        if self.0 == 0 {
            to.push_str("NULL");
        } else {
            _ = write!(to, "{:#x}", self.0);
        }
    }
}

impl Arg for Hex {
    fn from_register(value: u32) -> Self {
        Self(value)
    }
    fn show(self, to: &mut String) {
        _ = write!(to, "{:#x}", self.0);
    }
}

impl Arg for Mode {
    fn from_register(value: u32) -> Self {
        Self(value)
    }
    fn show(self, to: &mut String) {
        _ = write!(to, "{:#o}", self.0);
    }
}

/// A 64-bit argument in two registers.
#[must_use]
pub const fn wide(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}
