//! Code in the interpreter, and on the processor where there is one.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunnion_tests::fuzz::interpreter(input));
