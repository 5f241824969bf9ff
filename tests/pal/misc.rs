//! The start-up block, clocks, random bits, instruction cache, debug output.

use pal_abi::arg::{InBytes, OutBytes};
use pal_abi::flags::{alloc, clock, free, prot};
use pal_abi::layout::STARTUP_MAGIC;
use pal_abi::{ConfigEntry, Layout, PalError, Status};

use crate::harness::{BAD, Env, Suite, bad_out, fails};

pub(crate) fn register(suite: &mut Suite) {
    suite.add(&[
        ("startup: the block is whole", startup),
        ("startup: the image can be read", image),
        ("clock: all run", clocks),
        ("random: never short, never the same", random),
        ("icache: new code is run", icache),
        ("debug: prints what it can", debug),
    ]);
}

/// Bytes the start-up block points to.
fn bytes(at: u64, len: u32) -> &'static [u8] {
    let at: *const u8 = core::ptr::with_exposed_provenance(usize::try_from(at).unwrap());
    // SAFETY: the block tells an address and its length.
    unsafe { core::slice::from_raw_parts(at, len as usize) }
}

fn startup(env: &Env) {
    let s = env.startup;
    assert_eq!((s.magic, s.major, s.struct_size), (STARTUP_MAGIC, 1, 0x120));
    assert_eq!((s.width, s.entry_size, s.count), (64, 8, 45));
    assert_eq!((s.isa, s.argc, s.envc), (3, 2, 1));
    assert_eq!(bytes(s.args, s.args_bytes), b"pal\0two words\0");
    assert_eq!(bytes(s.env, s.env_bytes), b"NAME=value\0");
    assert!(s.page_size.is_power_of_two() && s.alloc_granularity >= s.page_size && s.cpu_count > 0);
    assert!(s.addr_min < s.addr_max && s.instance_id != [0; 16]);
    let names: Vec<&str> = bytes(s.config, s.config_bytes)
        .chunks(size_of::<ConfigEntry>())
        .filter_map(ConfigEntry::read_from)
        .map(|e| Box::leak(Box::new(e)).name())
        .collect();
    for group in pal_abi::GROUPS {
        assert!(names.contains(&group.name), "{} is missing in {names:?}", group.name);
    }
}

fn image(env: &Env) {
    assert_eq!(env.read(env.startup.next_image, 0, 100), Ok((Status::Ok, b"image".to_vec())));
    assert_eq!(env.write(env.startup.next_image, 0, b"x"), Err(PalError::NotPermitted));
}

fn clocks(env: &Env) {
    for which in [clock::WALL, clock::MONOTONIC, clock::PROCESS_CPU, clock::THREAD_CPU, clock::BOOT] {
        let (mut one, mut two) = (0, 0);
        assert_eq!(env.pal.system_time_query(which, (&mut one).into()), Ok(Status::Ok));
        assert_eq!(env.pal.system_time_query(which, (&mut two).into()), Ok(Status::Ok));
        assert!(one > 0 && two >= one, "clock {which}: {one} then {two}");
    }
    let mut wall = 0;
    env.pal.system_time_query(clock::WALL, (&mut wall).into()).unwrap();
    let host = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert!(host.abs_diff(u128::from(wall)) < 10_000_000_000);
    fails(env.pal.system_time_query(9, (&mut wall).into()), PalError::Invalid);
    fails(env.pal.system_time_query(clock::WALL, bad_out()), PalError::Fault);
}

fn random(env: &Env) {
    let mut seen = Vec::new();
    for len in [0, 1, 16, 1000, 100_000] {
        let mut buf = vec![0; len];
        assert_eq!(env.pal.random_bits_read(buf.as_mut_slice().into(), len), Ok(Status::Ok));
        if len >= 16 {
            assert!(buf[len - 16..].iter().any(|b| *b != 0));
            assert!(!seen.contains(&buf[..16].to_vec()));
            seen.push(buf[..16].to_vec());
        }
    }
    // SAFETY: the callee must cope with any address.
    fails(env.pal.random_bits_read(unsafe { OutBytes::from_addr(BAD) }, 4), PalError::Fault);
}

fn icache(env: &Env) {
    let (mut base, mut size) = (0, 1);
    let write = prot::READ | prot::WRITE;
    let what = alloc::RESERVE | alloc::COMMIT;
    env.pal.virtual_memory_allocate((&mut base).into(), (&mut size).into(), what, write).unwrap();
    let returns = |value: u8| -> Vec<u8> {
        if cfg!(target_arch = "aarch64") {
            // mov w0, #value; ret
            let mov = 0x5280_0000_u32 | u32::from(value) << 5;
            [mov.to_le_bytes(), 0xd65f_03c0_u32.to_le_bytes()].concat()
        } else {
            // mov eax, value; ret
            vec![0xb8, value, 0, 0, 0, 0xc3]
        }
    };
    for value in [1, 2, 3] {
        env.pal.virtual_memory_protect(base, size, write, pal_abi::arg::Out::NONE).unwrap();
        for (n, byte) in returns(value).into_iter().enumerate() {
            // SAFETY: committed, writable memory of this case.
            unsafe { core::ptr::with_exposed_provenance_mut::<u8>(base + n).write_volatile(byte) };
        }
        env.pal
            .virtual_memory_protect(base, size, prot::READ | prot::EXECUTE, pal_abi::arg::Out::NONE)
            .unwrap();
        assert_eq!(env.pal.instruction_cache_flush(base, 16), Ok(Status::Ok));
        let code: *const () = core::ptr::with_exposed_provenance(base);
        // SAFETY: the bytes at `base` are such a function.
        let code: extern "C" fn() -> u32 = unsafe { core::mem::transmute(code) };
        assert_eq!(code(), u32::from(value));
    }
    env.pal.virtual_memory_free(base, size, free::RELEASE).unwrap();
    assert_eq!(env.pal.instruction_cache_flush(base, 0), Ok(Status::Ok));
    fails(env.pal.instruction_cache_flush(base, 16), PalError::Invalid);
    fails(env.pal.instruction_cache_flush(usize::MAX - 3, 16), PalError::Invalid);
}

fn debug(env: &Env) {
    assert_eq!(env.pal.debug_string_print("".into(), 0), Ok(Status::Ok));
    // SAFETY: the callee must cope with any address.
    fails(env.pal.debug_string_print(unsafe { InBytes::from_addr(BAD) }, 4), PalError::Fault);
    assert_eq!(env.pal.thread_yield_execution(), Ok(Status::Ok));
}
