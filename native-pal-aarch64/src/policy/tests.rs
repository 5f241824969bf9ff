//! Resolution never leaves the mappings, with `openat2` and without.

use std::fs;
use std::os::unix::fs::symlink;

use super::resolve::Last;
use super::*;

struct Fixture {
    outer: tempfile::TempDir,
    policies: Vec<Policy>,
}

/// `/` is `outer/root`, `/data` is `outer/data` (read-only), `/one` is a file, `/far/away` lies below a virtual directory.
fn fixture() -> Fixture {
    let outer = tempfile::tempdir().unwrap();
    let at = |name: &str| outer.path().join(name);
    fs::create_dir_all(at("root/dir/deep")).unwrap();
    fs::create_dir(at("data")).unwrap();
    fs::create_dir(at("away")).unwrap();
    fs::write(at("secret"), "secret").unwrap();
    fs::write(at("root/dir/file"), "file").unwrap();
    fs::write(at("data/file"), "data").unwrap();
    symlink("dir/file", at("root/link")).unwrap();
    symlink("/data/file", at("root/absolute")).unwrap();
    symlink("../../../../secret", at("root/dir/escape")).unwrap();
    symlink(at("secret"), at("root/host")).unwrap();
    symlink("loop", at("root/loop")).unwrap();
    symlink("dir", at("root/dirlink")).unwrap();
    let map = |guest: &str, host: &str, read_only| Mapping { guest: guest.into(), host: at(host), read_only };
    let maps = [
        map("/", "root", false),
        map("/data", "data", true),
        map("/one", "secret", true),
        map("/far/away", "away", false),
    ];
    let make = || Policy::new(&maps, &[]).unwrap();
    Fixture { policies: vec![make(), make().without_openat2()], outer }
}

fn found(policy: &Policy, path: &str, last: Last) -> Result<String, PalError> {
    match policy.resolve(path.as_bytes(), last)? {
        Place::Virtual(path) => Ok(format!("virtual {}", String::from_utf8(path).unwrap())),
        Place::Host(location) => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
            let fd =
                openat(&*location.parent, &location.name[..], flags, Mode::empty()).map_err(file_error)?;
            policy.check(location.root, &fd, &fstat(&fd).map_err(file_error)?)?;
            let path = String::from_utf8(location.path).unwrap();
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut fs::File::from(fd), &mut text);
            Ok(format!("{path} {text}"))
        }
    }
}

#[test]
fn paths_lead_where_the_mappings_say() {
    let fixture = fixture();
    for policy in &fixture.policies {
        let follow = |path| found(policy, path, Last::Follow);
        assert_eq!(follow("/dir/file").unwrap(), "/dir/file file");
        assert_eq!(follow("/dir/../dir/./file").unwrap(), "/dir/file file");
        assert_eq!(follow("/link").unwrap(), "/dir/file file");
        assert_eq!(follow("/dirlink/file").unwrap(), "/dir/file file");
        assert_eq!(follow("/absolute").unwrap(), "/data/file data");
        assert_eq!(follow("/data/../dir/file").unwrap(), "/dir/file file");
        assert_eq!(follow("/one").unwrap(), "/one secret");
        assert_eq!(follow("/far").unwrap(), "virtual /far");
        assert_eq!(follow("/far/away/").unwrap(), "/far/away ");
        assert_eq!(follow("/../../").unwrap(), "/ ");
    }
}

#[test]
fn nothing_outside_is_reached() {
    let fixture = fixture();
    for policy in &fixture.policies {
        let follow = |path| found(policy, path, Last::Follow);
        assert_eq!(follow("/../secret"), Err(PalError::NotFound));
        assert_eq!(follow("/dir/escape"), Err(PalError::NotFound));
        assert_eq!(follow("/host"), Err(PalError::NotFound));
        assert_eq!(follow("/data/../../secret"), Err(PalError::NotFound));
        assert_eq!(found(policy, "/dir/escape", Last::Keep), Err(PalError::Loop));
    }
    assert!(fixture.outer.path().join("secret").exists());
}

#[test]
fn errors_are_those_of_the_component() {
    let fixture = fixture();
    for policy in &fixture.policies {
        let follow = |path: &str| found(policy, path, Last::Follow);
        assert_eq!(follow("/loop"), Err(PalError::Loop));
        assert_eq!(follow("/dir/file/x"), Err(PalError::NotDir));
        assert_eq!(follow("/one/x"), Err(PalError::NotDir));
        assert_eq!(follow("/nothing/x"), Err(PalError::NotFound));
        assert_eq!(follow("relative"), Err(PalError::Invalid));
        assert_eq!(follow(&format!("/{}", "n".repeat(256))), Err(PalError::NameTooLong));
        assert_eq!(follow(&"/n".repeat(4000)), Err(PalError::NameTooLong));
    }
}

#[test]
fn a_link_swapped_in_during_resolution_does_not_escape() {
    let fixture = fixture();
    let dir = fixture.outer.path().join("root/race");
    let outside = fixture.outer.path().to_owned();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::create_dir(&dir);
                let _ = fs::remove_dir(&dir);
                let _ = symlink(&outside, &dir);
                let _ = fs::remove_file(&dir);
            }
        });
        for policy in &fixture.policies {
            for _ in 0..2000 {
                assert!(found(policy, "/race/secret", Last::Follow).is_err());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn hidden_directories_are_denied_under_any_name() {
    let fixture = fixture();
    let cache = fixture.outer.path().join("root/cache");
    fs::create_dir(&cache).unwrap();
    fs::write(cache.join("code"), "code").unwrap();
    let root = Mapping { guest: b"/".into(), host: fixture.outer.path().join("root"), read_only: false };
    let policy = Policy::new(&[root], std::slice::from_ref(&cache)).unwrap();
    assert_eq!(found(&policy, "/cache/code", Last::Follow), Err(PalError::Denied));
    for inside in [cache.clone(), cache.join("code")] {
        let map = Mapping { guest: b"/in".into(), host: inside, read_only: true };
        assert!(matches!(Policy::new(&[map], std::slice::from_ref(&cache)), Err(PolicyError::Hidden(_))));
    }
    fs::rename(&cache, fixture.outer.path().join("root/renamed")).unwrap();
    assert_eq!(found(&policy, "/renamed/code", Last::Follow), Err(PalError::Denied));
}

#[test]
fn proc_cannot_be_mapped() {
    let proc = Mapping { guest: b"/proc".into(), host: "/proc".into(), read_only: true };
    assert!(matches!(Policy::new(&[proc], &[]), Err(PolicyError::Proc(_))));
}

#[test]
fn a_directory_moved_away_during_resolution_leads_nowhere() {
    let fixture = fixture();
    let (here, away) = (fixture.outer.path().join("root/moving"), fixture.outer.path().join("moved"));
    fs::create_dir_all(here.join("a/b")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::rename(here.join("a"), &away);
                let _ = fs::rename(&away, here.join("a"));
            }
        });
        for policy in &fixture.policies {
            for _ in 0..2000 {
                // Above the moved directory lies `secret`; above where it was, nothing of that name.
                assert_eq!(found(policy, "/moving/a/b/../../secret", Last::Follow), Err(PalError::NotFound));
                assert_eq!(found(policy, "/moving/a/../../../secret", Last::Follow), Err(PalError::NotFound));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_link_swapped_in_as_the_last_component_is_not_followed_by_the_host() {
    let fixture = fixture();
    let (name, secret) = (fixture.outer.path().join("root/last"), fixture.outer.path().join("secret"));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::write(&name, "harmless");
                let _ = fs::remove_file(&name);
                let _ = symlink(&secret, &name);
                let _ = fs::remove_file(&name);
            }
        });
        for policy in &fixture.policies {
            for last in [Last::Follow, Last::Keep] {
                for _ in 0..1000 {
                    let text = found(policy, "/last", last).unwrap_or_default();
                    assert!(!text.contains("secret"), "{text}");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn proc_and_its_magic_links_are_denied_below_a_mapping() {
    let fixture = fixture();
    let fd = fs::File::open(fixture.outer.path().join("secret")).unwrap();
    let magic = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    let root = Mapping { guest: b"/".into(), host: "/".into(), read_only: true };
    let make = || Policy::new(std::slice::from_ref(&root), &[]).unwrap();
    for policy in [make(), make().without_openat2()] {
        for path in [&magic, "/proc/self/root", "/proc/self/exe", "/proc/version", "/proc/../proc/version"] {
            for last in [Last::Follow, Last::Keep] {
                assert_eq!(found(&policy, path, last), Err(PalError::Denied), "{path} {last:?}");
            }
        }
    }
    // A link in a mapping that names one is a name of the guest's, where there is none.
    symlink(&magic, fixture.outer.path().join("root/magic")).unwrap();
    symlink("/proc/self/root/etc/passwd", fixture.outer.path().join("root/passwd")).unwrap();
    for policy in &fixture.policies {
        assert_eq!(found(policy, "/magic", Last::Follow), Err(PalError::NotFound));
        assert_eq!(found(policy, "/passwd", Last::Follow), Err(PalError::NotFound));
    }
}
