//! Recorded cases: `tests/vectors/*.vec`, made on hardware, replayed anywhere.
//!
//! A file is the magic, the vendor of the processor it was recorded on, the number of cases, then each case with its
//! outcome in the form of [`crate::codec`].

use crate::case::{Case, Outcome, Stop};
use crate::codec::{Malformed, Reader, Writer, get_case, get_outcome, put_case, put_outcome};
use crate::generate::{Generator, Kind, Rng};
use crate::hardware::Hardware;
use iced_x86::{Code, CpuidFeature, EncodingKind};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"TRUNVEC1";

/// A recorded file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Vendor string of the processor.
    pub vendor: String,
    /// Cases and what the processor made of them.
    pub cases: Vec<(Case, Outcome)>,
}

impl Recording {
    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer(MAGIC.to_vec());
        w.bytes(self.vendor.as_bytes());
        w.number(self.cases.len() as u64);
        for (case, outcome) in &self.cases {
            put_case(&mut w, case);
            put_outcome(&mut w, outcome, &case.state);
        }
        w.0
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// They are not a recording.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader(bytes.strip_prefix(MAGIC).ok_or(Malformed)?);
        let vendor = String::from_utf8(r.bytes()?).map_err(|_| Malformed)?;
        let count = r.count()?;
        let mut cases = Vec::with_capacity(count);
        for _ in 0..count {
            let case = get_case(&mut r)?;
            let outcome = get_outcome(&mut r, &case.state)?;
            cases.push((case, outcome));
        }
        if r.0.is_empty() { Ok(Self { vendor, cases }) } else { Err(Malformed) }
    }

    /// Whether promised undefined flags have the promised value in it.
    #[must_use]
    pub fn promised(&self) -> bool {
        self.vendor == "AuthenticAMD"
    }
}

/// Where the recordings are.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// All recordings in the tree, by name.
///
/// # Errors
/// A file cannot be read or is malformed.
pub fn all() -> std::io::Result<Vec<(String, Recording)>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory())? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "vec") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let recording = Recording::from_bytes(&std::fs::read(&path)?).map_err(std::io::Error::other)?;
            out.push((name, recording));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(out)
}

/// The file that a form belongs to.
fn group(code: Code) -> &'static str {
    let has = |f: fn(&CpuidFeature) -> bool| code.cpuid_features().iter().any(f);
    if has(|f| format!("{f:?}").starts_with("FPU")) {
        "x87"
    } else if has(|f| {
        use CpuidFeature::{POPCNT, SSE3, SSE4_1, SSE4_2, SSSE3};
        matches!(f, SSE3 | SSSE3 | SSE4_1 | SSE4_2 | POPCNT)
    }) {
        "sse_more"
    } else if has(|f| matches!(f, CpuidFeature::SSE | CpuidFeature::SSE2))
        || code.op_code().encoding() != EncodingKind::Legacy
    {
        "sse"
    } else {
        "integer"
    }
}

/// The vendor of this machine's processor, as Linux names it.
#[must_use]
pub fn vendor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|l| l.starts_with("vendor_id"));
    line.and_then(|l| l.split(": ").nth(1)).unwrap_or("unknown").to_owned()
}

/// Records `per_form` cases of every form and `sequences` sequences; by file name.
pub fn record(
    generator: &Generator,
    hardware: &mut Hardware,
    seed: u64,
    per_form: u32,
    sequences: u64,
) -> Vec<(&'static str, Recording)> {
    let vendor = vendor();
    let mut groups: Vec<(&'static str, Vec<Case>)> = ["integer", "sequences", "sse", "sse_more", "x87"]
        .map(|name| (name, Vec::new()))
        .into_iter()
        .collect();
    let mut add = |name: &str, case: Case| {
        if let Some((_, list)) = groups.iter_mut().find(|(n, _)| *n == name) {
            list.push(case);
        }
    };
    for (n, &form) in (0..).zip(generator.forms()) {
        let mut rng = Rng::nth(seed, n);
        (0..per_form).for_each(|_| add(group(form), generator.of_form(&mut rng, form)));
    }
    (0..)
        .filter(|n| !matches!(generator.kind(*n), Kind::Single(_)))
        .take(usize::try_from(sequences).unwrap_or(usize::MAX))
        .for_each(|n| add("sequences", generator.case(n)));
    groups
        .into_iter()
        .map(|(name, cases)| {
            let outcomes = hardware.run(&cases);
            let ended = |o: &Outcome| matches!(o.stop, Stop::Exception { .. });
            let cases = cases.into_iter().zip(outcomes).filter(|(_, o)| ended(o)).collect();
            (name, Recording { vendor: vendor.clone(), cases })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_reads_back_and_damage_is_noticed() {
        let case = Case { code: vec![0x40], ..Case::default() };
        let outcome = crate::hardware::broken(&case);
        let recording = Recording { vendor: "x".into(), cases: vec![(case, outcome)] };
        let bytes = recording.to_bytes();
        assert_eq!(Recording::from_bytes(&bytes), Ok(recording));
        assert_eq!(Recording::from_bytes(&bytes[..bytes.len() - 1]), Err(Malformed));
        assert_eq!(Recording::from_bytes(b"nonsense"), Err(Malformed));
    }
}
