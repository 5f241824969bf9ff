//! From a region to bytes: Cranelift's compiler, and what must be known about its output.

use crate::JitError;
use crate::clif::{Built, Clif, Environment, Kept, access_number, region_signature};
use crate::region::GuestRegion;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, UserFuncName};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// A branch that leaves a region: where its displacement lies, and to which exit it belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    pub(crate) offset: u32,
    pub(crate) exit: u32,
}

/// Where code may fault: sorted by offset.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultTable {
    /// Offsets of accesses with the EIP of their instruction.
    pub(crate) exact: Box<[(u32, u32)]>,
    /// Starts of ranges with the EIP of the instruction they came from, for accesses within longer sequences.
    pub(crate) ranges: Box<[(u32, u32)]>,
}

/// A compiled region that has no address yet.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sites: Vec<Site>,
    pub(crate) exits: Vec<u32>,
    pub(crate) faults: FaultTable,
    pub(crate) insns: Vec<Kept>,
    /// Where asked for.
    pub(crate) listing: Option<Listing>,
}

/// What people read about a compiled region.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) clif: String,
    pub(crate) assembly: String,
    /// Start of each stretch of code with the EIP of the instruction that it came from; `None` is the region's own.
    pub(crate) origins: Vec<(u32, Option<u32>)>,
}

/// What a compiler compiles for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    triple: &'static str,
    features: Vec<&'static str>,
    frame_pointers: bool,
}

impl Target {
    /// This processor.
    pub(crate) fn host() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self { features: host_features(), ..Self::arm() }
        } else {
            Self { triple: "x86_64-unknown-linux-gnu", features: host_features(), frame_pointers: true }
        }
    }

    /// An ARM64 processor with the atomic instructions of version 8.1, whichever this is.
    pub(crate) fn arm() -> Self {
        Self { triple: "aarch64-unknown-linux-gnu", features: vec!["has_lse"], frame_pointers: false }
    }
}

/// The compiler with its reusable memory.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    builder: FunctionBuilderContext,
    context: Context,
    control: ControlPlane,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").field("isa", &self.isa.name()).finish_non_exhaustive()
    }
}

/// Features of this processor that Cranelift can use.
fn host_features() -> Vec<&'static str> {
    let mut features = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! probe {
            ($($name:tt => $setting:literal),* $(,)?) => {
                $(if std::arch::is_x86_feature_detected!($name) { features.push($setting); })*
            };
        }
        probe! {
            "sse3" => "has_sse3", "ssse3" => "has_ssse3", "sse4.1" => "has_sse41", "sse4.2" => "has_sse42",
            "popcnt" => "has_popcnt", "avx" => "has_avx", "avx2" => "has_avx2", "bmi1" => "has_bmi1",
            "bmi2" => "has_bmi2", "lzcnt" => "has_lzcnt",
        }
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("lse") {
        features.push("has_lse");
    }
    features
}

impl Compiler {
    /// The compiler for this processor.
    pub(crate) fn new() -> Result<Self, JitError> {
        Self::compiling_for(&Target::host())
    }

    pub(crate) fn compiling_for(target: &Target) -> Result<Self, JitError> {
        let refused = |error: &dyn std::fmt::Display| JitError::Compiler(error.to_string());
        let mut flags = settings::builder();
        let verify = if cfg!(debug_assertions) { "true" } else { "false" };
        for (name, value) in [
            ("opt_level", "speed"),
            ("enable_verifier", verify),
            ("preserve_frame_pointers", if target.frame_pointers { "true" } else { "false" }),
            ("unwind_info", "false"),
            ("enable_probestack", "false"),
            ("machine_code_cfg_info", "false"),
        ] {
            flags.set(name, value).map_err(|e| refused(&e))?;
        }
        let mut builder = isa::lookup_by_name(target.triple).map_err(|e| refused(&e))?;
        for feature in &target.features {
            builder.enable(feature).map_err(|e| refused(&e))?;
        }
        let isa = builder.finish(settings::Flags::new(flags)).map_err(|e| refused(&e))?;
        Ok(Self {
            isa,
            builder: FunctionBuilderContext::new(),
            context: Context::new(),
            control: ControlPlane::default(),
        })
    }

    /// Compiles a region.
    ///
    /// # Errors
    /// [`JitError::Compiler`] if Cranelift refuses; that is a mistake of ours.
    pub(crate) fn compile(
        &mut self,
        env: Environment,
        region: &GuestRegion,
        listing: bool,
    ) -> Result<Code, JitError> {
        self.context.clear();
        let start = region.blocks[0].start;
        self.context.func = Function::with_name_signature(UserFuncName::user(0, start), region_signature());
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let (builder, built) = Clif::build(builder, env, region);
        builder.finalize(self.isa.frontend_config());
        let clif = listing.then(|| self.context.func.display().to_string());
        self.context.set_disasm(listing);
        self.context
            .compile(&*self.isa, &mut self.control)
            .map_err(|e| JitError::Compiler(format!("{start:#010x}: {:?}", e.inner)))?;
        let code = self.context.compiled_code().expect("just compiled");
        let names = self.context.func.params.user_named_funcs();
        let mut sites = Vec::new();
        for reloc in code.buffer.relocs() {
            let known = matches!(reloc.kind, Reloc::X86CallPCRel4 | Reloc::Arm64Call);
            let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = &reloc.target else {
                return Err(JitError::Compiler(format!("{start:#010x}: {:?}", reloc.target)));
            };
            if !known {
                return Err(JitError::Compiler(format!("{start:#010x}: relocation {:?}", reloc.kind)));
            }
            sites.push(Site { offset: reloc.offset, exit: names[*name].index });
        }
        let faults = fault_table(code, &built);
        let listing = clif.map(|clif| Listing {
            clif,
            assembly: code.vcode.clone().unwrap_or_default(),
            origins: origins(code, &built),
        });
        Ok(Code {
            bytes: code.buffer.data().to_vec(),
            sites,
            exits: built.exits,
            faults,
            insns: built.insns,
            listing,
        })
    }
}

/// The instruction that a source location means: they count from 1, and 0 is the region's own code.
fn number(location: u32) -> Option<usize> {
    usize::try_from(location).ok().and_then(|n| n.checked_sub(1))
}

/// See [`Listing::origins`].
fn origins(code: &CompiledCode, built: &Built) -> Vec<(u32, Option<u32>)> {
    let mut out: Vec<(u32, Option<u32>)> = Vec::new();
    let mut end = 0;
    for at in code.buffer.get_srclocs_sorted() {
        // What has no location lies between those that have one.
        if at.start > end {
            out.push((end, None));
        }
        out.push((at.start, number(at.loc.bits()).and_then(|n| built.eips.get(n).copied())));
        end = at.end;
    }
    out.push((end, None));
    out.dedup_by_key(|&mut (_, origin)| origin);
    out
}

/// Which instruction each access belongs to.
fn fault_table(code: &CompiledCode, built: &Built) -> FaultTable {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let eip = |n: usize| built.eips.get(n).copied();
    for at in code.buffer.get_srclocs_sorted() {
        if let Some(eip) = number(at.loc.bits()).and_then(eip) {
            ranges.push((at.start, eip));
        }
    }
    let mut exact: Vec<(u32, u32)> = Vec::new();
    for trap in code.buffer.traps() {
        if let Some(eip) = access_number(trap.code).and_then(eip) {
            exact.push((trap.offset, eip));
        }
    }
    exact.sort_unstable();
    exact.dedup();
    FaultTable { exact: exact.into(), ranges: ranges.into() }
}

impl FaultTable {
    /// The EIP of the instruction that an offset belongs to. Async-signal-safe.
    pub(crate) fn eip(&self, offset: u32) -> Option<u32> {
        if let Ok(at) = self.exact.binary_search_by_key(&offset, |e| e.0) {
            return Some(self.exact[at].1);
        }
        let after = self.ranges.partition_point(|r| r.0 <= offset);
        after.checked_sub(1).map(|at| self.ranges[at].1)
    }
}
