//! Parameters of new threads and processes, and the exception record.

use super::layout;

layout! {
    /// What `ThreadCreate` is given.
    pub struct ThreadParams = 56 {
        /// First parameter of `LibOsThreadStart`.
        0x00 start: u64,
        /// Second parameter.
        0x08 param: u64,
        /// Lowest address of the stack; 0: the layer below provides one.
        0x10 stack_base: u64,
        /// Bytes of the stack.
        0x18 stack_size: u64,
        /// Lowest address of the upcall stack, or 0.
        0x20 upcall_base: u64,
        /// Bytes of the upcall stack.
        0x28 upcall_size: u64,
        /// Of `flags::thread`.
        0x30 flags: u32,
        /// 0.
        0x34 reserved: u32,
    }

    /// What `ProcessCreate` is given. Strings and arrays as in the start-up block.
    pub struct ProcessParams = 96 {
        /// Address of the URI of the image; 0: the layers of the caller.
        0x00 uri: u64,
        /// Its bytes.
        0x08 uri_bytes: u32,
        /// 0.
        0x0c flags: u32,
        /// Address of the arguments.
        0x10 args: u64,
        /// Their bytes.
        0x18 args_bytes: u32,
        /// Their number.
        0x1c argc: u32,
        /// Address of the environment.
        0x20 env: u64,
        /// Its bytes.
        0x28 env_bytes: u32,
        /// Its number.
        0x2c envc: u32,
        /// Address of a blob the child finds as configuration entry `spawn`.
        0x30 config: u64,
        /// Its bytes.
        0x38 config_bytes: u32,
        /// 0.
        0x3c reserved0: u32,
        /// Address of an array of handles for the child.
        0x40 handles: u64,
        /// Their number.
        0x48 handle_count: u32,
        /// 0.
        0x4c reserved1: u32,
        /// Address of `AddressRange`s the child must leave free.
        0x50 ranges: u64,
        /// Their number.
        0x58 range_count: u32,
        /// 0.
        0x5c reserved2: u32,
    }

    /// What happened, for `LibOsExceptionDispatch`.
    pub struct Exception = 48 {
        /// Of `flags::exception`.
        0x00 code: u32,
        /// Of `flags::exception_flags`.
        0x04 flags: u32,
        /// The place accessed, where there is one.
        0x08 address: u64,
        /// Details by code.
        0x10 info: [u64; 2],
        /// The host's number for it (a signal), or 0.
        0x20 native: u32,
        /// How many dispatches of this thread are not finished.
        0x24 depth: u32,
        /// 0.
        0x28 reserved: u64,
    }
}
