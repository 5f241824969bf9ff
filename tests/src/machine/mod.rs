//! What is tested: anything that can run a case.

mod bytes;
mod convert;
pub mod fire;
mod interp;
mod memory;
mod signal;
mod translator;
mod window;

use bytes::guest_memory;

pub use interp::{Interpreter, hot_block, placed, trace};
pub use memory::Ram;
pub use translator::Translator;

use crate::case::{Case, Outcome};

thread_local! {
    static RUNNING: std::cell::RefCell<Option<Case>> = const { std::cell::RefCell::new(None) };
}

/// Makes a panic inside a machine name the case it happened in.
pub fn name_case_in_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Some(case) = RUNNING.take() {
            let want = crate::hardware::broken(&case);
            eprintln!("panic in the case: {}", crate::ins::line(&case, &want));
        }
        before(info);
    }));
}

/// Remembers which case runs, for [`name_case_in_panics`].
fn remember(case: &Case) {
    RUNNING.replace(Some(case.clone()));
}

/// The case has ended without a panic.
fn forget() {
    RUNNING.take();
}

/// Something that runs cases.
pub trait Machine {
    /// Its name in reports.
    fn name(&self) -> &'static str;
    /// Runs one case from a clean start.
    fn run(&mut self, case: &Case) -> Outcome;
}
