//! The group `Sockets`: options.

use pal_abi::flags::family;
use pal_abi::{PalError, Status};

use crate::harness::{Env, Suite, bad_input, bad_out, bad_output, fails};
use crate::linux_sockets::{
    DATAGRAM, LOOP_BACK, STREAM, bind, calls, close_all, inet, open, option, pair, set_option,
};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("sockets: options", options),
        ("sockets: options that fail as they do on the host", option_errors),
    ]);
}

fn options(env: &Env) {
    let tcp = open(env, family::INET, STREAM).unwrap();
    let number = |n: i32| Ok(n.to_ne_bytes().to_vec());
    assert_eq!(option(env, tcp, 6, 1), number(0));
    assert_eq!(set_option(env, tcp, 6, 1, 1), Ok(Status::Ok));
    assert_eq!(option(env, tcp, 6, 1), number(1));
    assert_eq!(option(env, tcp, 1, 3), number(1));
    assert_eq!(set_option(env, tcp, 1, 8, 8192), Ok(Status::Ok));
    assert_eq!(option(env, tcp, 1, 8), number(16384));
    for (level, name, error) in [
        (1, 999, PalError::NoOption),
        (0, 64, PalError::NoOption),
        (999, 1, PalError::NotSupported),
        (u32::MAX, 0, PalError::NotSupported),
    ] {
        assert_eq!(option(env, tcp, level, name), Err(error));
        fails(set_option(env, tcp, level, name, 1), error);
    }
    // What is read only cannot be set.
    fails(set_option(env, tcp, 1, 3, 1), PalError::NoOption);
    let long = [0; 600];
    fails(calls(env).socket_set_option(tcp, 1, 2, long.as_slice().into(), 600), PalError::Invalid);
    fails(calls(env).socket_set_option(tcp, 1, 2, long.as_slice().into(), 1), PalError::Invalid);
    let (one, other) = pair(env, STREAM);
    let mut own = 0;
    assert_eq!(env.family.expect("a family").family_self((&mut own).into()), Ok(Status::Ok));
    let peer = option(env, one, 1, 17).unwrap();
    // SAFETY: takes nothing.
    let uid = unsafe { libc::geteuid() };
    assert_eq!((&peer[..4], &peer[4..8]), (&own.to_ne_bytes()[..], &uid.to_ne_bytes()[..]));
    close_all(env, &[tcp, one, other]);
}

fn option_errors(env: &Env) {
    let set = |socket, level, name, value: &[u8]| {
        calls(env).socket_set_option(socket, level, name, value.into(), value.len())
    };
    let (tcp, udp) = (open(env, family::INET, STREAM).unwrap(), open(env, family::INET, DATAGRAM).unwrap());
    let alone = open(env, family::UNIX, STREAM).unwrap();
    // IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP, on the loop-back interface and on none.
    let group = |interface: [u8; 4]| [[239, 1, 2, 3], interface].concat();
    fails(set(udp, 0, 35, &group([192, 0, 2, 1])), PalError::NoDevice);
    fails(set(udp, 0, 36, &group(LOOP_BACK)), PalError::AddressUnavailable);
    assert_eq!(set(udp, 0, 35, &group(LOOP_BACK)), Ok(Status::Ok));
    fails(set(udp, 0, 35, &group(LOOP_BACK)), PalError::Conflict);
    // TCP_CONGESTION.
    fails(set(tcp, 6, 13, b"none such"), PalError::NotFound);
    fails(set(alone, 6, 1, &[0; 4]), PalError::NotSupported);
    assert_eq!(option(env, alone, 6, 1), Err(PalError::NotSupported));
    // IP_MTU, SO_PEERCRED.
    // qemu's user mode does not know the first.
    let mtu = option(env, udp, 0, 14);
    assert!(matches!(mtu, Err(PalError::NotConnected | PalError::NoOption)), "{mtu:?}");
    assert_eq!(option(env, alone, 1, 17), Err(PalError::NotConnected));
    fails(calls(env).socket_get_option(tcp, 1, 3, bad_output(), 4, bad_out()), PalError::Fault);
    fails(calls(env).socket_set_option(tcp, 1, 2, bad_input(), 4), PalError::Fault);
    // SO_MARK, and a port below 1024: for the privileged, which the suite may be. qemu's user mode does not know the first.
    let marked = set_option(env, tcp, 1, 36, 1);
    assert!(matches!(marked, Ok(_) | Err(PalError::NotPermitted | PalError::NoOption)), "{marked:?}");
    let bound = bind(env, tcp, &inet(LOOP_BACK, 1));
    assert!(matches!(bound, Ok(_) | Err(PalError::Denied | PalError::Conflict)), "{bound:?}");
    close_all(env, &[tcp, udp, alone]);
}
