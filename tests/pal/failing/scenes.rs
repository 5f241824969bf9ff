//! What is done while the host fails: processes, threads, memory, objects, and streams that are no files.

use pal_abi::arg::{InBytes, Out};
use pal_abi::flags::{alloc, attr, delete, event, free, map, open, prot, ready, socket, stream, wait_op};
use pal_abi::{Attr, Handle, Layout, Pal, PalResult, ProcessParams, ThreadParams, TimerSetting, WaitRecord};

use crate::checked;
use crate::harness::{ATTR_SIZE, Env, R, RW};
use crate::processes::ended;

/// What is made ready while the host is healthy.
pub(crate) struct Prepared {
    /// Makes the call; tells the handles it made.
    pub(crate) call: Box<dyn FnOnce() -> Vec<Handle> + Send>,
    /// Closed afterwards.
    pub(crate) handles: Vec<Handle>,
}

/// A call, and what it takes to make it.
pub(crate) type Scene = (&'static str, fn(&Env) -> Prepared);

/// A scene in which a call makes no handle.
pub(crate) fn plain<R>(
    handles: &[Handle],
    call: impl FnOnce(&'static dyn Pal) -> R + Send + 'static,
) -> Prepared {
    making(handles, move |pal, _| call(pal))
}

/// A scene in which a call makes one.
pub(crate) fn making<R>(
    handles: &[Handle],
    call: impl FnOnce(&'static dyn Pal, &mut Handle) -> R + Send + 'static,
) -> Prepared {
    let call = move || {
        let mut made = Handle::NONE;
        call(checked::pal(), &mut made);
        if made.is_none() { Vec::new() } else { vec![made] }
    };
    Prepared { call: Box::new(call), handles: handles.to_vec() }
}

/// A scene that opens something.
pub(crate) fn opening(uri: impl Into<String>, access: u32, options: u32, handles: &[Handle]) -> Prepared {
    let uri = uri.into();
    making(handles, move |pal, made| {
        let _ = pal.stream_open(uri.as_str().into(), uri.len(), access, 0, options, made.into());
    })
}

/// A scene that reads.
pub(crate) fn reading(stream: Handle, handles: &[Handle]) -> Prepared {
    plain(handles, move |pal| {
        let (mut buf, mut done) = ([0; 64], 0);
        pal.stream_read(stream, 0, buf.as_mut_slice().into(), 64, (&mut done).into(), Out::NONE)
    })
}

/// A scene that writes.
pub(crate) fn writing(stream: Handle, offset: u64, handles: &[Handle]) -> Prepared {
    plain(handles, move |pal| {
        let mut done = 0;
        pal.stream_write(stream, offset, b"x".as_slice().into(), 1, (&mut done).into(), Out::NONE)
    })
}

/// A scene that looks at a stream's attributes.
pub(crate) fn looking(stream: Handle, handles: &[Handle]) -> Prepared {
    plain(handles, move |pal| {
        let mut attr = Attr::ZERO;
        pal.stream_attributes_query_by_handle(stream, (&mut attr).into(), ATTR_SIZE)
    })
}

/// A scene that sets some.
pub(crate) fn setting(stream: Handle, attr: Attr, mask: u32, handles: &[Handle]) -> Prepared {
    plain(handles, move |pal| pal.stream_attributes_set_by_handle(stream, (&attr).into(), ATTR_SIZE, mask))
}

/// A scene that asks for a name.
pub(crate) fn naming(stream: Handle, handles: &[Handle]) -> Prepared {
    plain(handles, move |pal| {
        let (mut buf, mut len) = ([0; 200], 0);
        pal.stream_get_name(stream, buf.as_mut_slice().into(), 200, (&mut len).into())
    })
}

/// A scene that maps a page, and gives it back if it can.
pub(crate) fn mapping(env: &Env, stream: Handle, prot: u32, flags: u32, handles: &[Handle]) -> Prepared {
    let size = env.startup.page_size as usize;
    plain(handles, move |pal| {
        let mut base = 0;
        if pal.stream_map(stream, (&mut base).into(), size, 0, prot, flags).is_ok() {
            let _ = pal.stream_unmap(base, size);
        }
    })
}

const PRW: u32 = prot::READ | prot::WRITE;
const RC: u32 = alloc::RESERVE | alloc::COMMIT;

/// What `ProcessCreate` and its kin do to the host.
pub(crate) const EXECUTION: &[Scene] = &[
    ("allocate", |env| {
        let size = env.startup.page_size as usize;
        plain(&[], move |pal| {
            let (mut base, mut bytes) = (0, size);
            if pal.virtual_memory_allocate((&mut base).into(), (&mut bytes).into(), RC, PRW).is_ok() {
                let _ = pal.virtual_memory_protect(base, bytes, prot::READ, Out::NONE);
                let _ = pal.virtual_memory_free(base, bytes, free::DECOMMIT);
                let _ = pal.virtual_memory_free(base, bytes, free::RELEASE);
            }
        })
    }),
    ("create a process", |_| {
        making(&[], |pal, made| {
            let params = ProcessParams {
                config: b"0".as_ptr().expose_provenance() as u64,
                config_bytes: 1,
                ..ProcessParams::ZERO
            };
            let mut channel = Handle::NONE;
            if pal.process_create((&params).into(), 96, made.into(), (&mut channel).into()).is_ok() {
                let _ = pal.object_close(channel);
            }
        })
    }),
    ("copy the process", |_| {
        making(&[], |pal, made| {
            let mut is_child = 0;
            let _ = checked::cloning().process_clone(0, (&mut is_child).into(), made.into(), Out::NONE);
            if is_child == 1 {
                let _ = pal.process_exit(0);
            }
        })
    }),
    ("exit code", |env| {
        let (mut process, params) = (Handle::NONE, ProcessParams::ZERO);
        let params =
            ProcessParams { config: b"0".as_ptr().expose_provenance() as u64, config_bytes: 1, ..params };
        env.pal.process_create((&params).into(), 96, (&mut process).into(), Out::NONE).expect("a process");
        env.pal.object_reference(process).expect("a reference");
        ended(env, process);
        plain(&[process], move |pal| {
            let mut code = 0;
            pal.process_get_exit_code(process, (&mut code).into())
        })
    }),
    ("kill", |env| {
        let process = env.startup.self_process;
        plain(&[], move |pal| pal.stream_delete(process, delete::READ))
    }),
    ("ring", |env| {
        let family = env.family.expect("a family");
        plain(&[], move |_| family.family_ring(99_999))
    }),
    ("thread", |env| {
        let param = env.job(|| {});
        making(&[], move |pal, made| {
            let params = ThreadParams { param, ..ThreadParams::ZERO };
            let _ = pal.thread_create((&params).into(), 56, made.into());
        })
    }),
    ("notification event", |_| making(&[], |pal, made| pal.notification_event_create(0, made.into()))),
    ("synchronization event", |_| making(&[], |pal, made| pal.synchronization_event_create(1, made.into()))),
    ("semaphore", |_| making(&[], |pal, made| pal.semaphore_create(1, 2, made.into()))),
    ("event", |env| {
        let event = env.no_stream();
        plain(&[event], move |pal| {
            let mut state = 0;
            let _ = pal.event_set(event);
            let _ = pal.event_peek(event, (&mut state).into());
            pal.event_clear(event)
        })
    }),
    ("counting", |env| {
        let mut semaphore = Handle::NONE;
        env.pal.semaphore_create(1, 3, (&mut semaphore).into()).expect("a semaphore");
        plain(&[semaphore], move |pal| {
            let mut count = 0;
            let _ = pal.semaphore_release(semaphore, 1, (&mut count).into());
            pal.semaphore_peek(semaphore, (&mut count).into())
        })
    }),
    ("random bits", |_| {
        plain(&[], |pal| {
            let mut buf = [0; 16];
            pal.random_bits_read(buf.as_mut_slice().into(), 16)
        })
    }),
    ("time", |_| {
        plain(&[], |pal| {
            let mut time = 0;
            pal.system_time_query(2, (&mut time).into())
        })
    }),
    ("debug string", |_| plain(&[], |pal| pal.debug_string_print(InBytes::NONE, 0))),
];

/// Two ends: a pipe's for `R`, a pair for `RW`.
pub(crate) fn ends(env: &Env, access: u32) -> (Handle, Handle) {
    let (near, mut far) = (env.open("pipe:", access, 0).expect("a pipe"), Handle::NONE);
    env.pal.stream_wait_for_client(near, 0, (&mut far).into()).expect("its other end");
    (near, far)
}

/// A server, and its URI as a client names it.
fn server(env: &Env) -> (Handle, String) {
    let server = env.open("tcp.srv:127.0.0.1:0", RW, 0).expect("a server");
    let name = env.name(server).expect("its name").replacen("tcp.srv:", "tcp:", 1);
    (server, name)
}

/// A connection.
fn connection(env: &Env) -> (Handle, Handle) {
    let (server, name) = server(env);
    let (near, mut far) = (env.open(&name, RW, 0).expect("a client"), Handle::NONE);
    env.pal.stream_wait_for_client(server, 0, (&mut far).into()).expect("its other end");
    env.close(server);
    (near, far)
}

/// Two datagram sockets, the first of which has the second as its peer.
fn datagrams(env: &Env) -> (Handle, Handle) {
    let far = env.open("udp.srv:127.0.0.1:0", RW, 0).expect("a socket");
    let name = env.name(far).expect("its name").replacen("udp.srv:", "udp:", 1);
    (env.open(&name, RW, 0).expect("a peer"), far)
}

fn accepting(server: Handle, handles: &[Handle]) -> Prepared {
    // A client that turns out to be nobody's is no reason to wait for another one here.
    making(handles, move |pal, made| pal.stream_wait_for_client(server, open::NONBLOCK, made.into()))
}

fn asynchronous(stream: Handle, handles: &[Handle]) -> Prepared {
    making(handles, move |pal, made| {
        let buf: &'static mut [u8] = Box::leak(Box::new([0; 8]));
        let mut done = 0;
        let _ = pal.stream_read(stream, 0, buf.into(), 8, (&mut done).into(), made.into());
    })
}

fn change(set: Handle, member: Handle, op: u32) -> impl FnOnce(&'static dyn Pal) -> PalResult + Send {
    let record = WaitRecord { op, handle: member, mask: ready::READABLE, flags: 0, cookie: 1 };
    move |pal| {
        let mut done = 0;
        pal.stream_write(set, 0, record.as_bytes().into(), 24, (&mut done).into(), Out::NONE)
    }
}

/// The slave of a new terminal, or its name.
fn slave(env: &Env, options: u32) -> Prepared {
    let master = env.open("pty:", RW, 0).expect("a terminal");
    making(&[master], move |pal, made| {
        let _ = pal.stream_wait_for_client(master, options, made.into());
    })
}

/// What streams that are no files do to the host.
pub(crate) const STREAMS: &[Scene] = &[
    ("open pipe", |_| opening("pipe:", R, 0, &[])),
    ("open terminal", |_| opening("pty:", RW, 0, &[])),
    ("open slave", |env| slave(env, 0)),
    ("open name of slave", |env| slave(env, open::PATH_ONLY)),
    ("open pair", |_| opening("pipe:", RW, 0, &[])),
    ("open pipe server", |_| opening("pipe.srv:failing", RW, 0, &[])),
    ("open pipe client", |env| {
        let server = env.open("pipe.srv:failing", RW, 0).expect("a server");
        opening("pipe:failing", RW, 0, &[server])
    }),
    ("accept pipe", |env| {
        let server = env.open("pipe.srv:failing", RW, open::NONBLOCK).expect("a server");
        let client = env.open("pipe:failing", RW, 0).expect("a client");
        accepting(server, &[server, client])
    }),
    ("open memory", |_| opening("anon:4096", RW, 0, &[])),
    ("open null", |_| opening("null:", RW, 0, &[])),
    ("open device", |_| opening("dev:zero", RW, 0, &[])),
    ("open counter", |_| opening("counter:3", RW, 0, &[])),
    ("open timer", |_| opening("timer:1", RW, 0, &[])),
    ("open watches", |_| opening("watch:", R, 0, &[])),
    ("open wait set", |_| opening("waitset:", RW, 0, &[])),
    ("open console", |_| opening("console:", RW, 0, &[])),
    ("open tcp server", |_| opening("tcp.srv:127.0.0.1:0", RW, 0, &[])),
    ("open udp server", |_| opening("udp.srv:127.0.0.1:0", RW, 0, &[])),
    ("open udp", |_| opening("udp:127.0.0.1:9", RW, 0, &[])),
    ("open tcp", |env| {
        let (server, name) = server(env);
        opening(name, RW, 0, &[server])
    }),
    ("accept tcp", |env| {
        let (server, name) = server(env);
        let client = env.open(&name, RW, 0).expect("a client");
        accepting(server, &[server, client])
    }),
    ("read pipe", |env| {
        let (near, far) = ends(env, R);
        env.write(far, 0, b"data").expect("written");
        reading(near, &[near, far])
    }),
    ("read pair", |env| {
        let (near, far) = ends(env, RW);
        env.write(far, 0, b"data").expect("written");
        reading(near, &[near, far])
    }),
    ("read tcp", |env| {
        let (near, far) = connection(env);
        env.write(far, 0, b"data").expect("written");
        reading(near, &[near, far])
    }),
    ("read udp", |env| {
        let (near, far) = datagrams(env);
        env.write(near, 0, &[0; 40]).expect("written");
        reading(far, &[near, far])
    }),
    ("read device", |env| {
        let device = env.open("dev:urandom", R, 0).expect("a device");
        reading(device, &[device])
    }),
    ("read memory", |env| {
        let memory = env.open("anon:64", RW, 0).expect("memory");
        reading(memory, &[memory])
    }),
    ("read counter", |env| {
        let counter = env.open("counter:3", RW, 0).expect("a counter");
        plain(&[counter], move |pal| {
            let mut done = 0;
            let to: &'static mut [u8] = Box::leak(Box::new([0; 8]));
            pal.stream_read(counter, 0, to.into(), 8, (&mut done).into(), Out::NONE)
        })
    }),
    ("set timer", |env| {
        let timer = env.open("timer:1", RW, 0).expect("a timer");
        plain(&[timer], move |pal| {
            let (mut done, setting) = (0, TimerSetting { value: 1 << 40, ..TimerSetting::ZERO });
            pal.stream_write(timer, 0, setting.as_bytes().into(), 24, (&mut done).into(), Out::NONE)
        })
    }),
    ("read wait set", |env| {
        let (set, (near, far)) = (env.open("waitset:", RW, 0).expect("a set"), ends(env, R));
        change(set, near, wait_op::ADD)(checked::pal()).expect("a member");
        env.write(far, 0, b"data").expect("written");
        reading(set, &[set, near, far])
    }),
    ("change wait set", |env| {
        let (set, event) = (env.open("waitset:", RW, 0).expect("a set"), env.no_stream());
        plain(&[set, event], change(set, event, wait_op::ADD))
    }),
    ("shrink wait set", |env| {
        let (set, event) = (env.open("waitset:", RW, 0).expect("a set"), env.no_stream());
        change(set, event, wait_op::ADD)(checked::pal()).expect("a member");
        plain(&[set, event], change(set, event, wait_op::REMOVE))
    }),
    ("read asynchronously", |env| {
        let (near, far) = ends(env, R);
        asynchronous(near, &[near, far])
    }),
    ("write pipe", |env| {
        let (near, far) = ends(env, R);
        writing(far, 0, &[near, far])
    }),
    ("write pair", |env| {
        let (near, far) = ends(env, RW);
        writing(far, 0, &[near, far])
    }),
    ("write tcp", |env| {
        let (near, far) = connection(env);
        writing(near, 0, &[near, far])
    }),
    ("write udp", |env| {
        let (near, far) = datagrams(env);
        plain(&[near, far], move |pal| {
            let mut done = 0;
            pal.stream_write(near, 0, [0_u8; 40].as_slice().into(), 40, (&mut done).into(), Out::NONE)
        })
    }),
    ("write memory", |env| {
        let memory = env.open("anon:64", RW, 0).expect("memory");
        writing(memory, 0, &[memory])
    }),
    ("map memory", |env| {
        let memory = env.open("anon:4096", RW, 0).expect("memory");
        mapping(env, memory, PRW, map::SHARED, &[memory])
    }),
    ("map device", |env| {
        let device = env.open("dev:zero", RW, 0).expect("a device");
        mapping(env, device, PRW, map::PRIVATE, &[device])
    }),
    ("set length of memory", |env| {
        let memory = env.open("anon:64", RW, 0).expect("memory");
        plain(&[memory], move |pal| pal.stream_set_length(memory, 128))
    }),
    ("shut pair", |env| {
        let (near, far) = ends(env, RW);
        plain(&[near, far], move |pal| pal.stream_delete(near, delete::WRITE))
    }),
    ("shut tcp", |env| {
        let (near, far) = connection(env);
        plain(&[near, far], move |pal| pal.stream_delete(near, delete::READ))
    }),
    ("name of tcp", |env| {
        let (near, far) = connection(env);
        naming(near, &[near, far])
    }),
    ("name of udp", |env| {
        let (near, far) = datagrams(env);
        naming(near, &[near, far])
    }),
    ("attributes of pipe", |env| {
        let (near, far) = ends(env, R);
        looking(near, &[near, far])
    }),
    ("attributes of tcp", |env| {
        let (near, far) = connection(env);
        looking(near, &[near, far])
    }),
    ("attributes of udp", |env| {
        let (near, far) = datagrams(env);
        looking(near, &[near, far])
    }),
    ("attributes of memory", |env| {
        let memory = env.open("anon:64", RW, 0).expect("memory");
        looking(memory, &[memory])
    }),
    ("attributes of the console", |env| looking(env.startup.stdout, &[])),
    ("options of tcp", |env| {
        let (near, far) = connection(env);
        let flags = stream::NONBLOCK;
        let options = socket::NO_DELAY | socket::KEEP_ALIVE;
        let wanted = Attr { flags, socket_options: options, socket_mask: options, ..Attr::ZERO };
        setting(near, wanted, attr::FLAGS | attr::SOCKET_OPTIONS | attr::SEND_BUFFER, &[near, far])
    }),
    ("settings of the console", |env| setting(env.startup.stdout, Attr::ZERO, attr::TERMIOS, &[])),
    ("event of a pipe", |env| {
        let (near, far) = ends(env, R);
        making(&[near, far], move |pal, made| pal.stream_get_event(near, event::READABLE, made.into()))
    }),
    ("event of the command", |env| {
        let console = env.startup.stdin;
        making(&[], move |pal, made| pal.stream_get_event(console, event::CONTROL, made.into()))
    }),
    ("send a handle", |env| {
        let ((near, far), memory) = (ends(env, RW), env.open("anon:64", RW, 0).expect("memory"));
        plain(&[near, far, memory], move |_| checked::passing().stream_send_handle(near, memory, 0))
    }),
    ("receive a handle", |env| {
        let ((near, far), memory) = (ends(env, RW), env.open("anon:64", RW, 0).expect("memory"));
        checked::passing().stream_send_handle(near, memory, 0).expect("sent");
        making(&[near, far, memory], move |_, made| {
            checked::passing().stream_receive_handle(far, made.into(), Out::NONE)
        })
    }),
];
