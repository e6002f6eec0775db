//! Hexadecimal digits eight at a time: arithmetic on all bytes of a machine word at once instead of a loop
//! over characters. Reading lackey text is bound by this.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The eight ASCII bytes of `word` (first character in the lowest byte) as a number; `None` unless all are
/// lower-case hexadecimal digits.
#[inline(always)]
pub(super) fn eight_digits(word: u64) -> Option<u32> {
    // Adding 0x80 - c to a byte below 0x80 sets its top bit exactly when the byte is at least c; no carry
    // leaves a byte because both are at most 0x7f + 0x80.
    let at_least = |c: u8| word.wrapping_add(ONES.wrapping_mul(u64::from(0x80 - c)));
    let is_digit = at_least(b'0') & !at_least(b'9' + 1);
    let is_letter = at_least(b'a') & !at_least(b'f' + 1);
    if (is_digit | is_letter) & !word & HIGHS != HIGHS {
        return None;
    }
    // 'a' is 0x61: bit 6 tells letters from digits, whose low nibble lacks 9.
    let nibbles = (word & (ONES * 0x0f)) + ((word >> 6) & ONES) * 9;
    let bytes = ((nibbles << 4) | (nibbles >> 8)) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | (bytes >> 8)) & 0x0000_ffff_0000_ffff;
    Some(((pairs | (pairs >> 16)) as u32).swap_bytes())
}

/// Index of the first byte of `word` that equals `byte`, 8 if none does.
#[inline(always)]
pub(super) fn find(word: u64, byte: u8) -> usize {
    let difference = word ^ (ONES * u64::from(byte));
    let zeros = difference.wrapping_sub(ONES) & !difference & HIGHS;
    (zeros.trailing_zeros() / 8) as usize
}

/// The first `count` < 8 characters of `word` as a number.
#[inline(always)]
pub(super) fn leading_digits(word: u64, count: usize) -> Option<u32> {
    // Moved to the last places, with zeros before them.
    let bits = 8 * (8 - count as u32);
    let zeros = ONES * u64::from(b'0');
    let digits = word.checked_shl(bits).unwrap_or(0) | (zeros & !u64::MAX.checked_shl(bits).unwrap_or(0));
    eight_digits(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &[u8; 8]) -> u64 {
        u64::from_le_bytes(*text)
    }

    #[test]
    fn every_byte_in_every_place() {
        for place in 0..8 {
            for byte in 0..=255u8 {
                let mut text = *b"0123abcf";
                text[place] = byte;
                let digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let expected = digit.then(|| {
                    u32::from_str_radix(std::str::from_utf8(&text).expect("ASCII"), 16).expect("hexadecimal")
                });
                assert_eq!(eight_digits(word(&text)), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn parts_of_a_word() {
        for count in 0..8 {
            let expected = (1..=count).fold(0, |n, digit| n * 16 + digit as u32);
            assert_eq!(leading_digits(word(b"1234567,"), count), Some(expected));
        }
        assert_eq!(leading_digits(word(b"12,34567"), 3), None);
    }

    #[test]
    fn first_match() {
        assert_eq!(find(word(b"ab,de,gh"), b','), 2);
        assert_eq!(find(word(b"abcdefg,"), b','), 7);
        assert_eq!(find(word(b"abcdefgh"), b','), 8);
    }
}
