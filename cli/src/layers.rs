//! Puts the layers together: native PAL, emulating extension with its engine, library OS.

use crate::arguments::{EngineChoice, Network, Processor, Run, Trace};
use crate::view::View;
use anyhow::{Context, Result, bail};
use frontend_x86::cpuid::Profile;
use frontend_x86::engine::Engine;
use jit::{CodeMemory, DualMapping, EngineKind, Jit, JitError, JitOptions};
use native_pal_aarch64::Config;
use pal_abi::{PalError, Startup};
use std::borrow::Cow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::{Arc, OnceLock};
use thunk_pal::{CodeMapping, CodeSource, Options, Window};

/// ELF machine of the host.
const HOST_ISA: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

/// What the command line says to the emulating layer; set before the first process starts, inherited by all.
#[derive(Debug)]
struct Choices {
    engine: EngineKind,
    compare: bool,
    extension: Options,
}

static CHOICES: OnceLock<Choices> = OnceLock::new();

/// Runs the program and its whole family; the root's exit status.
pub(crate) fn run(run: &Run, image: &'static [u8]) -> Result<u8> {
    let image = match &run.library_os {
        Some(path) => std::fs::read(path).with_context(|| format!("--library-os {}", path.display()))?.into(),
        None => Cow::Borrowed(image),
    };
    if image.is_empty() {
        bail!("this command was built without a library OS image; build it with `cargo xtask build`");
    }
    let view = View::new(run)?;
    let traced = |what| run.trace.contains(&what);
    let choices = Choices {
        engine: match run.engine {
            EngineChoice::Auto => EngineKind::Auto,
            EngineChoice::Interp => EngineKind::Interp,
            EngineChoice::Jit => EngineKind::Jit,
            // Comparing compiles what it compares.
            EngineChoice::Compare => EngineKind::Auto,
        },
        compare: run.engine == EngineChoice::Compare,
        extension: Options {
            trace_calls: traced(Trace::Calls),
            trace_exceptions: traced(Trace::Exceptions),
            profile: match run.cpu {
                Processor::I686 => Profile::I686,
                Processor::Sse2 => Profile::Sse2,
                Processor::V2 => Profile::V2,
                Processor::Max => Profile::Max,
            },
        },
    };
    assert!(CHOICES.set(choices).is_ok(), "one run a process");
    let mut trace = Vec::new();
    if traced(Trace::Syscalls) {
        trace.push("syscalls");
    }
    if traced(Trace::Signals) {
        trace.push("signals");
    }
    let args = core::iter::once(&run.program).chain(&run.args).map(|a| a.as_bytes().to_vec()).collect();
    let blobs = vec![
        ("cwd".to_owned(), view.cwd.into_os_string().into_vec()),
        ("program".to_owned(), view.program.into_os_string().into_vec()),
        ("trace".to_owned(), trace.join(",").into_bytes()),
    ];
    let config = Config {
        args,
        env: view.env,
        maps: view.maps,
        network: run.net == Network::Host,
        blobs,
        image,
        isa: HOST_ISA,
        ..Config::default()
    };
    let status = native_pal_aarch64::start(config, extension);
    drop(view.scratch);
    Ok(u8::try_from(status & 0xff).unwrap_or(u8::MAX))
}

/// `LibOsInitialize` of the emulating extension.
unsafe extern "C" fn extension(startup: *mut Startup) {
    // SAFETY: the layer below passes its start-up block, valid for the rest of the process's life.
    let startup: &'static Startup = unsafe { &*startup };
    let choices = CHOICES.get().expect("set before the first process starts");
    let engine = |window: Arc<Window>, source: CodeSource| -> Result<Box<dyn Engine>, String> {
        let defaults = JitOptions::default();
        let options = JitOptions {
            kind: choices.engine,
            compare: choices.compare,
            // What is to be compared is compiled at its first execution.
            hot_threshold: if choices.compare { 1 } else { defaults.hot_threshold },
            code_memory: Box::new(Downcalls(source)),
            ..defaults
        };
        let jit = Jit::new(window, options).map_err(|e| e.to_string())?;
        Ok(Box::new(jit))
    };
    thunk_pal::run(startup, choices.extension.clone(), engine)
}

/// Code memory for the engine from the extension's downcalls.
#[derive(Debug)]
struct Downcalls(CodeSource);

impl CodeMemory for Downcalls {
    fn map(&self, bytes: usize) -> Result<Box<dyn DualMapping>, JitError> {
        match self.0.map(bytes) {
            Ok(mapping) => Ok(Box::new(Mapped(mapping))),
            Err(e) => Err(no_code_memory(bytes, e)),
        }
    }
}

fn no_code_memory(bytes: usize, error: PalError) -> JitError {
    JitError::CodeMemory { bytes, error: std::io::Error::other(error) }
}

#[derive(Debug)]
struct Mapped(CodeMapping);

impl DualMapping for Mapped {
    fn writable(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.0.writable())
    }
    fn executable(&self) -> *const u8 {
        core::ptr::with_exposed_provenance(self.0.executable())
    }
    fn size(&self) -> usize {
        self.0.bytes()
    }
    fn renew(&self, from: usize) -> Result<(), JitError> {
        self.0.renew(from).map_err(|e| no_code_memory(self.size() - from, e))
    }
}
