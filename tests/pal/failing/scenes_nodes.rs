//! What is done while the host fails: files, directories, and nodes by name.

use pal_abi::arg::Out;
use pal_abi::flags::{APPEND_OFFSET, attr, delete, hole, lock, lock_kind, map, open, prot, rename};
use pal_abi::{Attr, FsInfo, Handle, Layout, LockRange};

use super::scenes::{Prepared, Scene, looking, making, mapping, opening, plain, reading, setting, writing};
use crate::checked;
use crate::harness::{ATTR_SIZE, Env, R, RW};

/// A file that is there anew.
fn file(env: &Env) -> Handle {
    env.file("/rw/failing", b"contents")
}

/// A directory of this module's own, without what earlier scenes left in it.
fn directory(env: &Env) -> Handle {
    let host = env.host("failing-dir");
    let _ = std::fs::remove_dir_all(&host);
    std::fs::create_dir(&host).expect("a directory");
    std::fs::write(host.join("child"), "contents").expect("a file");
    std::os::unix::fs::symlink("child", host.join("link")).expect("a link");
    env.open("dir:/rw/failing-dir", R, 0).expect("the directory")
}

fn deleting(stream: Handle) -> Prepared {
    plain(&[stream], move |pal| pal.stream_delete(stream, delete::ALL))
}

fn renaming(env: &Env, flags: u32) -> Prepared {
    let stream = file(env);
    let _ = std::fs::remove_file(env.host("failing-to"));
    let to = "file:/rw/failing-to";
    plain(&[stream], move |pal| pal.stream_rename(stream, to.into(), to.len(), flags))
}

fn asking(uri: &'static str) -> Prepared {
    plain(&[], move |pal| {
        let mut attr = Attr::ZERO;
        pal.stream_attributes_query(uri.into(), uri.len(), (&mut attr).into(), ATTR_SIZE, 0)
    })
}

/// What files do to the host.
pub(crate) const FILES: &[Scene] = &[
    ("open file", |env| opening("file:/rw/failing", RW, 0, &[file(env)])),
    ("open file below", |env| opening("file:/rw/failing-dir/child", RW, 0, &[directory(env)])),
    ("open file through a link", |env| opening("file:/rw/failing-dir/link", R, 0, &[directory(env)])),
    ("open file upwards", |env| {
        opening("file:/rw/failing-dir/../failing", R, 0, &[file(env), directory(env)])
    }),
    ("create file", |env| {
        opening("file:/rw/failing-dir/new", RW, open::CREATE_NEW | open::SYNC, &[directory(env)])
    }),
    ("open unnamed file", |_| opening("file:/rw", RW, open::TEMPORARY, &[])),
    ("open directory", |_| opening("dir:/rw", R, 0, &[])),
    ("open node", |env| opening("file:/rw/failing", 0, open::PATH_ONLY, &[file(env)])),
    ("read file", |env| {
        let file = file(env);
        reading(file, &[file])
    }),
    ("write file", |env| {
        let file = file(env);
        writing(file, 0, &[file])
    }),
    ("append to file", |env| {
        let file = file(env);
        writing(file, APPEND_OFFSET, &[file])
    }),
    ("map file", |env| {
        let file = file(env);
        mapping(env, file, prot::READ | prot::WRITE, map::SHARED, &[file])
    }),
    ("map file executable", |env| {
        let file = file(env);
        mapping(env, file, prot::READ | prot::EXECUTE, map::PRIVATE, &[file])
    }),
    ("set length", |env| {
        let file = file(env);
        plain(&[file], move |pal| pal.stream_set_length(file, 100))
    }),
    ("flush file", |env| {
        let file = file(env);
        plain(&[file], move |pal| pal.stream_flush(file))
    }),
    ("flush directory", |env| {
        let dir = directory(env);
        plain(&[dir], move |pal| pal.stream_flush(dir))
    }),
    ("delete file", |env| deleting(file(env))),
    ("delete directory", |env| {
        let dir = directory(env);
        for name in ["child", "link"] {
            std::fs::remove_file(env.host("failing-dir").join(name)).expect("a child");
        }
        deleting(dir)
    }),
    ("rename", |env| renaming(env, 0)),
    ("rename over", |env| renaming(env, rename::REPLACE)),
    ("enumerate", |env| {
        let dir = directory(env);
        plain(&[dir], move |pal| {
            let (mut cookie, mut buf, mut len) = (0, [0; 4096], 0);
            pal.stream_enumerate_children(
                dir,
                (&mut cookie).into(),
                buf.as_mut_slice().into(),
                4096,
                (&mut len).into(),
            )
        })
    }),
    ("attributes by name", |_| asking("file:/rw/failing")),
    ("attributes through a link", |env| {
        env.close(directory(env));
        asking("file:/rw/failing-dir/link")
    }),
    ("attributes of a device", |_| asking("dev:zero")),
    ("attributes of a file", |env| {
        let file = file(env);
        looking(file, &[file])
    }),
    ("set mode", |env| {
        let file = file(env);
        setting(file, Attr { mode: 0o640, ..Attr::ZERO }, attr::MODE, &[file])
    }),
    ("set times", |env| {
        let file = file(env);
        setting(file, Attr::ZERO, attr::ATIME_NOW | attr::MTIME, &[file])
    }),
    ("set owner", |env| {
        let file = file(env);
        setting(file, Attr::ZERO, attr::UID | attr::GID, &[file])
    }),
    ("set mode and times of a node", |env| {
        let (file, node) = (file(env), env.open("file:/rw/failing", 0, open::PATH_ONLY).expect("a node"));
        setting(node, Attr { mode: 0o640, ..Attr::ZERO }, attr::MODE | attr::MTIME_NOW, &[file, node])
    }),
];

fn opening_at(dir: Handle, name: &'static str, access: u32, options: u32) -> Prepared {
    making(&[dir], move |_, made| {
        checked::nodes().open_at(dir, name.into(), name.len(), access, options, made.into())
    })
}

fn locking(env: &Env, what: u32) -> Prepared {
    let file = file(env);
    plain(&[file], move |_| {
        let mut range = LockRange { kind: lock_kind::WRITE, owner: 0, start: 0, length: 0 };
        checked::nodes().lock(file, what, (&mut range).into(), 24)
    })
}

fn digging(env: &Env, what: u32) -> Prepared {
    let file = file(env);
    plain(&[file], move |_| {
        let mut offset = 0;
        checked::nodes().hole(file, what, (&mut offset).into(), 4)
    })
}

fn making_node(env: &Env, mode: u32) -> Prepared {
    let dir = directory(env);
    plain(&[dir], move |_| checked::nodes().make_node(dir, "made".into(), 4, mode, 0))
}

/// Attributes of a file, and of a node.
fn with_attribute(env: &Env, path_only: bool) -> Vec<Handle> {
    let file = file(env);
    let name = "user.failing";
    // Where the file system has none, the errors are those of a file system without.
    let _ = checked::nodes().xattr_set(file, name.into(), name.len(), b"x".as_slice().into(), 1, 0);
    if path_only {
        vec![env.open("file:/rw/failing", 0, open::PATH_ONLY).expect("a node"), file]
    } else {
        vec![file]
    }
}

fn attributes(env: &Env, path_only: bool) -> Prepared {
    let handles = with_attribute(env, path_only);
    let object = handles[0];
    plain(&handles, move |_| {
        let (nodes, name) = (checked::nodes(), "user.failing");
        let (mut buf, mut len) = ([0; 200], 0);
        let _ = nodes.xattr_get(object, name.into(), 12, buf.as_mut_slice().into(), 200, (&mut len).into());
        let _ = nodes.xattr_list(object, buf.as_mut_slice().into(), 200, (&mut len).into());
        let _ = nodes.xattr_set(object, name.into(), 12, b"y".as_slice().into(), 1, 0);
        nodes.xattr_remove(object, name.into(), 12)
    })
}

/// What nodes do to the host.
pub(crate) const NODES: &[Scene] = &[
    ("open child", |env| opening_at(directory(env), "child", RW, 0)),
    ("open new child", |env| opening_at(directory(env), "new", RW, open::CREATE)),
    ("open again", |env| opening_at(file(env), "", R, 0)),
    ("unlink", |env| {
        let dir = directory(env);
        plain(&[dir], move |_| checked::nodes().unlink_at(dir, "child".into(), 5, 0))
    }),
    ("rename child", |env| {
        let dir = directory(env);
        plain(&[dir], move |_| checked::nodes().rename_at(dir, dir, "childnew".into(), 8, 5, 0))
    }),
    ("rename child over", |env| {
        let dir = directory(env);
        plain(&[dir], move |_| {
            checked::nodes().rename_at(dir, dir, "childlink".into(), 9, 5, rename::REPLACE)
        })
    }),
    ("exchange children", |env| {
        let dir = directory(env);
        plain(&[dir], move |_| {
            checked::nodes().rename_at(dir, dir, "childlink".into(), 9, 5, rename::EXCHANGE)
        })
    }),
    ("link child", |env| {
        let dir = directory(env);
        plain(&[dir], move |_| checked::nodes().link_at(dir, dir, "childnew".into(), 8, 5))
    }),
    ("link object", |env| {
        let (dir, file) = (directory(env), file(env));
        plain(&[dir, file], move |_| checked::nodes().link_at(file, dir, "new".into(), 3, 0))
    }),
    ("make link", |env| {
        let dir = directory(env);
        plain(&[dir], move |_| checked::nodes().symlink_at(dir, "new".into(), 3, "text".into(), 4))
    }),
    ("read link", |env| {
        let (dir, mut link) = (directory(env), Handle::NONE);
        checked::nodes()
            .open_at(dir, "link".into(), 4, 0, open::PATH_ONLY, (&mut link).into())
            .expect("a link");
        plain(&[dir, link], move |_| {
            let (mut buf, mut len) = ([0; 64], 0);
            checked::nodes().read_link(link, buf.as_mut_slice().into(), 64, (&mut len).into())
        })
    }),
    ("make directory", |env| making_node(env, 0o40_755)),
    ("make FIFO", |env| making_node(env, 0o10_644)),
    ("make file", |env| making_node(env, 0o100_644)),
    ("extended attributes", |env| attributes(env, false)),
    ("extended attributes of a node", |env| attributes(env, true)),
    ("file system", |env| {
        let file = file(env);
        plain(&[file], move |_| {
            let mut info = FsInfo::ZERO;
            checked::nodes().stat_fs(file, (&mut info).into(), 88)
        })
    }),
    ("lock range", |env| locking(env, lock::TRY)),
    ("test range", |env| locking(env, lock::TEST)),
    ("watch", |env| {
        let (dir, watches) = (directory(env), env.open("watch:", R, 0).expect("watches"));
        plain(&[dir, watches], move |_| {
            let mut number = 0;
            checked::nodes().watch(watches, dir, 1, (&mut number).into())
        })
    }),
    ("punch", |env| digging(env, hole::PUNCH)),
    ("allocate", |env| digging(env, hole::ALLOCATE)),
    ("seek", |env| digging(env, hole::SEEK_DATA)),
    ("length of nothing", |env| {
        let file = file(env);
        plain(&[file], move |pal| {
            pal.stream_read(file, 0, (&mut [0_u8; 0][..]).into(), 0, Out::NONE, Out::NONE)
        })
    }),
];
