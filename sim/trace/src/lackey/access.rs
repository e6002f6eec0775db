//! One access line of lackey: `I  0401ab70,3`, ` L 1ffeffe7e0,8`, ` S …`, ` M …`. Owns its grammar, the
//! splitting of an access at page borders, and of a modify into its load and its store.

use super::hex;
use crate::window::SLACK_BYTES;
use pagewalk_arch::{Access, AccessKind, FRAME_BYTES, Privilege, VirtAddr};

/// Largest access that is believed, bytes. Lackey's own limit is 512.
pub(super) const ACCESS_BYTES_MAX: u64 = 4096;
/// Accesses that one line can become: a modify that crosses a page.
pub(super) const ACCESSES_PER_LINE_MAX: usize = 4;
/// Characters before the address.
const PREFIX: usize = 3;

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `I`.
    Fetch,
    /// `L`.
    Load,
    /// `S`.
    Store,
    /// `M`: a load, then a store.
    Modify,
}

impl Operation {
    #[inline(always)]
    fn of_prefix(prefix: [u8; PREFIX]) -> Option<Self> {
        Some(match &prefix {
            b"I  " => Self::Fetch,
            b" L " => Self::Load,
            b" S " => Self::Store,
            b" M " => Self::Modify,
            _ => return None,
        })
    }
}

/// Whether a line is one of an access, by its first characters.
#[inline(always)]
pub fn begins_access(line: &[u8]) -> bool {
    line.first_chunk().is_some_and(|prefix| Operation::of_prefix(*prefix).is_some())
}

/// A line as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLine {
    /// What.
    pub operation: Operation,
    /// First byte.
    pub address: u64,
    /// Length, 1 to `ACCESS_BYTES_MAX`; the last byte is at most `u64::MAX`.
    pub bytes: u64,
}

/// Parses the line at the beginning of `text` if it is written as Valgrind writes it, and its length with the
/// newline. `None` for all else, right or wrong.
#[inline(always)]
pub(super) fn parse_fast(text: &[u8; SLACK_BYTES]) -> Option<(AccessLine, usize)> {
    let load =
        |at: usize| -> Option<u64> { Some(u64::from_le_bytes(text.get(at..at + 8)?.try_into().ok()?)) };
    let operation = Operation::of_prefix([text[0], text[1], text[2]])?;
    let high = hex::eight_digits(load(PREFIX)?)?;
    // Valgrind writes at least eight digits (%08lx).
    let tail = load(PREFIX + 8)?;
    let more = hex::find(tail, b',');
    let address = match more {
        0 => u64::from(high),
        8 => return None,
        _ => (u64::from(high) << (4 * more)) | u64::from(hex::leading_digits(tail, more)?),
    };
    let size = PREFIX + 8 + more + 1;
    let digit = |at: usize| text[at].wrapping_sub(b'0');
    let (bytes, length) = if digit(size) > 9 {
        return None;
    } else if text[size + 1] == b'\n' {
        (u64::from(digit(size)), size + 2)
    } else if digit(size + 1) <= 9 && text[size + 2] == b'\n' {
        (u64::from(digit(size)) * 10 + u64::from(digit(size + 1)), size + 3)
    } else {
        return None;
    };
    if bytes == 0 || address > u64::MAX - ACCESS_BYTES_MAX {
        return None;
    }
    Some((AccessLine { operation, address, bytes }, length))
}

/// Why a line that begins like an access is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadAccess {
    /// Not `address,size`.
    Shape,
    /// The size is 0 or above `ACCESS_BYTES_MAX`, or the access runs over the end of the address space.
    Size,
}

/// Parses a whole line (without its newline) with all the freedom of the grammar: any number of digits,
/// either case, `0x`. `None` where it does not begin like an access.
pub(super) fn parse(line: &[u8]) -> Option<Result<AccessLine, BadAccess>> {
    let (prefix, rest) = line.split_first_chunk::<PREFIX>()?;
    let operation = Operation::of_prefix(*prefix)?;
    Some(parse_operand(operation, rest))
}

fn parse_operand(operation: Operation, text: &[u8]) -> Result<AccessLine, BadAccess> {
    let text = std::str::from_utf8(text).map_err(|_| BadAccess::Shape)?;
    let (address, bytes) = text.split_once(',').ok_or(BadAccess::Shape)?;
    let address = address.strip_prefix("0x").unwrap_or(address);
    let digits = |text: &str, radix| text.chars().all(|c| c.is_digit(radix)) && !text.is_empty();
    if !digits(address, 16) || !digits(bytes, 10) {
        return Err(BadAccess::Shape);
    }
    let address = u64::from_str_radix(address, 16).map_err(|_| BadAccess::Shape)?;
    let bytes: u64 = bytes.parse().map_err(|_| BadAccess::Size)?;
    if !(1..=ACCESS_BYTES_MAX).contains(&bytes) || address.checked_add(bytes - 1).is_none() {
        return Err(BadAccess::Size);
    }
    Ok(AccessLine { operation, address, bytes })
}

/// Takes an access off the end of a line that something else began: writers that share a log cut into each
/// other's lines. Returns what stands before it.
pub(super) fn split_off(line: &[u8]) -> Option<(&[u8], AccessLine)> {
    let comma = memchr::memrchr(b',', line)?;
    let digits = line[..comma].iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    // Fewer than Valgrind's eight digits could be any text.
    let start = (comma - digits).checked_sub(PREFIX).filter(|_| digits >= 8)?;
    let access = parse(&line[start..])?.ok()?;
    Some((&line[..start], access))
}

/// Whether `text` is the beginning of an access line and nothing else: what is left of one that was cut off before
/// its size.
pub(super) fn is_beginning(text: &[u8]) -> bool {
    let Some((prefix, rest)) = text.split_first_chunk::<PREFIX>() else { return false };
    let rest = rest.strip_suffix(b",").unwrap_or(rest);
    Operation::of_prefix(*prefix).is_some() && rest.len() <= 16 && rest.iter().all(u8::is_ascii_hexdigit)
}

impl AccessLine {
    /// Appends the accesses of this line, each within one page.
    #[inline(always)]
    pub fn push(self, line: u32, block: &mut Vec<Access>) {
        match self.operation {
            Operation::Fetch => self.push_kind(AccessKind::Fetch, line, block),
            Operation::Load => self.push_kind(AccessKind::Load, line, block),
            Operation::Store => self.push_kind(AccessKind::Store, line, block),
            Operation::Modify => {
                self.push_kind(AccessKind::Load, line, block);
                self.push_kind(AccessKind::Store, line, block);
            }
        }
    }

    #[inline(always)]
    fn push_kind(self, kind: AccessKind, line: u32, block: &mut Vec<Access>) {
        let in_page = FRAME_BYTES - VirtAddr(self.address).page_offset();
        if self.bytes <= in_page {
            block.push(part(self.address, self.bytes, kind, line));
        } else {
            // At most one page border: an access is at most a page long.
            block.push(part(self.address, in_page, kind, line));
            block.push(part(self.address + in_page, self.bytes - in_page, kind, line));
        }
    }
}

/// An access within a page. Its length is capped at what [`Access::bytes`] can say.
#[inline(always)]
fn part(address: u64, bytes: u64, kind: AccessKind, line: u32) -> Access {
    Access {
        va: VirtAddr(address),
        line,
        kind,
        privilege: Privilege::User,
        bytes: bytes.min(u64::from(u8::MAX)) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fast(line: &str) -> Option<(AccessLine, usize)> {
        let mut text = [b'9'; SLACK_BYTES];
        text[..line.len()].copy_from_slice(line.as_bytes());
        parse_fast(&text)
    }

    #[test]
    fn both_parsers_agree_on_what_valgrind_writes() {
        for prefix in ["I  ", " L ", " S ", " M "] {
            for address in [
                0u64,
                0x1000,
                0x401_ab70,
                0xffff_ffff,
                0x1f_feff_e7e0,
                0x7fff_ffff_f000,
                0xffff_ffff_ff60_0000,
            ] {
                for bytes in [1, 8, 32, 64] {
                    let line = format!("{prefix}{address:08x},{bytes}\n");
                    let slow = parse(line.trim_end().as_bytes());
                    let all_digits = format!("{address:x}").len() == 16;
                    let expected = slow.and_then(Result::ok).map(|access| (access, line.len()));
                    assert!(expected.is_some_and(|(access, _)| access.address == address));
                    assert_eq!(fast(&line), expected.filter(|_| !all_digits), "{line}");
                }
            }
        }
    }

    #[test]
    fn only_accesses_are_accepted() {
        for line in [
            "I 0401ab70,3\n",
            " L 0401ab70 3\n",
            " L 0401ag70,3\n",
            " L 0401ab70,\n",
            " L 0401ab70,0\n",
            " X 0401ab70,1\n",
        ] {
            assert_eq!(fast(line), None, "{line}");
            assert!(!matches!(parse(line.trim_end().as_bytes()), Some(Ok(_))), "{line}");
        }
        assert_eq!(parse(b" L ffffffffffffffff,2"), Some(Err(BadAccess::Size)));
        assert_eq!(parse(b" L 1000,4097"), Some(Err(BadAccess::Size)));
        assert_eq!(parse(b" L 1000,99999999999999999999"), Some(Err(BadAccess::Size)));
        assert_eq!(parse(b" L +1000,1"), Some(Err(BadAccess::Shape)));
    }

    #[test]
    fn an_access_that_cut_into_a_line() {
        let (before, access) = split_off(b"SYSCALL[9,1](1) I  0400fe3a,4").expect("an access");
        assert_eq!(before, b"SYSCALL[9,1](1) ");
        assert_eq!(access, AccessLine { operation: Operation::Fetch, address: 0x400_fe3a, bytes: 4 });
        assert_eq!(split_off(b"SYSCALL[9,1](3) sys_close ( 4 )[sync] --> Success(0x0) "), None);
        assert_eq!(split_off(b"==9==   total:         126,276"), None);
    }
}
