//! What the program sees: the mapped files, its current folder, its environment, and which file it is.

use crate::arguments::Run;
use crate::scratch::Scratch;
use anyhow::{Context, Result, bail};
use native_pal_aarch64::Mapping;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The guest's PATH where its environment has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where programs share memory by name.
const SHARED: &str = "/dev/shm";

/// What the program sees.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) maps: Vec<Mapping>,
    /// Guest path of the current folder.
    pub(crate) cwd: PathBuf,
    /// Guest path of the program.
    pub(crate) program: PathBuf,
    pub(crate) env: Vec<Vec<u8>>,
    /// What `/dev/shm` of a root is, to be kept for as long as the program runs.
    pub(crate) scratch: Option<Scratch>,
}

impl View {
    /// Works it out from the command line.
    pub(crate) fn new(run: &Run) -> Result<Self> {
        let here = env::current_dir().context("the current folder is gone")?;
        let mut maps = Vec::new();
        if let Some(root) = &run.rootfs {
            maps.push(mapping(root, Path::new("/"), false).context("--rootfs")?);
            if !root.is_dir() {
                bail!("--rootfs: {} is not a folder", root.display());
            }
        }
        for text in &run.map {
            maps.push(parse_map(text).with_context(|| format!("--map {}", text.display()))?);
        }
        let mut scratch = None;
        if run.rootfs.is_some() && !maps.iter().any(|map| map.guest == SHARED.as_bytes()) {
            let made = Scratch::new().with_context(|| format!("a folder for {SHARED}"))?;
            maps.push(mapping(made.folder(), Path::new(SHARED), false)?);
            scratch = Some(made);
        }
        let env = environment(run)?;
        let bare = maps.is_empty();
        let program = Path::new(&run.program);
        if program.as_os_str().is_empty() {
            bail!("the program's name is empty");
        }
        let (program, cwd) = if bare {
            let program = find_here(program, &env)?;
            let folder = program.parent().unwrap_or(Path::new("/")).to_owned();
            // The current folder is writable even where the program lies in it.
            if !here.starts_with(&folder) || here != folder {
                maps.push(mapping(&folder, &folder, true)?);
            }
            maps.push(mapping(&here, &here, false)?);
            (program, run.cwd.clone().unwrap_or(here))
        } else {
            let cwd = run.cwd.clone().unwrap_or_else(|| PathBuf::from("/"));
            (find_mapped(program, &cwd, &env, &maps), cwd)
        };
        if !cwd.is_absolute() {
            bail!("--cwd {}: a guest path is absolute", cwd.display());
        }
        Ok(Self { maps, cwd, program, env, scratch })
    }
}

fn mapping(host: &Path, guest: &Path, read_only: bool) -> Result<Mapping> {
    let host = fs::canonicalize(host).with_context(|| host.display().to_string())?;
    Ok(Mapping { guest: guest.as_os_str().as_bytes().to_vec(), host, read_only })
}

/// `HOST=GUEST[:ro]`.
fn parse_map(text: &OsStr) -> Result<Mapping> {
    let bytes = text.as_bytes();
    let split = bytes.iter().position(|&b| b == b'=').context("HOST=GUEST is expected")?;
    let (host, guest) = (&bytes[..split], &bytes[split + 1..]);
    let (guest, read_only) = guest.strip_suffix(b":ro").map_or((guest, false), |g| (g, true));
    if guest.first() != Some(&b'/') {
        bail!("the guest path must be absolute");
    }
    if host.is_empty() {
        bail!("the host path is empty");
    }
    mapping(Path::new(OsStr::from_bytes(host)), Path::new(OsStr::from_bytes(guest)), read_only)
}

/// The environment: this one where the program runs among the host's own files, else only what was asked for.
fn environment(run: &Run) -> Result<Vec<Vec<u8>>> {
    let mut env: Vec<(OsString, OsString)> = Vec::new();
    if run.env.is_empty() && run.rootfs.is_none() {
        env = env::vars_os().collect();
    } else {
        env.push(("PATH".into(), DEFAULT_PATH.into()));
        if let Some(term) = env::var_os("TERM") {
            env.push(("TERM".into(), term));
        }
    }
    for item in &run.env {
        let bytes = item.as_bytes();
        let (key, value) = match bytes.iter().position(|&b| b == b'=') {
            Some(0) => bail!("--env {}: the name is empty", item.display()),
            Some(at) => {
                (OsStr::from_bytes(&bytes[..at]).to_owned(), OsStr::from_bytes(&bytes[at + 1..]).to_owned())
            }
            None => match env::var_os(item) {
                Some(value) => (item.clone(), value),
                None => continue,
            },
        };
        env.retain(|(k, _)| *k != key);
        env.push((key, value));
    }
    Ok(env.into_iter().map(|(k, v)| [k.as_bytes(), b"=", v.as_bytes()].concat()).collect())
}

fn search_path(env: &[Vec<u8>]) -> Vec<PathBuf> {
    let value = env.iter().find_map(|e| e.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH.as_bytes());
    env::split_paths(OsStr::from_bytes(value)).filter(|p| p.is_absolute()).collect()
}

/// The host path of a program that is named here.
fn find_here(program: &Path, env: &[Vec<u8>]) -> Result<PathBuf> {
    let candidates: Vec<PathBuf> = if program.as_os_str().as_bytes().contains(&b'/') {
        vec![program.to_owned()]
    } else {
        search_path(env).into_iter().map(|folder| folder.join(program)).collect()
    };
    match candidates.iter().find(|p| p.is_file()) {
        // The folder is resolved, the name stays: busybox and its like look at it.
        Some(found) => {
            let folder = found.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let folder = fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
            Ok(folder.join(found.file_name().context("the program's name has no last part")?))
        }
        // The library OS reports it, in the words it has for every program: here only the path is made absolute.
        None => Ok(env::current_dir()?.join(program)),
    }
}

/// The guest path of a program among mapped files.
fn find_mapped(program: &Path, cwd: &Path, env: &[Vec<u8>], maps: &[Mapping]) -> PathBuf {
    if program.as_os_str().as_bytes().contains(&b'/') {
        return cwd.join(program);
    }
    let exists = |guest: &Path| {
        let best = maps
            .iter()
            .filter_map(|m| {
                guest
                    .strip_prefix(OsStr::from_bytes(&m.guest))
                    .ok()
                    .map(|rest| (m.guest.len(), m.host.join(rest)))
            })
            .max_by_key(|(len, _)| *len);
        // A symbolic link may lead anywhere in the guest: it is taken as a hit, and the library OS follows it.
        best.is_some_and(|(_, host)| host.symlink_metadata().is_ok_and(|m| !m.is_dir()))
    };
    let found = search_path(env).into_iter().map(|folder| folder.join(program)).find(|p| exists(p));
    found
        .unwrap_or_else(|| PathBuf::from(OsString::from_vec([b"/", program.as_os_str().as_bytes()].concat())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_splits_at_the_first_equals_sign_and_knows_ro() {
        let map = parse_map(OsStr::new("/=/data:ro")).expect("the root exists");
        assert_eq!((map.guest.as_slice(), map.read_only), (&b"/data"[..], true));
        assert!(parse_map(OsStr::new("/=data")).is_err(), "a relative guest path");
        assert!(parse_map(OsStr::new("/nowhere-at-all=/data")).is_err(), "a host path that does not exist");
        assert!(parse_map(OsStr::new("/data")).is_err(), "no guest path");
    }
}
