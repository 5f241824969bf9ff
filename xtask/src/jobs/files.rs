//! What a run left in its layer: a line for each node, in order.

use anyhow::{Context as _, Result};
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::list::Compare;

/// Names that no program of a job writes: the mount points of the run itself.
const OURS: &[&str] = &["jobs", "jobs-built", "proc", "sys", "dev", "run"];

/// A line for each node below a layer.
pub(crate) fn list(layer: &Path, compare: Compare) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if compare != Compare::Nothing {
        walk(layer, layer, compare, &mut lines)?;
    }
    Ok(lines)
}

fn walk(layer: &Path, folder: &Path, compare: Compare, lines: &mut Vec<String>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.strip_prefix(layer)?;
        if OURS.iter().any(|ours| name == Path::new(ours)) {
            continue;
        }
        let metadata = fs::symlink_metadata(&path)?;
        lines.push(line(&path, &name.to_string_lossy(), &metadata, compare)?);
        if metadata.is_dir() {
            walk(layer, &path, compare, lines)?;
        }
    }
    Ok(())
}

fn line(path: &Path, name: &str, metadata: &Metadata, compare: Compare) -> Result<String> {
    let (kind, mode) = (metadata.file_type(), metadata.mode() & 0o7777);
    let what = if kind.is_symlink() {
        format!("-> {}", fs::read_link(path)?.display())
    } else if kind.is_dir() {
        "folder".to_owned()
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else if kind.is_char_device() {
        // How an overlay marks what was removed.
        "removed".to_owned()
    } else if compare == Compare::All {
        format!("{} bytes, hash {:016x}", metadata.len(), hash(&fs::read(path)?))
    } else {
        "file".to_owned()
    };
    Ok(format!("{name} {mode:o} {what}"))
}

/// FNV-1a: enough to tell files apart that nobody made to collide.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}
