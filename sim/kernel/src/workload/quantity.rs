//! Numbers as the language writes them.

/// Letters behind a number, and the power of two that each stands for; `p` is a page of 4 KiB.
const UNITS: [(char, u32); 5] = [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('p', 12)];

/// A number of bytes, or another count: decimal or `0x…`, with `K M G T` or `p` for pages behind it. `None` where it is
/// none, or does not fit 64 bits.
pub fn parse_size(text: &str) -> Option<u64> {
    let unit = UNITS.into_iter().find(|&(letter, _)| text.ends_with(letter));
    let (digits, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], shift));
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(plain(hex, char::is_ascii_hexdigit)?, 16),
        None => plain(digits, char::is_ascii_digit)?.parse(),
    };
    number.ok()?.checked_mul(1 << shift)
}

/// `digits`, where there are any and nothing else: no sign.
fn plain(digits: &str, is_digit: fn(&char) -> bool) -> Option<&str> {
    (!digits.is_empty() && digits.chars().all(|c| is_digit(&c))).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_powers_of_two_and_pages() {
        for (text, size) in [
            ("0", 0),
            ("6000", 6000),
            ("4K", 4096),
            ("2M", 2 << 20),
            ("64G", 64 << 30),
            ("200T", 200 << 40),
            ("1000p", 4_096_000),
            ("0x1000001ff000", 0x1000_001f_f000),
            ("0x10p", 0x1_0000),
        ] {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for text in ["", "K", "-1", "+1", "1k", "1.5M", "0x", "0xg", "1_000", "16777216T", "4 K", "1MB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
