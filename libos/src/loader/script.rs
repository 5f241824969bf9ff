//! The first line of a script: `#!interpreter [one argument]`.
//!
//! # Source
//! `fs/binfmt_script.c`.

/// How many bytes of a file the kernel looks at (`BINPRM_BUF_SIZE`).
pub const HEAD: usize = 256;

/// Takes the interpreter and its optional argument from the beginning of a file.
///
/// The line ends at a newline or, where none lies within the first 256 bytes, at the first blank after the
/// interpreter's name; a name cut off by the end of the buffer does not count.
#[must_use]
pub fn parse(head: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let head = &head[..head.len().min(HEAD)];
    let rest = head.strip_prefix(b"#!")?;
    let line_end = rest.iter().position(|&b| b == b'\n');
    let whole_file = head.len() < HEAD;
    let line = match line_end {
        Some(end) => &rest[..end],
        None => rest.iter().position(|&b| b == 0).map_or(rest, |end| &rest[..end]),
    };
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let start = line.iter().position(|b| !blank(b))?;
    let line = &line[start..];
    let name_end = line.iter().position(blank);
    if line_end.is_none() && !whole_file && name_end.is_none() {
        return None;
    }
    let (name, argument) = line.split_at(name_end.unwrap_or(line.len()));
    let first = argument.iter().position(|b| !blank(b));
    let last = argument.iter().rposition(|b| !blank(b));
    let argument = match (first, last) {
        (Some(first), Some(last)) => Some(&argument[first..=last]),
        _ => None,
    };
    (!name.is_empty()).then_some((name, argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_argument_keeps_its_inner_blanks() {
        assert_eq!(parse(b"#! /bin/sh\n"), Some((&b"/bin/sh"[..], None)));
        assert_eq!(parse(b"#!/usr/bin/env -S a  b \nx"), Some((&b"/usr/bin/env"[..], Some(&b"-S a  b"[..]))));
        assert_eq!(parse(b"#!\n"), None);
        assert_eq!(parse(b"#! \t \n"), None);
        assert_eq!(parse(b"#!/bin/sh"), Some((&b"/bin/sh"[..], None)));
    }

    #[test]
    fn a_name_cut_off_by_the_buffer_does_not_count() {
        let mut long = [b'x'; HEAD];
        long[..2].copy_from_slice(b"#!");
        assert_eq!(parse(&long), None);
        long[100] = b' ';
        assert_eq!(parse(&long).map(|(name, _)| name.len()), Some(98));
    }
}
