//! Page-table entries as people write them: `pointer 0x2000 RW US A`, `leaf 0x80000000 RWXUAD -6 +61`, `0xcf`.
//!
//! Names and positions of bits are those of [`pagewalk_arch::pte_bit`]; what a bit means is for the engines to know, and
//! for the person who writes the case.

use super::words::number;
use pagewalk_arch::pte_bit::{EntryKind, PteBit, riscv, x86};
use pagewalk_arch::{FormatSpec, Isa, PhysAddr};

/// Builds the entry that `words` say. `same` is what software last stored in its place.
pub(super) fn entry(spec: &FormatSpec, words: &[&str], same: Option<u64>) -> Result<u64, String> {
    let (&kind, rest) = words.split_first().ok_or("an entry is missing")?;
    match kind {
        "pointer" | "leaf" => {
            let (address, rest) = rest.split_first().ok_or("an address is missing")?;
            let value = frame_field(spec, number(address)?, rest)? | present(spec);
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
        Isa::RiscV => table.frame() << spec.ppn_shift | present(spec),
        Isa::X86 if resident => table.0 | present(spec),
        Isa::X86 => [x86::P, x86::RW, x86::US, x86::A].iter().fold(table.0, |entry, bit| entry | bit.mask()),
    }
}

/// The bit without which an entry is none.
pub(super) fn present(spec: &FormatSpec) -> u64 {
    match spec.isa {
        Isa::RiscV => riscv::V.mask(),
        Isa::X86 => x86::P.mask(),
    }
}

fn frame_field(spec: &FormatSpec, address: u64, flags: &[&str]) -> Result<u64, String> {
    let large = flags.contains(&"PS");
    let end = if large { spec.pa_bits_max } else { spec.pa_bits };
    if address & 0xfff != 0 || address >> end != 0 {
        return Err(format!("{address:#x} is no frame address of at most {end} bits"));
    }
    let low = address & ((1 << spec.pa_bits) - 1);
    let high = address >> spec.pa_bits;
    Ok(low >> 12 << spec.ppn_shift | high << x86::PSE36.position)
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
            value |= flags(spec, word, leaf && large)?;
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

/// RISC-V's bits have letters, several of which make a word; x86's have words.
fn flags(spec: &FormatSpec, word: &str, large: bool) -> Result<u64, String> {
    match spec.isa {
        Isa::RiscV => word.split("").filter(|letter| !letter.is_empty()).try_fold(0, |flags, letter| {
            let flag = flag(spec, letter, large);
            flag.map(|flag| flags | flag).ok_or_else(|| {
                format!(
                    "`{letter}` in `{word}` is none of the bits {}; others are written +N, -N",
                    known(spec)
                )
            })
        }),
        Isa::X86 => flag(spec, word, large).ok_or_else(|| {
            format!("`{word}` is none of the bits {}; others are written +N, -N", known(spec))
        }),
    }
}

/// The bits, not fields, that entries of the format have anywhere.
fn bits(spec: &FormatSpec) -> impl Iterator<Item = &'static PteBit> {
    let of_isa = match spec.isa {
        Isa::RiscV => riscv::ALL,
        Isa::X86 => x86::ALL,
    };
    of_isa.iter().filter(move |bit| bit.width == 1 && bit.formats.contains(spec))
}

/// The bit called `name`: PAT lies elsewhere in an entry that maps a large page.
fn flag(spec: &FormatSpec, name: &str, large: bool) -> Option<u64> {
    let mut named: Vec<&PteBit> = bits(spec).filter(|bit| bit.name == name).collect();
    if named.len() > 1 {
        named.retain(|bit| (bit.entries == EntryKind::UpperLeaf) == large);
    }
    named.first().map(|bit| bit.mask())
}

fn known(spec: &FormatSpec) -> String {
    let mut names: Vec<&str> = bits(spec).map(|bit| bit.name).collect();
    names.dedup();
    names.join(" ")
}
