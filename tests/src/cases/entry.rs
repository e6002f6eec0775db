//! Page-table entries as people write them: `pointer 0x2000 RW US A`, `leaf 0x80000000 RWXUAD -6 +61`, `0xcf`.
//!
//! Owns the bit positions, taken from the manuals' figures: RISC-V Privileged Architecture 20240411, figures of Sv32
//! and Sv39 PTEs; Intel SDM volume 3A, tables 4-4 to 4-20.

use super::words::number;
use pagewalk_arch::{FormatSpec, Isa, PhysAddr};

/// Builds the entry that `words` say. `same` is what software last stored in its place.
pub(super) fn entry(spec: &FormatSpec, words: &[&str], same: Option<u64>) -> Result<u64, String> {
    let (&kind, rest) = words.split_first().ok_or("an entry is missing")?;
    match kind {
        "pointer" | "leaf" => {
            let (address, rest) = rest.split_first().ok_or("an address is missing")?;
            let value = frame_field(spec, number(address)?, rest)? | 1;
            adjusted(spec, value, kind == "leaf", rest)
        }
        "same" => adjusted(spec, same.ok_or("`same`, but nothing was stored here before")?, false, rest),
        raw => adjusted(spec, number(raw)?, false, rest),
    }
}

/// What a pointer contains where a case does not care: V, or P and every right and A.
pub(super) fn plain_pointer(spec: &FormatSpec, level: usize, table: PhysAddr) -> u64 {
    let resident = spec.resident_root_entries > 0 && level + 1 == spec.levels();
    match spec.isa {
        Isa::RiscV => table.frame() << spec.ppn_shift | 1,
        Isa::X86 if resident => table.0 | 1,
        Isa::X86 => table.0 | 0x27,
    }
}

fn frame_field(spec: &FormatSpec, address: u64, flags: &[&str]) -> Result<u64, String> {
    let large = flags.contains(&"PS");
    let end = if large { spec.pa_bits_max } else { spec.pa_bits };
    if address & 0xfff != 0 || address >> end != 0 {
        return Err(format!("{address:#x} is no frame address of at most {end} bits"));
    }
    let low = address & ((1 << spec.pa_bits) - 1);
    // PSE-36: address bits 39:32 of a 4 MiB page lie in bits 20:13.
    let high = address >> spec.pa_bits;
    Ok(low >> 12 << spec.ppn_shift | high << 13)
}

/// `value` with the named bits set, and with those of `+N` set and of `-N` cleared.
fn adjusted(spec: &FormatSpec, mut value: u64, leaf: bool, words: &[&str]) -> Result<u64, String> {
    let large = words.contains(&"PS");
    for word in words {
        if let Some(bit) = word.strip_prefix('+') {
            value |= 1 << bit_number(spec, bit)?;
        } else if let Some(bit) = word.strip_prefix('-') {
            value &= !(1 << bit_number(spec, bit)?);
        } else {
            value |= match spec.isa {
                Isa::RiscV => riscv_flags(word)?,
                Isa::X86 => x86_flag(word, leaf && large)?,
            };
        }
    }
    Ok(value)
}

fn bit_number(spec: &FormatSpec, text: &str) -> Result<u32, String> {
    let bits = 8 * spec.pte_bytes;
    match text.parse::<u32>() {
        Ok(bit) if bit < bits => Ok(bit),
        _ => Err(format!("`{text}` is no bit number below {bits}")),
    }
}

fn riscv_flags(word: &str) -> Result<u64, String> {
    let bit = |letter: char| {
        let known = "VRWXUGAD".find(letter).map(|bit| 1 << bit);
        known.or((letter == 'N').then_some(1 << 63))
    };
    word.chars().try_fold(0, |flags, letter| {
        bit(letter).map(|flag| flags | flag).ok_or_else(|| {
            format!("`{letter}` in `{word}` is none of the bits V R W X U G A D N; others are written +N, -N")
        })
    })
}

fn x86_flag(word: &str, large: bool) -> Result<u64, String> {
    Ok(match word {
        "RW" => 1 << 1,
        "US" => 1 << 2,
        "PWT" => 1 << 3,
        "PCD" => 1 << 4,
        "A" => 1 << 5,
        "D" => 1 << 6,
        "PS" => 1 << 7,
        "PAT" if large => 1 << 12,
        "PAT" => 1 << 7,
        "G" => 1 << 8,
        "XD" => 1 << 63,
        _ => {
            let known = "RW US PWT PCD A D PS PAT G XD";
            return Err(format!("`{word}` is none of the bits {known}; others are written +N, -N"));
        }
    })
}
