//! The emulating extension: it looks like a 32-bit PAL to the library OS above and like a library OS to the layer below.
//!
//! - [`run`] reserves the guest's 4 GiB window, loads the library OS's image and runs its first thread;
//! - `window`, `pages`, `map`: the window, the guest's page table, and the calls that change them;
//! - `guest`: the only door to guest memory (unsafe lives there and in `host`);
//! - `thread`, `serve`, `special`, `kinds`: a thread's run loop and the downcalls it makes, derived from the table;
//! - `upcall`, `context`: exceptions as upcalls, contexts both ways; `host`: what comes from below.
//!
//! It uses the 64-bit ABI alone: no system call, no host file, and no knowledge of how guest code is run.

#![expect(
    clippy::cast_possible_truncation,
    reason = "guest quantities are 32 bits wide on a 64-bit host; widths are part of every name here"
)]

mod code;
mod context;
mod guest;
mod host;
mod image;
mod kinds;
mod layer;
mod map;
mod pages;
mod serve;
mod special;
mod startup;
mod thread;
mod upcall;
mod window;

pub use code::{CodeMapping, CodeSource};
pub use image::ImageError;
pub use layer::Options;
pub use startup::run;
pub use window::Window;
