//! From a path and arguments to a program ready to run.

pub mod elf;
pub mod exec;
pub mod image;
pub mod script;
pub mod stack;
pub mod start;
pub mod vdso;
