//! Compiled guest code that is kept as bytes, so that using it needs no compiler: `tests/golden/code`.
//!
//! An [`Image`] is one source file, assembled or compiled to lie at the beginning of [`CODE`]: a `.hex` file with the
//! compiler's name, its options, the symbols and the bytes. In a C source a line such as
//! `// run sum(data, 40) words` says how a function is called and what [`DATA`] holds then.

use crate::case::{Case, Patch, State};
use crate::generate::Rng;
use crate::layout::{CODE, DATA, STACK};
use std::path::{Path, PathBuf};

/// One source file's code.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// The `.hex` file's name without its ending.
    pub name: String,
    /// What made it.
    pub compiler: String,
    /// Functions, or cases of assembler, by ascending address.
    pub symbols: Vec<(String, u32)>,
    /// What lies at the beginning of [`CODE`].
    pub bytes: Vec<u8>,
    /// How functions are called: none in assembler.
    pub runs: Vec<Run>,
}

/// A call of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its name.
    pub symbol: String,
    /// Its arguments.
    pub arguments: Vec<u32>,
    /// What memory holds.
    pub fill: Fill,
}

/// Contents of [`DATA`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fill {
    /// Nothing but zeros.
    Zeros,
    /// Random bytes.
    Bytes,
    /// Random 32-bit numbers, half of them small.
    Words,
    /// Ascending 32-bit numbers.
    Sorted,
    /// Runs of equal bytes; the second KiB is as the first but for one byte.
    Repeated,
    /// Words of letters, ended by a zero.
    Text,
    /// Decimal numbers with blanks between them.
    Digits,
    /// Characters of one to four bytes.
    Utf8,
    /// 32-bit floats of moderate size.
    Floats,
    /// 64-bit floats of moderate size.
    Doubles,
    /// A linked list of (next, value).
    List,
    /// A search tree of (left, right, key).
    Tree,
}

const FILLS: [(&str, Fill); 12] = [
    ("zeros", Fill::Zeros),
    ("bytes", Fill::Bytes),
    ("words", Fill::Words),
    ("sorted", Fill::Sorted),
    ("repeated", Fill::Repeated),
    ("text", Fill::Text),
    ("digits", Fill::Digits),
    ("utf8", Fill::Utf8),
    ("floats", Fill::Floats),
    ("doubles", Fill::Doubles),
    ("list", Fill::List),
    ("tree", Fill::Tree),
];

/// Where functions return to: an `INT3`.
pub const RETURN: u32 = CODE.end() - 16;

/// Where sources and images are.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join("code")
}

/// Every image and the source it is made from: (image, source, options).
pub const SOURCES: [(&str, &str, &[&str]); 15] = [
    ("move", "move.s", &[]),
    ("integer", "integer.s", &[]),
    ("condition", "condition.s", &[]),
    ("string", "string.s", &[]),
    ("x87", "x87.s", &[]),
    ("sse_float", "sse_float.s", &[]),
    ("sse_integer", "sse_integer.s", &[]),
    ("memory", "memory.c", &["-march=i686"]),
    ("memory_sse", "memory.c", &["-march=pentium4", "-O3"]),
    ("hash", "hash.c", &["-march=i686"]),
    ("order", "order.c", &["-march=i686"]),
    ("text", "text.c", &["-march=i686"]),
    ("control", "control.c", &["-march=i686"]),
    ("float_x87", "float.c", &["-march=i686", "-mfpmath=387"]),
    ("float_sse", "float.c", &["-march=pentium4", "-mfpmath=sse"]),
];

/// All images.
///
/// # Errors
/// A file is missing or cannot be understood.
pub fn all() -> Result<Vec<Image>, String> {
    let read = |name: String| {
        std::fs::read_to_string(directory().join(&name)).map_err(|error| format!("{name}: {error}"))
    };
    SOURCES
        .iter()
        .map(|(name, source, _)| {
            let mut image = Image::parse(&read(format!("{name}.hex"))?).ok_or(format!("{name}.hex"))?;
            (*name).clone_into(&mut image.name);
            image.runs = runs(&read((*source).to_owned())?)?;
            Ok(image)
        })
        .collect()
}

impl Image {
    /// Reads a `.hex` file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut image = Self::default();
        for line in text.lines() {
            if let Some(compiler) = line.strip_prefix("# ") {
                image.compiler += &format!("{compiler}\n");
            } else if let Some((at, symbol)) = line.split_once(' ') {
                image.symbols.push((symbol.to_owned(), u32::from_str_radix(at, 16).ok()?));
            } else {
                let pairs = line.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).ok());
                for pair in pairs {
                    image.bytes.push(u8::from_str_radix(pair?, 16).ok()?);
                }
            }
        }
        Some(image)
    }

    /// Writes a `.hex` file.
    #[must_use]
    pub fn print(&self) -> String {
        let mut out: String = self.compiler.lines().map(|line| format!("# {line}\n")).collect();
        out.extend(self.symbols.iter().map(|(symbol, at)| format!("{at:08x} {symbol}\n")));
        for line in self.bytes.chunks(32) {
            out.extend(line.iter().map(|byte| format!("{byte:02x}")));
            out.push('\n');
        }
        out
    }

    /// The address of a symbol.
    #[must_use]
    pub fn address(&self, symbol: &str) -> Option<u32> {
        self.symbols.iter().find(|(name, _)| name == symbol).map(|(_, at)| *at)
    }

    /// The image with control at `eip`.
    #[must_use]
    pub fn at(&self, eip: u32) -> Case {
        let memory = vec![Patch { at: CODE.base, bytes: self.bytes.clone() }];
        Case { code: Vec::new(), state: State { eip, ..State::default() }, memory }
    }

    /// A call as a case, which ends with #BP where the function returns to.
    #[must_use]
    pub fn call(&self, run: &Run) -> Option<Case> {
        let mut case = self.at(self.address(&run.symbol)?);
        let esp = STACK.base + 0x1800;
        let words = std::iter::once(RETURN).chain(run.arguments.iter().copied());
        case.memory.push(Patch { at: esp, bytes: words.flat_map(u32::to_le_bytes).collect() });
        case.memory.push(Patch { at: DATA.base, bytes: run.fill.contents() });
        case.memory.retain(|patch| !patch.bytes.is_empty());
        case.state.gpr[4] = esp;
        Some(case)
    }
}

/// The `run` lines of a source.
fn runs(source: &str) -> Result<Vec<Run>, String> {
    source.lines().filter_map(|l| l.strip_prefix("// run ")).map(|l| run(l).ok_or(l.to_owned())).collect()
}

fn run(line: &str) -> Option<Run> {
    let (call, fill) = line.rsplit_once(") ")?;
    let (symbol, arguments) = call.split_once('(')?;
    let arguments = arguments.split(',').map(|a| argument(a.trim())).collect::<Option<_>>()?;
    let fill = FILLS.iter().find(|(name, _)| *name == fill)?.1;
    Some(Run { symbol: symbol.to_owned(), arguments, fill })
}

/// A number, or `data` with or without an offset.
fn argument(text: &str) -> Option<u32> {
    if let Some(offset) = text.strip_prefix("data") {
        return Some(DATA.base + if offset.is_empty() { 0 } else { argument(offset.strip_prefix('+')?)? });
    }
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Bytes at the beginning of [`DATA`].
const FILLED: u32 = 0xc00;

impl Fill {
    fn contents(self) -> Vec<u8> {
        let mut rng = Rng::new(1);
        let words = FILLED / 4;
        let mut out: Vec<u8> = match self {
            Self::Zeros => Vec::new(),
            Self::Bytes => (0..FILLED).map(|_| rng.next32() as u8).collect(),
            Self::Words => (0..words)
                .flat_map(|_| (rng.next32() >> if rng.one_in(2) { 22 } else { 0 }).to_le_bytes())
                .collect(),
            Self::Sorted => (0..words).flat_map(|n| (7 * n).to_le_bytes()).collect(),
            Self::Repeated => {
                (0..FILLED).map(|n| if n == 0x400 + 60 { 9 } else { (n % 0x400 / 7) as u8 }).collect()
            }
            Self::Text => {
                let letter = |rng: &mut Rng| if rng.one_in(5) { b' ' } else { b'A' + rng.below(58) as u8 };
                (0..60).map(|_| letter(&mut rng)).collect()
            }
            Self::Digits => {
                let number = |rng: &mut Rng| format!("{} ", rng.next32().cast_signed() >> rng.below(24));
                (0..32).flat_map(|_| number(&mut rng).into_bytes()).collect()
            }
            Self::Utf8 => {
                let character = |rng: &mut Rng| rng.pick(&['a', 'ß', '€', '𐍈', 'z', 'é']);
                (0..40).map(|_| character(&mut rng)).collect::<String>().into_bytes()
            }
            Self::Floats => (0..words).flat_map(|_| (moderate(&mut rng) as f32).to_le_bytes()).collect(),
            Self::Doubles => (0..words / 2).flat_map(|_| moderate(&mut rng).to_le_bytes()).collect(),
            Self::List => (0..30u32)
                .flat_map(|n| [if n == 29 { 0 } else { DATA.base + 16 * (n + 1) }, 3 * n + 10, 0, 0])
                .flat_map(u32::to_le_bytes)
                .collect(),
            Self::Tree => tree(),
        };
        // A text's end is seen even where a run writes behind it.
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }
}

/// A number between −4 and 4 in steps of 1/1024, which every float type holds.
fn moderate(rng: &mut Rng) -> f64 {
    (f64::from(rng.below(8192)) - 4096.0) / 1024.0
}

/// 31 nodes, laid out as a heap is: the children of node n are 2n + 1 and 2n + 2.
fn tree() -> Vec<u8> {
    const NODES: u32 = 31;
    /// Gives a subtree its keys in ascending order.
    fn number(node: u32, next: &mut u32, keys: &mut [u32]) {
        if node < NODES {
            number(2 * node + 1, next, keys);
            keys[node as usize] = 10 * *next;
            *next += 1;
            number(2 * node + 2, next, keys);
        }
    }
    let mut keys = [0; NODES as usize];
    number(0, &mut 0, &mut keys);
    let child = |n: u32| if n < NODES { DATA.base + 12 * n } else { 0 };
    (0..)
        .zip(keys)
        .flat_map(|(n, key)| [child(2 * n + 1), child(2 * n + 2), key])
        .flat_map(u32::to_le_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Stop;
    use crate::machine::{Interpreter, Machine};

    #[test]
    fn images_read_back_as_they_were_written() {
        let image = Image {
            compiler: "gcc\n-O2\n".into(),
            symbols: vec![("a".into(), CODE.base)],
            bytes: (0..=255).collect(),
            ..Image::default()
        };
        assert_eq!(Image::parse(&image.print()), Some(image));
    }

    #[test]
    fn every_function_returns() {
        let mut interpreter = Interpreter::default();
        for image in all().expect("images") {
            for run in &image.runs {
                let case = image.call(run).expect("a function of the image");
                let out = interpreter.run(&case);
                assert_eq!(out.stop, Stop::BREAKPOINT, "{} in {}", run.symbol, image.name);
                assert_eq!(out.state.eip, RETURN + 1, "{} in {}", run.symbol, image.name);
            }
        }
    }
}
