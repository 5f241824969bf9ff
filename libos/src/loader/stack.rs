//! The stack a program finds at its entry point: strings, auxiliary vector, pointers, count.
//!
//! # Source
//! `create_elf_tables` and `copy_strings` of Linux; System V ABI, Intel386 supplement, "Process Initialization".

use alloc::vec::Vec;

/// Keys of the auxiliary vector.
pub mod at {
    #![allow(missing_docs, reason = "getauxval(3) has them")]
    pub const NULL: u32 = 0;
    pub const PHDR: u32 = 3;
    pub const PHENT: u32 = 4;
    pub const PHNUM: u32 = 5;
    pub const PAGESZ: u32 = 6;
    pub const BASE: u32 = 7;
    pub const FLAGS: u32 = 8;
    pub const ENTRY: u32 = 9;
    pub const UID: u32 = 11;
    pub const EUID: u32 = 12;
    pub const GID: u32 = 13;
    pub const EGID: u32 = 14;
    pub const PLATFORM: u32 = 15;
    pub const HWCAP: u32 = 16;
    pub const CLKTCK: u32 = 17;
    pub const SECURE: u32 = 23;
    pub const RANDOM: u32 = 25;
    pub const HWCAP2: u32 = 26;
    pub const RSEQ_FEATURE_SIZE: u32 = 27;
    pub const RSEQ_ALIGN: u32 = 28;
    pub const EXECFN: u32 = 31;
    pub const SYSINFO: u32 = 32;
    pub const SYSINFO_EHDR: u32 = 33;
}

/// What the stack is built from.
#[derive(Clone, Debug)]
pub struct Contents<'a> {
    /// Arguments.
    pub argv: &'a [Vec<u8>],
    /// Environment.
    pub envp: &'a [Vec<u8>],
    /// The path the program was started by.
    pub execfn: &'a [u8],
    /// Sixteen random bytes.
    pub random: [u8; 16],
    /// The auxiliary vector in its order, without its end; `RANDOM`, `EXECFN` and `PLATFORM` get their values here.
    pub aux: &'a [(u32, u32)],
}

/// A stack, ready to be copied to its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stack {
    /// ESP at the entry point; `bytes` begin there and reach to the top.
    pub pointer: u32,
    /// What lies from `pointer` upwards.
    pub bytes: Vec<u8>,
    /// First byte of the first argument, and the byte behind the last one.
    pub args: (u32, u32),
    /// The same of the environment.
    pub env: (u32, u32),
}

const PLATFORM: &[u8] = b"i686";

/// Bytes of a string with its zero.
fn size(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Bytes that strings and pointers will take: what `execve` compares with its limit.
#[must_use]
pub fn weight(argv: &[Vec<u8>], envp: &[Vec<u8>]) -> u32 {
    argv.iter().chain(envp).fold(0, |sum: u32, text| sum.saturating_add(size(text)).saturating_add(4))
}

/// Builds the stack that ends at `top`.
#[must_use]
pub fn build(top: u32, contents: &Contents<'_>) -> Stack {
    let mut strings = Vec::new(); // pieces from the top downwards
    let mut at = top - 4; // a null pointer at the very end
    let mut push = |text: &[u8], at: &mut u32| {
        *at -= size(text);
        let mut piece = text.to_vec();
        piece.push(0);
        strings.push((*at, piece));
        *at
    };
    let execfn = push(contents.execfn, &mut at);
    let env_end = at;
    let mut env: Vec<u32> = contents.envp.iter().rev().map(|text| push(text, &mut at)).collect();
    env.reverse();
    let args_end = at;
    let mut args: Vec<u32> = contents.argv.iter().rev().map(|text| push(text, &mut at)).collect();
    args.reverse();
    let args_start = at;
    at &= !15;
    let platform = push(PLATFORM, &mut at);
    at -= 16;
    let random = at;

    let mut words: Vec<u32> = Vec::new();
    words.push(u32::try_from(args.len()).unwrap_or(0));
    words.extend(&args);
    words.push(0);
    words.extend(&env);
    words.push(0);
    for &(key, value) in contents.aux {
        let value = match key {
            at::RANDOM => random,
            at::EXECFN => execfn,
            at::PLATFORM => platform,
            _ => value,
        };
        words.extend([key, value]);
    }
    words.extend([at::NULL, 0]);
    let word_bytes = u32::try_from(words.len() * 4).unwrap_or(0);
    let pointer = (at - word_bytes) & !15;

    let mut bytes = alloc::vec![0; (top - pointer) as usize];
    for (n, word) in words.iter().enumerate() {
        bytes[n * 4..n * 4 + 4].copy_from_slice(&word.to_le_bytes());
    }
    strings.push((random, contents.random.to_vec()));
    for (place, piece) in strings {
        let offset = (place - pointer) as usize;
        bytes[offset..offset + piece.len()].copy_from_slice(&piece);
    }
    Stack { pointer, bytes, args: (args_start, args_end), env: (args_end, env_end) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn pointers_lead_to_their_strings_and_the_pointer_is_aligned() {
        let (argv, envp) = (vec![b"prog".to_vec(), b"x y".to_vec()], vec![b"A=1".to_vec()]);
        let contents = Contents {
            argv: &argv,
            envp: &envp,
            execfn: b"/bin/prog",
            random: [7; 16],
            aux: &[(at::PAGESZ, 4096), (at::RANDOM, 0), (at::EXECFN, 0), (at::PLATFORM, 0)],
        };
        let stack = build(0xf800_0000, &contents);
        assert_eq!(stack.pointer % 16, 0);
        let word = |n: usize| u32::from_le_bytes(stack.bytes[n * 4..n * 4 + 4].try_into().unwrap());
        let text = |addr: u32| {
            let from = &stack.bytes[(addr - stack.pointer) as usize..];
            from[..from.iter().position(|&b| b == 0).unwrap()].to_vec()
        };
        assert_eq!(word(0), 2);
        assert_eq!(text(word(1)), b"prog");
        assert_eq!(text(word(2)), b"x y");
        assert_eq!(word(3), 0);
        assert_eq!(text(word(4)), b"A=1");
        assert_eq!(word(5), 0);
        assert_eq!((word(6), word(7)), (at::PAGESZ, 4096));
        assert_eq!(word(8), at::RANDOM);
        assert_eq!(stack.bytes[(word(9) - stack.pointer) as usize..][..16], [7; 16]);
        assert_eq!(text(word(11)), b"/bin/prog");
        assert_eq!(text(word(13)), b"i686");
        assert_eq!((word(14), word(15)), (0, 0));
        assert_eq!(stack.args.1, stack.env.0);
        // As Linux: the very last string is the path, four zero bytes end it all.
        assert_eq!(stack.bytes[stack.bytes.len() - 4..], [0; 4]);
        assert_eq!(&stack.bytes[stack.bytes.len() - 14..stack.bytes.len() - 5], b"/bin/prog");
    }
}
