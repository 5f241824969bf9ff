//! Prints the instructions' part of `docs/COVERAGE.md`.

fn main() -> std::io::Result<()> {
    print!("{}", trunnion_tests::coverage_markdown()?);
    Ok(())
}
