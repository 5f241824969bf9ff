//! Cases as one line of text: `tests/insn/*.ins` and failure reports.
//!
//! ```text
//! d3 e0  "shl eax, cl"  eax=80000001 ecx=1 => eax=2 cf=1 of=1
//! ```
//! Bytes, the disassembly in quotes (NASM's form, several instructions separated by `; `), the state before, `=>`, the state
//! after; all numbers are hexadecimal. Fields: the general registers; `cf pf af zf sf of tf df ac`; `eflags`; `eip`; selectors;
//! `mxcsr`, `xmm0`…; `fcw`, `fsw` (with TOP), `fvalid`, `st0`…, `fip`, `fdp`, `fop`; `[20000000]=0a0b0c` for bytes of memory. After the arrow also
//! how it ended: `#de #ud #gp(0) #pf(7,22001000)` …; without one it is `#bp`, at the `INT3` behind the code.
//!
//! What is not named before has the default ([`State::default`]). Registers and memory not named after must be
//! unchanged; flags not named are not looked at; EIP only if it is named or the end is a #BP.

use crate::case::{Case, Outcome, Patch, State, Stop};
use crate::compare::{GPR, SEGMENT, instructions, show_stop};
use iced_x86::{Formatter, NasmFormatter};

/// A line of an `.ins` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What runs.
    pub case: Case,
    /// What must come out, but for flags outside `flags`.
    pub want: Outcome,
    /// The EFLAGS bits that the line names.
    pub flags: u32,
    /// Whether EIP is compared.
    pub eip: bool,
    text: String,
}

const FLAGS: [(&str, u32); 9] = [
    ("cf", 1),
    ("pf", 4),
    ("af", 0x10),
    ("zf", 0x40),
    ("sf", 0x80),
    ("tf", 0x100),
    ("df", 0x400),
    ("of", 0x800),
    ("ac", 0x4_0000),
];

/// The disassembly of a case's code.
#[must_use]
pub fn disassembly(case: &Case) -> String {
    let mut formatter = NasmFormatter::new();
    formatter.options_mut().set_space_after_operand_separator(true);
    let list: Vec<String> = instructions(case)
        .map(|i| {
            let mut s = String::new();
            formatter.format(&i, &mut s);
            s
        })
        .collect();
    if list.is_empty() { "?".into() } else { list.join("; ") }
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|d| d as u8).ok_or_else(|| format!("`{c}` is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err(format!("odd number of digits in `{text}`"));
    }
    Ok(digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect())
}

fn field<'a>(state: &'a mut State, name: &str) -> Option<Place<'a>> {
    if let Some(i) = GPR.iter().position(|r| *r == name) {
        return Some(Place::B32(&mut state.gpr[i]));
    }
    if let Some(i) = SEGMENT.iter().position(|r| *r == name) {
        return Some(Place::B16(&mut state.selectors[i]));
    }
    let number =
        |prefix: &str| name.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok()).filter(|n| *n < 8);
    if let Some(i) = number("xmm") {
        return Some(Place::B128(&mut state.xmm[i]));
    }
    if let Some(i) = number("st") {
        return Some(Place::B128(&mut state.x87.st[i]));
    }
    Some(match name {
        "eip" => Place::B32(&mut state.eip),
        "eflags" => Place::B32(&mut state.eflags),
        "mxcsr" => Place::B32(&mut state.mxcsr),
        "fcw" => Place::B16(&mut state.x87.control),
        "fsw" => Place::B16(&mut state.x87.status),
        "fvalid" => Place::B8(&mut state.x87.valid),
        "fip" => Place::B32(&mut state.x87.instruction),
        "fdp" => Place::B32(&mut state.x87.operand),
        "fop" => Place::B16(&mut state.x87.opcode),
        _ => return None,
    })
}

enum Place<'a> {
    B8(&'a mut u8),
    B16(&'a mut u16),
    B32(&'a mut u32),
    B128(&'a mut u128),
}

impl Place<'_> {
    fn set(self, v: u128) -> Result<(), String> {
        let big = |_| format!("{v:x} is too large");
        match self {
            Self::B8(p) => *p = v.try_into().map_err(big)?,
            Self::B16(p) => *p = v.try_into().map_err(big)?,
            Self::B32(p) => *p = v.try_into().map_err(big)?,
            Self::B128(p) => *p = v,
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<u128, String> {
    u128::from_str_radix(text, 16).map_err(|_| format!("`{text}` is no hexadecimal number"))
}

fn parse_stop(text: &str) -> Result<Stop, String> {
    let (name, rest) = text.split_once('(').unwrap_or((text, ")"));
    let mut numbers = rest.trim_end_matches(')').split(',').filter(|s| !s.is_empty());
    let mut next = || numbers.next().map_or(Ok(0), |s| number(s).map(|v| v as u32));
    let (error, address) = (next()?, next()?);
    let by_name = (0..=255u8).find(|v| crate::compare::name(*v) == Some(name));
    let vector = match by_name {
        Some(v) => v,
        None => number(name)?.try_into().map_err(|_| format!("`#{text}` is no exception"))?,
    };
    Ok(Stop::Exception { vector, error, address })
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut parts = line.splitn(3, '"');
        let (Some(code), Some(text), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("no disassembly in quotes".into());
        };
        let (before, after) = rest.split_once("=>").ok_or("no `=>`")?;
        let mut case = Case { code: hex_bytes(code)?, ..Case::default() };
        for item in before.split_whitespace() {
            let (name, value) = item.split_once('=').ok_or_else(|| format!("`{item}` has no `=`"))?;
            if let Some(at) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
                case.memory.push(Patch { at: number(at)? as u32, bytes: hex_bytes(value)? });
            } else if let Some((_, bit)) = FLAGS.iter().find(|(n, _)| *n == name) {
                let keep = case.state.eflags & !bit;
                case.state.eflags = keep | if number(value)? != 0 { *bit } else { 0 };
            } else {
                field(&mut case.state, name)
                    .ok_or_else(|| format!("no field `{name}`"))?
                    .set(number(value)?)?;
            }
        }
        let mut state = case.state.clone();
        let end = state.eip.wrapping_add(case.code.len() as u32 + 1);
        let (mut stop, mut flags, mut eip, mut memory) = (Stop::BREAKPOINT, 0, None, Vec::new());
        for item in after.split_whitespace() {
            if let Some(text) = item.strip_prefix('#') {
                stop = parse_stop(text)?;
                continue;
            }
            let (name, value) = item.split_once('=').ok_or_else(|| format!("`{item}` has no `=`"))?;
            if let Some(at) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
                memory.push(Patch { at: number(at)? as u32, bytes: hex_bytes(value)? });
            } else if let Some((_, bit)) = FLAGS.iter().find(|(n, _)| *n == name) {
                flags |= bit;
                state.eflags = state.eflags & !bit | if number(value)? != 0 { *bit } else { 0 };
            } else {
                if name == "eip" {
                    eip = Some(number(value)? as u32);
                }
                if name == "eflags" {
                    flags = u32::MAX;
                }
                field(&mut state, name).ok_or_else(|| format!("no field `{name}`"))?.set(number(value)?)?;
            }
        }
        state.eip = eip.unwrap_or(end);
        let compare_eip = eip.is_some() || stop == Stop::BREAKPOINT;
        let want = Outcome { stop, state, memory };
        Ok(Self { case, want, flags, eip: compare_eip, text: text.to_owned() })
    }

    /// What of an outcome does not agree with the line, including the disassembly.
    #[must_use]
    pub fn check(&self, got: &Outcome) -> Vec<crate::compare::Difference> {
        let mut want = self.want.clone();
        let mut got = got.clone();
        want.state.eflags &= self.flags;
        got.state.eflags &= self.flags;
        if !self.eip {
            want.state.eip = got.state.eip;
        }
        // The line names runs of memory; the outcome has maximal ones.
        want.memory = bytewise(&want.memory, &self.case);
        got.memory = bytewise(&got.memory, &self.case);
        let plain = Case { code: Vec::new(), ..self.case.clone() };
        let mut out = crate::compare::differences(&plain, &want, &got, true);
        let shown = disassembly(&self.case);
        if self.text != shown {
            out.push(("text".into(), self.text.clone(), shown));
        }
        out
    }
}

/// Single bytes, without those that have their initial value.
fn bytewise(runs: &[Patch], case: &Case) -> Vec<Patch> {
    let initial = |at: u32| {
        let from_case = case.memory.iter().rev().find_map(|p| p.bytes.get(at.wrapping_sub(p.at) as usize));
        from_case.copied().unwrap_or(0)
    };
    runs.iter()
        .flat_map(|p| (p.at..).zip(p.bytes.iter().copied()))
        .filter(|(at, b)| *b != initial(*at))
        .map(|(at, b)| Patch { at, bytes: vec![b] })
        .collect()
}

fn show_memory(list: &[Patch], out: &mut String) {
    for p in list {
        let bytes: String = p.bytes.iter().map(|b| format!("{b:02x}")).collect();
        out.push_str(&format!(" [{:x}]={bytes}", p.at));
    }
}

fn show_state(s: &State, base: &State, flags: u32, out: &mut String) {
    let mut value = |name: &str, v: u128, b: u128| {
        if v != b {
            out.push_str(&format!(" {name}={v:x}"));
        }
    };
    for (i, name) in GPR.iter().enumerate() {
        value(name, s.gpr[i].into(), base.gpr[i].into());
    }
    for (i, name) in SEGMENT.iter().enumerate() {
        value(name, s.selectors[i].into(), base.selectors[i].into());
    }
    value("mxcsr", s.mxcsr.into(), base.mxcsr.into());
    for i in 0..8 {
        value(&format!("xmm{i}"), s.xmm[i], base.xmm[i]);
    }
    value("fcw", s.x87.control.into(), base.x87.control.into());
    value("fsw", s.x87.status.into(), base.x87.status.into());
    value("fvalid", s.x87.valid.into(), base.x87.valid.into());
    // A signal frame shows the pointers while an exception is pending.
    if s.x87.status & 0x80 != 0 {
        value("fip", s.x87.instruction.into(), base.x87.instruction.into());
        value("fdp", s.x87.operand.into(), base.x87.operand.into());
        value("fop", s.x87.opcode.into(), base.x87.opcode.into());
    }
    for i in 0..8 {
        value(&format!("st{i}"), s.x87.st[i], base.x87.st[i]);
    }
    for (name, bit) in FLAGS {
        if flags & bit != 0 {
            out.push_str(&format!(" {name}={}", u32::from(s.eflags & bit != 0)));
        }
    }
}

/// A case and the outcome it should have, as a line.
#[must_use]
pub fn line(case: &Case, want: &Outcome) -> String {
    let code: Vec<String> = case.code.iter().map(|b| format!("{b:02x}")).collect();
    let mut out = format!("{}  \"{}\" ", code.join(" "), disassembly(case));
    let default = State::default();
    show_state(&case.state, &default, case.state.eflags & !default.eflags, &mut out);
    if case.state.eip != default.eip {
        out.push_str(&format!(" eip={:x}", case.state.eip));
    }
    show_memory(&case.memory, &mut out);
    out.push_str(" =>");
    let hidden = crate::compare::allowed_flags(case, true).unwrap_or(u32::MAX);
    show_state(
        &want.state,
        &case.state,
        0x8d5 & !hidden | (want.state.eflags ^ case.state.eflags) & !hidden,
        &mut out,
    );
    show_memory(&want.memory, &mut out);
    let end = case.state.eip.wrapping_add(case.code.len() as u32 + 1);
    if want.stop != Stop::BREAKPOINT {
        out.push(' ');
        out.push_str(&show_stop(want.stop));
    }
    if want.stop != Stop::BREAKPOINT || want.state.eip != end {
        out.push_str(&format!(" eip={:x}", want.state.eip));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_means() {
        let l =
            Line::parse(r#"d3 e0  "shl eax, cl"  eax=80000001 ecx=1 => eax=2 cf=1 of=1"#).expect("parses");
        let mut got = l.want.clone();
        assert_eq!(l.check(&got), []);
        got.state.eflags ^= 0x40; // ZF is not named
        assert_eq!(l.check(&got), []);
        got.state.eflags ^= 1;
        assert_eq!(l.check(&got).len(), 1);
        got = l.want.clone();
        got.state.gpr[3] = 9; // EBX is not named, so it must not change
        assert_eq!(l.check(&got).len(), 1);
    }

    #[test]
    fn a_written_line_reads_back() {
        let mut case = Case { code: vec![0xf7, 0xf1], ..Case::default() };
        case.state.gpr[2] = 7;
        case.state.eflags |= 0x401;
        case.memory.push(Patch { at: 0x2000_0000, bytes: vec![0xab] });
        let mut want = Outcome {
            stop: Stop::Exception { vector: 14, error: 6, address: 16 },
            state: case.state.clone(),
            memory: vec![],
        };
        want.state.gpr[0] = 1;
        let read = Line::parse(&line(&case, &want)).expect("parses");
        assert_eq!(read.case, case);
        assert_eq!(read.want.stop, want.stop);
        assert_eq!(read.want.state.gpr, want.state.gpr);
    }

    #[test]
    fn a_wrong_disassembly_is_a_difference() {
        let l = Line::parse(r#"40  "dec eax"  => eax=1"#).expect("parses");
        assert_eq!(l.check(&l.want)[0].0, "text");
    }
}
