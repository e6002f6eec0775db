//! Sizes and addresses as people write them, and counts as people read them.

use indicatif::HumanCount;
use std::fmt;
use std::str::FromStr;

/// Units of sizes, largest first.
const UNITS: [(&str, u32); 6] = [("EiB", 60), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

/// A number of bytes, written `4KiB`, `16GiB` or `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

/// Text that is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No size.
    #[error("`{0}` is no size: write it as 4KiB, 2MiB, 16GiB or a number of bytes")]
    Size(String),
    /// No number.
    #[error("`{0}` is no address: write it as 0x1000, or decimal")]
    Address(String),
}

impl FromStr for ByteSize {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::Size(text.to_owned());
        let trimmed = text.trim();
        let (digits, shift) = UNITS
            .into_iter()
            .find_map(|(unit, shift)| Some((trimmed.strip_suffix(unit)?, shift)))
            .unwrap_or((trimmed, 0));
        let number = address(digits.trim_end()).map_err(|_| error())?;
        let bytes = number.checked_mul(1 << shift).ok_or_else(error)?;
        Ok(Self(bytes))
    }
}

impl ByteSize {
    /// For people: a size that is no round number of a larger unit reads better in MiB.
    pub fn rounded(self) -> String {
        let mib = 1 << 20;
        match self.0 >= mib && !self.0.is_multiple_of(mib) {
            true => format!("{:.1} MiB", self.0 as f64 / mib as f64),
            false => self.to_string(),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |&(_, shift): &(&str, u32)| self.0.is_multiple_of(1 << shift) && self.0 > 0;
        let (unit, shift) = UNITS.into_iter().find(exact).unwrap_or(("B", 0));
        f.pad(&format!("{} {unit}", self.0 >> shift))
    }
}

/// A number as `0x…`, `0b…` or decimal, with `_` between digits.
///
/// # Errors
/// [`QuantityError::Address`].
pub fn address(text: &str) -> Result<u64, QuantityError> {
    let plain = text.trim().replace('_', "");
    let parsed = if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        digits.starts_with(|c: char| c.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16))
    } else if let Some(digits) = plain.strip_prefix("0b") {
        digits.starts_with(['0', '1']).then(|| u64::from_str_radix(digits, 2))
    } else {
        plain.starts_with(|c: char| c.is_ascii_digit()).then(|| plain.parse())
    };
    match parsed {
        Some(Ok(number)) => Ok(number),
        _ => Err(QuantityError::Address(text.to_owned())),
    }
}

/// A count with its digits in groups of three.
pub fn grouped(count: u64) -> String {
    HumanCount(count).to_string()
}

/// A count with what is counted: `1 access`, `1,234 accesses`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A rate in millions or thousands.
pub fn rate(per_second: f64) -> String {
    if per_second >= 1e6 {
        format!("{:.1} M", per_second / 1e6)
    } else {
        format!("{:.1} k", per_second / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("4KiB", 4096),
            ("16GiB", 16 << 30),
            ("64 MiB", 64 << 20),
            ("123", 123),
            ("0x1000", 4096),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "KiB", "4 kB", "-1", "99999999999GiB", "0x", "+5", "1.5GiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(16 << 30).to_string(), "16 GiB");
        assert_eq!(ByteSize(4097).to_string(), "4097 B");
        assert_eq!(ByteSize(0).to_string(), "0 B");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("0xffff_ffff"), Ok(0xffff_ffff));
        assert_eq!(address("0b101"), Ok(5));
        assert!(address("0x+1").is_err());
        assert!(address("0x1_0000_0000_0000_0000").is_err());
    }
}
