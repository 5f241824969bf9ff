//! Which A64 instructions write memory: what a fault record would tell, for hosts that give none.
//!
//! Derived from the "Loads and Stores" encoding table of the Arm Architecture Reference Manual (DDI 0487, C4.1.94).
//! The groups are told by bits 31:28, 27:26, 24:23 and so on; `L` or `opc` then separates loads from stores.
//! Read-modify-write instructions (atomics, compare and swap) count as writes: that is the permission they need first.

/// The bits `high..=low` of an instruction.
const fn bits(word: u32, high: u32, low: u32) -> u32 {
    word >> low & ((1 << (high - low + 1)) - 1)
}

/// Whether the instruction `word` stores to memory.
#[must_use]
pub(crate) const fn writes_memory(word: u32) -> bool {
    // DC ZVA, DC GVA, DC GZVA: SYS #3, C7, C4, #1/#3/#4.
    if word & !0x1f == 0xd50b_7420 || word & !0x1f == 0xd50b_7460 || word & !0x1f == 0xd50b_7480 {
        return true;
    }
    // Loads and stores: op0 = x1x0 in bits 28:25.
    if word & 0x0a00_0000 != 0x0800_0000 {
        return false;
    }
    let vector = bits(word, 26, 26) == 1;
    match bits(word, 29, 28) {
        // Exclusives, ordered, compare and swap; with V the AdvSIMD structures. L is bit 22.
        0b00 if vector => bits(word, 22, 22) == 0,
        0b00 => is_exclusive_write(word),
        // Register literals load only; with bit 24, RCpc unscaled (opc 00 stores) and memory copy and set.
        0b01 if bits(word, 24, 24) == 0 => false,
        0b01 if bits(word, 21, 21) == 1 => !(bits(word, 22, 22) == 1 && bits(word, 11, 10) == 0), // LDG, LDGM
        0b01 => bits(word, 23, 22) == 0 || bits(word, 11, 10) != 0,
        // Pairs. L is bit 22.
        0b10 => bits(word, 22, 22) == 0,
        _ => is_register_write(word, vector),
    }
}

const fn is_exclusive_write(word: u32) -> bool {
    // o2 (bit 23), L (bit 22), o1 (bit 21). CAS and CASP have o1 = 1 and are no exclusives (LDXP has o2 = 0, size 1x).
    let is_cas = bits(word, 21, 21) == 1 && (bits(word, 23, 23) == 1 || bits(word, 31, 31) == 0);
    is_cas || bits(word, 22, 22) == 0
}

const fn is_register_write(word: u32, vector: bool) -> bool {
    let opc = bits(word, 23, 22);
    if bits(word, 24, 24) == 0 && bits(word, 21, 21) == 1 {
        match bits(word, 11, 10) {
            // Atomics: all write, but LDAPR (A 1, R 0, o3 1, opc 100). LD64B and ST64B: only the latter stores.
            0b00 => {
                let operation = bits(word, 15, 12);
                let is_load = operation == 0b1100 && bits(word, 23, 22) == 0b10 || operation == 0b1101;
                return !is_load;
            }
            // Pointer authentication loads.
            0b01 | 0b11 => return false,
            _ => {}
        }
    }
    // Unscaled, post, unprivileged, pre, register offset, unsigned offset: opc 00 stores, and 128-bit vectors with 10.
    opc == 0 || vector && opc == 0b10 && bits(word, 31, 30) == 0
}

#[cfg(test)]
mod tests {
    use super::writes_memory;

    /// Words as GNU as encodes them.
    const STORES: &[(u32, &str)] = &[
        (0xf900_0020, "str x0, [x1]"),
        (0x3900_0420, "strb w0, [x1, #1]"),
        (0xf822_7820, "str x0, [x1, x2, lsl #3]"),
        (0xf81f_8c20, "str x0, [x1, #-8]!"),
        (0xb81f_d020, "stur w0, [x1, #-3]"),
        (0xf800_0820, "sttr x0, [x1]"),
        (0x3d80_0020, "str q0, [x1]"),
        (0x3c81_0420, "str q0, [x1], #16"),
        (0x3c80_1020, "stur q0, [x1, #1]"),
        (0x3d00_0020, "str b0, [x1]"),
        (0xfc22_6820, "str d0, [x1, x2]"),
        (0xa900_0440, "stp x0, x1, [x2]"),
        (0xad81_0440, "stp q0, q1, [x2, #32]!"),
        (0xa800_0440, "stnp x0, x1, [x2]"),
        (0xc802_7c20, "stxr w2, x0, [x1]"),
        (0x8802_fc20, "stlxr w2, w0, [x1]"),
        (0xc822_0c20, "stxp w2, x0, x3, [x1]"),
        (0xc89f_fc20, "stlr x0, [x1]"),
        (0x089f_fc20, "stlrb w0, [x1]"),
        (0xc8a0_7c41, "cas x0, x1, [x2]"),
        (0x08e0_fc41, "casalb w0, w1, [x2]"),
        (0x4820_7c82, "casp x0, x1, x2, x3, [x4]"),
        (0x0860_fc82, "caspal w0, w1, w2, w3, [x4]"),
        (0xf820_0041, "ldadd x0, x1, [x2]"),
        (0xb820_005f, "stadd w0, [x2]"),
        (0xf8e0_8041, "swpal x0, x1, [x2]"),
        (0x3820_4041, "ldsmaxb w0, w1, [x2]"),
        (0x4c00_7020, "st1 {v0.16b}, [x1]"),
        (0x4c9f_0820, "st4 {v0.4s-v3.4s}, [x1], #64"),
        (0x0d00_0c20, "st1 {v0.b}[3], [x1]"),
        (0xd50b_7421, "dc zva, x1"),
        (0xd900_4020, "stlur x0, [x1, #4]"),
        (0xd920_0820, "stg x0, [x1]"),
    ];
    const OTHERS: &[(u32, &str)] = &[
        (0xf940_0020, "ldr x0, [x1]"),
        (0x3940_0420, "ldrb w0, [x1, #1]"),
        (0xb980_0020, "ldrsw x0, [x1]"),
        (0x79c0_0020, "ldrsh w0, [x1]"),
        (0xf862_6820, "ldr x0, [x1, x2]"),
        (0xf840_8420, "ldr x0, [x1], #8"),
        (0xf85f_d020, "ldur x0, [x1, #-3]"),
        (0xf840_0820, "ldtr x0, [x1]"),
        (0xf980_0020, "prfm pldl1keep, [x1]"),
        (0x3dc0_0020, "ldr q0, [x1]"),
        (0x3cc0_1020, "ldur q0, [x1, #1]"),
        (0x3d40_0020, "ldr b0, [x1]"),
        (0xa940_0440, "ldp x0, x1, [x2]"),
        (0xacc1_0440, "ldp q0, q1, [x2], #32"),
        (0xa840_0440, "ldnp x0, x1, [x2]"),
        (0x6940_0440, "ldpsw x0, x1, [x2]"),
        (0xc85f_7c20, "ldxr x0, [x1]"),
        (0x885f_fc20, "ldaxr w0, [x1]"),
        (0xc87f_0c20, "ldxp x0, x3, [x1]"),
        (0xc8df_fc20, "ldar x0, [x1]"),
        (0x08df_fc20, "ldarb w0, [x1]"),
        (0xf8bf_c020, "ldapr x0, [x1]"),
        (0x38bf_c020, "ldaprb w0, [x1]"),
        (0x5800_0000, "ldr x0, literal"),
        (0x9800_0000, "ldrsw x0, literal"),
        (0x9c00_0000, "ldr q0, literal"),
        (0x4c40_7020, "ld1 {v0.16b}, [x1]"),
        (0x4cdf_0820, "ld4 {v0.4s-v3.4s}, [x1], #64"),
        (0x0d40_9020, "ld1 {v0.s}[1], [x1]"),
        (0x4d40_c820, "ld1r {v0.4s}, [x1]"),
        (0xd940_4020, "ldapur x0, [x1, #4]"),
        (0x9980_4020, "ldapursw x0, [x1, #4]"),
        (0xd960_0020, "ldg x0, [x1]"),
        (0xf820_0420, "ldraa x0, [x1]"),
        (0x8b02_0020, "add x0, x1, x2"),
        (0xd503_201f, "nop"),
    ];

    #[test]
    fn stores_and_atomics_write_and_nothing_else_does() {
        for (word, text) in STORES {
            assert!(writes_memory(*word), "{text}");
        }
        for (word, text) in OTHERS {
            assert!(!writes_memory(*word), "{text}");
        }
    }
}
