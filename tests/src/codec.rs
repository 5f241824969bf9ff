//! The binary form of cases and outcomes: between harness and worker, and in `tests/vectors/*.vec`.
//!
//! A state is coded as its differences from another one (a case's from the default, an outcome's from its case's), so
//! that what an instruction leaves alone costs a bit. Numbers are LEB128 unless their size is fixed.

use crate::case::{Case, Outcome, Patch, State, Stop, X87};

/// Bytes being written.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// A number, 7 bits to the byte, low first.
    pub fn number(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.0.push((v & 0x7f) as u8 | 0x80);
            v >>= 7;
        }
        self.0.push(v as u8);
    }
    /// Bytes with their number before them.
    pub fn bytes(&mut self, b: &[u8]) {
        self.number(b.len() as u64);
        self.0.extend_from_slice(b);
    }
    /// The low `bytes` bytes of a value, little-endian.
    pub fn fixed(&mut self, v: u128, bytes: usize) {
        self.0.extend_from_slice(&v.to_le_bytes()[..bytes]);
    }
}

/// Bytes being read.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

/// The bytes are not what the format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("malformed case data")
    }
}

impl core::error::Error for Malformed {}

type Result<T> = core::result::Result<T, Malformed>;

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(first)
    }
    /// See [`Writer::number`].
    pub fn number(&mut self) -> Result<u64> {
        let mut v = 0;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            v |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Ok(v);
            }
        }
        Err(Malformed)
    }
    fn number32(&mut self) -> Result<u32> {
        u32::try_from(self.number()?).map_err(|_| Malformed)
    }
    /// A number of things that follow; bounded by what is left, so that it can be allocated.
    pub fn count(&mut self) -> Result<usize> {
        let n = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        if n > self.0.len() { Err(Malformed) } else { Ok(n) }
    }
    /// See [`Writer::bytes`].
    pub fn bytes(&mut self) -> Result<Vec<u8>> {
        let n = self.count()?;
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(head.to_vec())
    }
    /// See [`Writer::fixed`].
    pub fn fixed(&mut self, bytes: usize) -> Result<u128> {
        if bytes > self.0.len() {
            return Err(Malformed);
        }
        let (head, rest) = self.0.split_at(bytes);
        self.0 = rest;
        let mut all = [0; 16];
        all[..bytes].copy_from_slice(head);
        Ok(u128::from_le_bytes(all))
    }
}

/// Number of fields of a state. CS is the last: the first recordings have no far transfer that changed it.
const FIELDS: usize = 39;
const CS: usize = 38;

/// The fields of a state as (size in bytes, value), in a fixed order of at most 64.
const SIZES: [usize; FIELDS] = {
    let mut s = [4; FIELDS];
    let mut i = 10;
    while i < 15 {
        s[i] = 2; // selectors but CS
        i += 1;
    }
    s[15] = 4; // MXCSR
    while i < 24 {
        if i > 15 {
            s[i] = 16; // XMM
        }
        i += 1;
    }
    s[24] = 2; // control
    s[25] = 2; // status
    s[26] = 1; // valid
    s[27] = 2; // opcode
    i = 30;
    while i < 38 {
        s[i] = 10; // ST
        i += 1;
    }
    s[CS] = 2;
    s
};

fn fields(s: &State) -> [u128; FIELDS] {
    let mut f = [0; FIELDS];
    for (to, from) in f.iter_mut().zip(s.gpr) {
        *to = u128::from(from);
    }
    f[8] = u128::from(s.eip);
    f[9] = u128::from(s.eflags);
    for (to, from) in [0, 2, 3, 4, 5].into_iter().enumerate() {
        f[10 + to] = u128::from(s.selectors[from]);
    }
    f[15] = u128::from(s.mxcsr);
    f[16..24].copy_from_slice(&s.xmm);
    f[24] = u128::from(s.x87.control);
    f[25] = u128::from(s.x87.status);
    f[26] = u128::from(s.x87.valid);
    f[27] = u128::from(s.x87.opcode);
    f[28] = u128::from(s.x87.instruction);
    f[29] = u128::from(s.x87.operand);
    f[30..38].copy_from_slice(&s.x87.st);
    f[CS] = u128::from(s.selectors[1]);
    f
}

fn from_fields(f: &[u128; FIELDS]) -> State {
    let mut gpr = [0; 8];
    for (to, from) in gpr.iter_mut().zip(f) {
        *to = *from as u32;
    }
    let mut xmm = [0; 8];
    xmm.copy_from_slice(&f[16..24]);
    let mut st = [0; 8];
    st.copy_from_slice(&f[30..38]);
    let sel = |i: usize| f[i] as u16;
    State {
        gpr,
        eip: f[8] as u32,
        eflags: f[9] as u32,
        selectors: [sel(10), sel(CS), sel(11), sel(12), sel(13), sel(14)],
        mxcsr: f[15] as u32,
        xmm,
        x87: X87 {
            control: f[24] as u16,
            status: f[25] as u16,
            valid: f[26] as u8,
            opcode: f[27] as u16,
            instruction: f[28] as u32,
            operand: f[29] as u32,
            st,
        },
    }
}

fn put_state(w: &mut Writer, s: &State, base: &State) {
    let (f, b) = (fields(s), fields(base));
    let mask = (0..FIELDS).filter(|&i| f[i] != b[i]).fold(0u64, |m, i| m | 1 << i);
    w.number(mask);
    for i in (0..FIELDS).filter(|&i| f[i] != b[i]) {
        w.fixed(f[i], SIZES[i]);
    }
}

fn get_state(r: &mut Reader<'_>, base: &State) -> Result<State> {
    let mut f = fields(base);
    let mask = r.number()?;
    if mask >> FIELDS != 0 {
        return Err(Malformed);
    }
    for i in (0..FIELDS).filter(|&i| mask >> i & 1 != 0) {
        f[i] = r.fixed(SIZES[i])?;
    }
    Ok(from_fields(&f))
}

fn put_patches(w: &mut Writer, list: &[Patch]) {
    w.number(list.len() as u64);
    for p in list {
        w.fixed(u128::from(p.at), 4);
        w.bytes(&p.bytes);
    }
}

fn get_patches(r: &mut Reader<'_>) -> Result<Vec<Patch>> {
    (0..r.count()?).map(|_| Ok(Patch { at: r.fixed(4)? as u32, bytes: r.bytes()? })).collect()
}

/// Writes a case.
pub fn put_case(w: &mut Writer, c: &Case) {
    w.bytes(&c.code);
    put_state(w, &c.state, &State::default());
    put_patches(w, &c.memory);
}

/// Reads a case.
pub fn get_case(r: &mut Reader<'_>) -> Result<Case> {
    Ok(Case { code: r.bytes()?, state: get_state(r, &State::default())?, memory: get_patches(r)? })
}

/// Writes the outcome of a case that started in `before`.
pub fn put_outcome(w: &mut Writer, o: &Outcome, before: &State) {
    match o.stop {
        Stop::Exception { vector, error, address } => {
            w.0.push(vector);
            w.number(u64::from(error));
            w.number(u64::from(address));
        }
        Stop::Hang => w.0.push(0xfe),
        Stop::Broken => w.0.push(0xff),
    }
    put_state(w, &o.state, before);
    put_patches(w, &o.memory);
}

/// Reads the outcome of a case that started in `before`.
pub fn get_outcome(r: &mut Reader<'_>, before: &State) -> Result<Outcome> {
    let stop = match r.byte()? {
        0xfe => Stop::Hang,
        0xff => Stop::Broken,
        vector => Stop::Exception { vector, error: r.number32()?, address: r.number32()? },
    };
    Ok(Outcome { stop, state: get_state(r, before)?, memory: get_patches(r)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_outcome_round_trip() {
        let mut case = Case { code: vec![0x90, 0xcc], ..Case::default() };
        case.state.gpr[3] = 77;
        case.state.xmm[7] = u128::MAX;
        case.state.x87.st[7] = u128::MAX >> 48;
        case.state.x87.operand = 5;
        case.memory.push(Patch { at: 0x2000_0000, bytes: vec![1, 2, 3] });
        let mut state = case.state.clone();
        state.selectors = [1, 0x23, 3, 4, 5, 6];
        state.mxcsr = 0x1fa0;
        state.eip += 1;
        let outcome = Outcome {
            stop: Stop::Exception { vector: 14, error: 6, address: 0xffff_ffff },
            state,
            memory: vec![Patch { at: 9, bytes: vec![0] }],
        };
        let mut w = Writer::default();
        put_case(&mut w, &case);
        put_outcome(&mut w, &outcome, &case.state);
        let mut r = Reader(&w.0);
        assert_eq!(get_case(&mut r).as_ref(), Ok(&case));
        assert_eq!(get_outcome(&mut r, &case.state), Ok(outcome));
        assert!(r.0.is_empty());
        assert_eq!(get_case(&mut Reader(&w.0[..5])), Err(Malformed));
    }
}
