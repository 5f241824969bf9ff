//! Code translated, against the interpreter.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| trunnion_tests::fuzz::translator(input));
