//! The closing table.

use std::time::Duration;

use super::way::Way;

/// One run's entry.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) took: Duration,
    pub(crate) bytes: usize,
    pub(crate) agrees: bool,
}

/// One script's line.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    /// Whether every way gave the same.
    pub(crate) fn agrees(&self) -> bool {
        self.cells.iter().all(|cell| cell.agrees)
    }
}

/// Prints seconds per way, and whether the outputs are equal.
pub(crate) fn print(ways: &[Way], rows: &[Row]) {
    let mut heading = format!("{:<22}", "script");
    for way in ways {
        heading.push_str(&format!("{:>18}", way.title()));
    }
    println!("\n{heading}{:>10}  result", "bytes");
    for row in rows {
        let mut line = format!("{:<22}", row.name);
        for cell in &row.cells {
            let mark = if cell.agrees { " " } else { "!" };
            line.push_str(&format!("{:>15.2} s{mark}", cell.took.as_secs_f64()));
        }
        let bytes = row.cells.first().map_or(0, |cell| cell.bytes);
        println!("{line}{bytes:>10}  {}", if row.agrees() { "equal" } else { "DIFFERENT" });
    }
    println!();
}
