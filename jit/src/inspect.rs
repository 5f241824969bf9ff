//! What a region becomes on ARM64, for people and tests that read code: compiled as a hot region is, on whichever host,
//! with nothing in it that differs from run to run.
//!
//! What code refers to by its address has a made-up one here, which [`name`] explains.

use crate::JitError;
use crate::clif::Environment;
use crate::compile::{Compiler, Target};
use crate::dispatch::{REGION_BLOCKS, REGION_PAGES};
use crate::enter::OutOfLine;
use crate::region::{Limits, discover};
use frontend_x86::cpuid::Profile;
use frontend_x86::decode::Insn;
use frontend_x86::engine::MemoryOrder;
use frontend_x86::memory::GuestMemory;

/// A compiled region.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The guest's instructions, block by block in the order of the code.
    pub blocks: Vec<Vec<Insn>>,
    /// The host's code.
    pub code: Vec<u8>,
    /// Start of each stretch of code with the EIP of the instruction that it came from; `None` where it belongs to the
    /// region as a whole.
    pub origins: Vec<(u32, Option<u32>)>,
    /// Offsets of the branches that leave for other regions, with the guest address they lead to.
    pub exits: Vec<(u32, u32)>,
}

/// Made-up addresses of functions: like real ones they have three 16-bit parts that are not zero.
const NAMES: [(u64, &str); 7] = [
    (0x7f01_0001_1110, "interpret"),
    (0x7f01_0001_2220, "helper"),
    (0x7f01_0001_3330, "vec_helper"),
    (0x7f01_0001_4440, "flags"),
    (0x7f01_0001_5550, "compare_exchange"),
    (0x7f01_0001_6660, "timestamp"),
    (0x7f01_0001_7770, "random"),
];

/// The made-up address of the instruction at guest address 0 that is kept for code.
const KEPT: u64 = 0x7e02 << 32;

/// What a made-up address stands for.
#[must_use]
pub fn name(address: u64) -> Option<String> {
    if let Some((_, name)) = NAMES.iter().find(|(at, _)| *at == address) {
        return Some((*name).to_owned());
    }
    (address & u64::from(u32::MAX) << 32 == KEPT).then(|| format!("insn_{:x}", address & u64::from(u32::MAX)))
}

/// Compiles the region at `entry` for an ARM64 processor with the atomic instructions of ARMv8.1.
///
/// # Errors
/// [`JitError::Compiler`]: there is no instruction at `entry`, or Cranelift refused.
pub fn compile<M: GuestMemory>(memory: &M, entry: u32, order: MemoryOrder) -> Result<Compiled, JitError> {
    let instructions = crate::JitOptions::default().region_instructions;
    let limits = Limits { instructions, blocks: REGION_BLOCKS, pages: REGION_PAGES };
    let region = discover(memory, entry, Profile::Max, limits, &mut |_| true)
        .map_err(|reason| JitError::Compiler(format!("{entry:#010x}: {reason:?}")))?;
    let [interpret, helper, vec_helper, flags, compare_exchange, timestamp, random] = NAMES.map(|(at, _)| at);
    let env = Environment {
        out_of_line: OutOfLine { interpret, helper, vec_helper, flags, compare_exchange, timestamp, random },
        order,
        strong_host: false,
        lookup_entries: crate::lookup::ENTRIES as u64,
        kept_address: |insn| KEPT | u64::from(insn.eip()),
    };
    let code = Compiler::compiling_for(&Target::arm())?.compile(env, &region, true)?;
    Ok(Compiled {
        blocks: region.blocks.iter().map(|b| b.insns.iter().map(|i| i.insn).collect()).collect(),
        origins: code.listing.map(|listing| listing.origins).unwrap_or_default(),
        exits: code.sites.iter().map(|site| (site.offset, code.exits[site.exit as usize])).collect(),
        code: code.bytes,
    })
}
