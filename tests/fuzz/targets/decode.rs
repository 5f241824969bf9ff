//! Bytes to an instruction.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunnion_tests::fuzz::decode(input));
