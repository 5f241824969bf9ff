//! The rounds and message schedules of SHA-1 and SHA-256. FIPS 180-4; SDM vol. 2B, "SHA1RNDS4" and what follows.
//!
//! Vectors are four words; word 0 is the lowest here. The manual's operands begin with the highest.

type Words = [u32; 4];

/// A vector's words.
fn words(v: u128) -> Words {
    let b = v.to_le_bytes();
    core::array::from_fn(|n| u32::from_le_bytes([b[4 * n], b[4 * n + 1], b[4 * n + 2], b[4 * n + 3]]))
}

/// A vector of words.
fn vector(words: Words) -> u128 {
    words.into_iter().rev().fold(0, |all, word| all << 32 | u128::from(word))
}

const fn choose(x: u32, y: u32, z: u32) -> u32 {
    x & y ^ !x & z
}

const fn majority(x: u32, y: u32, z: u32) -> u32 {
    x & y ^ x & z ^ y & z
}

const fn parity(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

/// Four rounds of SHA-1: the state's A to D, and words of which E is added to the highest. `group`: which twenty rounds.
#[must_use]
pub fn sha1_rounds(state: u128, message: u128, group: u32) -> u128 {
    type Mix = fn(u32, u32, u32) -> u32;
    const GROUPS: [(Mix, u32); 4] =
        [(choose, 0x5a82_7999), (parity, 0x6ed9_eba1), (majority, 0x8f1b_bcdc), (parity, 0xca62_c1d6)];
    let (mix, constant) = GROUPS[(group & 3) as usize];
    let [mut d, mut c, mut b, mut a] = words(state);
    let mut e = 0u32;
    for word in words(message).into_iter().rev() {
        let sum = mix(b, c, d).wrapping_add(a.rotate_left(5)).wrapping_add(word);
        let sum = sum.wrapping_add(e).wrapping_add(constant);
        (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
    }
    vector([d, c, b, a])
}

/// E for the next four rounds of SHA-1, from A of these, added to the highest word.
#[must_use]
pub fn sha1_next_e(state: u128, message: u128) -> u128 {
    let e = words(state)[3].rotate_left(30);
    let [w3, w2, w1, w0] = words(message);
    vector([w3, w2, w1, w0.wrapping_add(e)])
}

/// The first part of SHA-1's message schedule.
#[must_use]
pub fn sha1_message_1(a: u128, b: u128) -> u128 {
    a ^ (a << 64 | b >> 64)
}

/// The rest of it.
#[must_use]
pub fn sha1_message_2(a: u128, b: u128) -> u128 {
    let ([a3, a2, a1, a0], [w15, w14, w13, _]) = (words(a), words(b));
    let w16 = (a0 ^ w13).rotate_left(1);
    vector([(a3 ^ w16).rotate_left(1), (a2 ^ w15).rotate_left(1), (a1 ^ w14).rotate_left(1), w16])
}

/// Two rounds of SHA-256: C D G H in `cdgh`, A B E F in `abef`, words with their constants added in `message`.
#[must_use]
pub fn sha256_rounds(cdgh: u128, abef: u128, message: u128) -> u128 {
    let ([mut h, mut g, mut d, mut c], [mut f, mut e, mut b, mut a]) = (words(cdgh), words(abef));
    let sigma = |x: u32, by: [u32; 3]| by.into_iter().fold(0, |all, n| all ^ x.rotate_right(n));
    for word in &words(message)[..2] {
        let first = choose(e, f, g).wrapping_add(sigma(e, [6, 11, 25])).wrapping_add(*word).wrapping_add(h);
        let second = majority(a, b, c).wrapping_add(sigma(a, [2, 13, 22]));
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
    }
    let _ = (h, g, d, c);
    vector([f, e, b, a])
}

/// The first part of SHA-256's message schedule.
#[must_use]
pub fn sha256_message_1(a: u128, b: u128) -> u128 {
    let sigma = |x: u32| x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3;
    let ([w0, w1, w2, w3], [w4, ..]) = (words(a), words(b));
    vector([(w0, w1), (w1, w2), (w2, w3), (w3, w4)].map(|(w, next)| w.wrapping_add(sigma(next))))
}

/// The rest of it.
#[must_use]
pub fn sha256_message_2(a: u128, b: u128) -> u128 {
    let sigma = |x: u32| x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10;
    let ([a0, a1, a2, a3], [_, _, w14, w15]) = (words(a), words(b));
    let (w16, w17) = (a0.wrapping_add(sigma(w14)), a1.wrapping_add(sigma(w15)));
    vector([w16, w17, a2.wrapping_add(sigma(w16)), a3.wrapping_add(sigma(w17))])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two rounds that SHA-256 of "abc" begins with. FIPS 180-4, 5.3.3 and 4.2.2; the second state by hand from 6.2.2.
    #[test]
    fn sha256_begins_as_the_standard_says() {
        let abef = 0x6a09_e667_bb67_ae85_510e_527f_9b05_688c;
        let cdgh = 0x3c6e_f372_a54f_f53a_1f83_d9ab_5be0_cd19;
        let message = u128::from(0x6162_6380_u32.wrapping_add(0x428a_2f98)) | 0x7137_4491 << 32;
        let next = sha256_rounds(cdgh, abef, message);
        assert_eq!(next, 0x5a6a_d9ad_5d6a_ebcd_78ce_7989_fa2a_4622);
    }
}
