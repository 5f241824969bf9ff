//! The three ways in: the start, a new thread, an exception.
//!
//! An exception in libos mode is either the one by which the start enters the first program, or a fault in a copy to
//! or from user memory; anything else there is our own mistake and ends the process with one line.

#[cfg(target_arch = "x86")]
mod guest {
    use alloc::format;
    use alloc::vec::Vec;
    use core::arch::{asm, global_asm};

    use pal_abi::flags::{exception, mode};
    use pal_abi::{ConfigEntry, ContextI386, Exception, Pal as _, Startup, UpcallTable};

    use crate::arch::context::EAX;
    use crate::arch::{tls, user};
    use crate::loader::start::{self, Boot};
    use crate::pal;
    use crate::signal::{deliver, fault, force, timer};
    use crate::sys::lock::Lock;
    use crate::sys::tables;
    use crate::syscall;
    use crate::task::process::process;
    use crate::task::{exit, threads};

    /// What the first program is started from.
    static BOOT: Lock<Option<Boot>> = Lock::new(None);

    global_asm!(".globl enter_first_program", ".hidden enter_first_program", "enter_first_program:", "ud2",);
    global_asm!(".globl enter_thread", ".hidden enter_thread", "enter_thread:", "ud2",);

    unsafe extern "C" {
        static enter_first_program: u8;
        static enter_thread: u8;
    }

    /// Strings, each ended by a zero byte.
    ///
    /// # Safety
    /// The layer below's promise about a string list of the start-up block.
    unsafe fn strings(at: u64, bytes: u32) -> Vec<Vec<u8>> {
        // SAFETY: the caller's promise.
        let all = unsafe { blob(at, u64::from(bytes)) };
        let mut list: Vec<Vec<u8>> = all.split(|&b| b == 0).map(<[u8]>::to_vec).collect();
        list.pop();
        list
    }

    /// Bytes at an address.
    ///
    /// # Safety
    /// The layer below's promise about a blob of the start-up block.
    unsafe fn blob(at: u64, bytes: u64) -> &'static [u8] {
        if at == 0 || bytes == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe {
            core::slice::from_raw_parts(core::ptr::with_exposed_provenance(at as usize), bytes as usize)
        }
    }

    /// The entry point of the image.
    ///
    /// # Safety
    /// Called once, by the layer below, with a start-up block.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn lib_os_initialize(startup: *const Startup) -> ! {
        // SAFETY: the layer below gives a start-up block.
        let startup = unsafe { startup.read() };
        let entries = startup.config_bytes as usize / size_of::<ConfigEntry>();
        let config: &[ConfigEntry] = if startup.config == 0 || entries == 0 {
            &[]
        } else {
            let at = core::ptr::with_exposed_provenance(startup.config as usize);
            // SAFETY: so the block says.
            unsafe { core::slice::from_raw_parts(at, entries) }
        };
        // SAFETY: the addresses come from the layer below.
        unsafe { tables::install(startup.downcall_table as usize, config) };
        let upcalls = UpcallTable {
            size: size_of::<UpcallTable>() as u32,
            version: 1,
            thread_start: (thread_start as *const ()).addr() as u64,
            exception_dispatch: (exception_dispatch as *const ()).addr() as u64,
        };
        let slot: *mut UpcallTable = core::ptr::with_exposed_provenance_mut(startup.upcall_slot as usize);
        // SAFETY: the layer below gives a place for the table.
        unsafe { slot.write(upcalls) };

        let mut boot = Boot {
            // SAFETY: so the block says.
            argv: unsafe { strings(startup.args, startup.args_bytes) },
            // SAFETY: so the block says.
            envp: unsafe { strings(startup.env, startup.env_bytes) },
            streams: [startup.stdin, startup.stdout, startup.stderr],
            thread: startup.first_thread,
            cpus: startup.cpu_count,
            ..Boot::default()
        };
        for entry in config {
            // SAFETY: so the entry says; entries with other names are not looked at.
            let text = || unsafe { blob(entry.address, entry.bytes) }.to_vec();
            match entry.name() {
                "cwd" => boot.cwd = text(),
                "program" => boot.program = text(),
                "trace" => boot.trace = text(),
                "hostname" => boot.host_name = text(),
                _ => {}
            }
        }
        *BOOT.lock() = Some(boot);
        // SAFETY: raises the exception that `exception_dispatch` knows, and does not come back.
        unsafe { asm!("jmp enter_first_program", options(noreturn)) }
    }

    extern "C" fn thread_start(start: usize, _param: usize) {
        if start == threads::start::HELPER as usize {
            timer::run_helper();
        }
        if start == threads::start::PROGRAM as usize {
            // SAFETY: raises the exception that `exception_dispatch` knows, and does not come back.
            unsafe { asm!("jmp enter_thread", options(noreturn)) }
        }
        // Does not return.
        _ = pal::pal().thread_exit(pal_abi::arg::Out::NONE);
    }

    unsafe extern "C" fn exception_dispatch(exception: *const Exception, context: *mut ContextI386) {
        // SAFETY: the layer below gives both, ours alone until we return.
        let (e, c) = unsafe { (&*exception, &mut *context) };
        if c.header.mode == mode::LIBOS {
            in_libos(e, c);
            return;
        }
        let cell = threads::current();
        let mut state = cell.take();
        let thread = &mut *state;
        match e.code {
            exception::RAW_SYSCALL => {
                let number = c.gpr[EAX];
                if threads::is_left_over() {
                    exit::stand_still();
                }
                let restartable = syscall::dispatch(c, thread, number);
                if !cell.leaves() {
                    deliver::deliver(c, thread, restartable.then_some(number));
                }
            }
            exception::INTERRUPT => {
                pal::note_ring();
                deliver::interrupted(c, thread);
            }
            exception::TERMINATE => {
                crate::signal::post_self(&crate::signal::info::SigInfo::kernel(crate::signal::set::SIGTERM));
                deliver::deliver(c, thread, None);
            }
            _ => {
                let mapped = |at| process().mm.lock().tree.find(at).is_some();
                let (info, record) = fault::signal(e, c, mapped);
                // CR2 keeps the address of the last page fault.
                let address = if record.trap == 14 { record.address } else { thread.fault.address };
                thread.fault = crate::signal::frame::FaultRecord { address, ..record };
                force(thread, &info);
                deliver::deliver(c, thread, None);
            }
        }
        cell.give(state);
    }

    fn in_libos(e: &Exception, c: &mut ContextI386) {
        if let Some(to) = user::fixup(c.eip) {
            c.eip = to;
            return;
        }
        let first = &raw const enter_first_program;
        if c.eip as usize == first.addr() {
            if let Some(boot) = BOOT.lock().take() {
                let mut state = threads::current().take();
                start::start(boot, c, &mut state);
                threads::current().give(state);
                return;
            }
        }
        let thread = &raw const enter_thread;
        if c.eip as usize == thread.addr() {
            let cell = threads::current();
            if let Some(beginning) = cell.take_beginning() {
                *c = *beginning;
                drop(beginning);
                let mut state = cell.take();
                tls::load_all(&state);
                deliver::deliver(c, &mut state, None);
                cell.give(state);
                return;
            }
        }
        let line = format!(
            "libos: exception {} (vector {}) at {:#x}, address {:#x}",
            e.code, e.native, c.eip, e.address
        );
        pal::debug(line.as_bytes());
        crate::task::exit::leave(128 + crate::signal::set::SIGSEGV);
    }

    /// A mistake of our own: one line, and the end.
    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        pal::debug(format!("libos: {info}").as_bytes());
        crate::task::exit::leave(128 + crate::signal::set::SIGABRT)
    }
}
