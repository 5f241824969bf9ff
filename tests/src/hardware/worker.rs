//! The worker process: reads batches of cases from its input, runs them, writes outcomes to its output.

#![expect(clippy::cast_sign_loss, reason = "a signal frame holds 32-bit registers in 64-bit fields")]

use super::enter::{self, Frame, Next, Sequence};
use crate::case::{Case, EFLAGS_ALWAYS, EFLAGS_INITIAL, Outcome, SELECTORS, State, Stop, X87, changed_runs};
use crate::codec::{Reader, Writer, get_case, put_outcome};
use crate::layout::{WINDOWS, window_at};
use std::io::{self, Read, Write};

/// Milliseconds of CPU time between two ticks; a case that sees [`TICKS`] of them hangs.
const TICK_MS: i64 = 5;
const TICKS: u32 = 3;

/// Positions in the signal frame of EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.
const GREG: [usize; 8] = [13, 14, 12, 11, 15, 10, 9, 8];
const RIP: usize = 16;
const EFL: usize = 17;
const CSGSFS: usize = 18;
const ERR: usize = 19;
const TRAPNO: usize = 20;
const CR2: usize = 22;

struct Batch<'a> {
    cases: &'a [Case],
    /// The case that is running.
    current: Option<usize>,
    ticks: u32,
    /// The windows as the running case found them.
    before: &'a mut [Vec<u8>; WINDOWS.len()],
    out: Writer,
}

/// Puts `bytes` at `at`, as far as they lie in one window; what lies outside is dropped.
fn put(windows: &mut [&mut [u8]; WINDOWS.len()], before: &mut [Vec<u8>], at: u32, bytes: &[u8]) {
    let Some(w) = window_at(at) else { return };
    if windows[w].is_empty() {
        return;
    }
    let from = (at - WINDOWS[w].base) as usize;
    let n = bytes.len().min(windows[w].len() - from);
    windows[w][from..from + n].copy_from_slice(&bytes[..n]);
    before[w][from..from + n].copy_from_slice(&bytes[..n]);
}

/// Puts the fill back where [`put`] or the case wrote.
fn clear(windows: &mut [&mut [u8]; WINDOWS.len()], before: &mut [Vec<u8>], at: u32, len: usize) {
    let Some(w) = window_at(at) else { return };
    if windows[w].is_empty() {
        return;
    }
    let from = (at - WINDOWS[w].base) as usize;
    let to = (from + len).min(windows[w].len());
    windows[w][from..to].fill(WINDOWS[w].fill());
    before[w][from..to].fill(WINDOWS[w].fill());
}

fn stop_of(frame: &Frame<'_>) -> Stop {
    let trap = frame.gregs[TRAPNO] as u8;
    let error = frame.gregs[ERR] as u32;
    match frame.signal {
        libc::SIGVTALRM => Stop::Hang,
        libc::SIGSYS => Stop::Exception { vector: 0x80, error: 0, address: 0 },
        _ if trap == 14 => Stop::Exception { vector: 14, error, address: frame.gregs[CR2] as u32 },
        _ if matches!(trap, 8 | 10..=13 | 17) => Stop::Exception { vector: trap, error, address: 0 },
        _ => Stop::Exception { vector: trap, error: 0, address: 0 },
    }
}

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}
fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from(u16_at(b, at)) | u32::from(u16_at(b, at + 2)) << 16
}
fn u128_at(b: &[u8], at: usize) -> u128 {
    let mut all = [0; 16];
    all.copy_from_slice(&b[at..at + 16]);
    u128::from_le_bytes(all)
}

fn state_of(frame: &Frame<'_>) -> State {
    let fx = &frame.fx[..];
    let segments = frame.gregs[CSGSFS] as u64;
    let [es, ds, fs, gs] = frame.selectors;
    State {
        gpr: GREG.map(|i| frame.gregs[i] as u32),
        eip: frame.gregs[RIP] as u32,
        eflags: frame.gregs[EFL] as u32,
        selectors: [es, segments as u16, (segments >> 48) as u16, ds, fs, gs],
        mxcsr: u32_at(fx, 24),
        xmm: core::array::from_fn(|i| u128_at(fx, 160 + 16 * i)),
        x87: X87 {
            control: u16_at(fx, 0),
            status: u16_at(fx, 2),
            valid: fx[4],
            opcode: u16_at(fx, 6) & 0x7ff,
            instruction: u32_at(fx, 8),
            operand: u32_at(fx, 16),
            st: core::array::from_fn(|i| u128_at(fx, 32 + 16 * i) & (u128::MAX >> 48)),
        },
    }
}

fn load_state(frame: &mut Frame<'_>, s: &State) {
    for (i, v) in GREG.into_iter().zip(s.gpr) {
        frame.gregs[i] = v.into();
    }
    frame.gregs[RIP] = s.eip.into();
    frame.gregs[EFL] = (s.eflags & EFLAGS_INITIAL | EFLAGS_ALWAYS).into();
    frame.gregs[CSGSFS] = i64::from(SELECTORS[1]) | i64::from(SELECTORS[2]) << 48;
    let fx = &mut frame.fx[..];
    fx[0..2].copy_from_slice(&s.x87.control.to_le_bytes());
    fx[2..4].copy_from_slice(&s.x87.status.to_le_bytes());
    fx[4] = s.x87.valid;
    fx[6..8].copy_from_slice(&s.x87.opcode.to_le_bytes());
    fx[8..16].copy_from_slice(&u64::from(s.x87.instruction).to_le_bytes());
    fx[16..24].copy_from_slice(&u64::from(s.x87.operand).to_le_bytes());
    fx[24..28].copy_from_slice(&s.mxcsr.to_le_bytes());
    for (i, (st, xmm)) in s.x87.st.iter().zip(s.xmm).enumerate() {
        fx[32 + 16 * i..48 + 16 * i].copy_from_slice(&st.to_le_bytes());
        fx[160 + 16 * i..176 + 16 * i].copy_from_slice(&xmm.to_le_bytes());
    }
}

impl Batch<'_> {
    fn finish(&mut self, index: usize, frame: &mut Frame<'_>) {
        let case = &self.cases[index];
        let mut memory = Vec::new();
        for (i, w) in WINDOWS.iter().enumerate().filter(|(_, w)| w.allow.write) {
            if frame.windows[i].len() == self.before[i].len() {
                changed_runs(w.base, &self.before[i], frame.windows[i], &mut memory);
            }
        }
        let outcome = Outcome { stop: stop_of(frame), state: state_of(frame), memory };
        put_outcome(&mut self.out, &outcome, &case.state);
        for (at, len) in case
            .contents()
            .map(|(at, b)| (at, b.len()))
            .chain(outcome.memory.iter().map(|p| (p.at, p.bytes.len())))
        {
            clear(&mut frame.windows, self.before, at, len);
        }
    }
}

impl Sequence for Batch<'_> {
    fn next(&mut self, frame: &mut Frame<'_>) -> Next {
        if frame.signal == libc::SIGVTALRM {
            self.ticks += 1;
            if self.ticks < TICKS {
                return Next::Resume;
            }
        }
        if let Some(index) = self.current {
            self.finish(index, frame);
        }
        let index = self.current.map_or(0, |i| i + 1);
        self.current = Some(index);
        self.ticks = 0;
        let Some(case) = self.cases.get(index) else { return Next::End };
        for (at, bytes) in case.contents() {
            put(&mut frame.windows, self.before, at, bytes);
        }
        load_state(frame, &case.state);
        Next::Start
    }
}

/// The worker's whole life. Its output must be a pipe to [`super::Hardware`].
///
/// # Errors
/// A pipe broke, or the machine cannot run i386 code.
pub fn main() -> io::Result<()> {
    enter::prepare()?;
    let mut before = WINDOWS.map(|w| vec![w.fill(); w.len() as usize]);
    enter::start_timer(TICK_MS)?;
    super::sandbox::install()?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut len = [0; 8];
        match input.read_exact(&mut len) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let mut bytes = Vec::new();
        (&mut input).take(u64::from_le_bytes(len)).read_to_end(&mut bytes)?;
        let mut reader = Reader(&bytes);
        let count = reader.count().map_err(io::Error::other)?;
        let cases: Result<Vec<Case>, _> = (0..count).map(|_| get_case(&mut reader)).collect();
        let cases = cases.map_err(io::Error::other)?;
        let mut batch =
            Batch { cases: &cases, current: None, ticks: 0, before: &mut before, out: Writer::default() };
        enter::run(&mut batch);
        output.write_all(&(batch.out.0.len() as u64).to_le_bytes())?;
        output.write_all(&batch.out.0)?;
        output.flush()?;
    }
}
