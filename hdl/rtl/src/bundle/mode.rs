//! What the mode allows: one input for each bit of the table of mode bits that the format has and the block heeds.

use crate::prelude::*;
use pagewalk_arch::{FormatSpec, ModeBit, Side};

bundle! {
    /// The mode bits; `has` says for each name whether there is one, 0 or 1.
    pub struct Mode / ModeIn (has: impl Fn(&str) -> usize) {
        /// RISC-V sstatus.SUM.
        out sum: bits(has("sum")),
        /// RISC-V sstatus.MXR.
        out mxr: bits(has("mxr")),
        /// RISC-V menvcfg.ADUE.
        out adue: bits(has("adue")),
        /// RISC-V Svnapot (64-bit formats).
        out svnapot: bits(has("svnapot")),
        /// RISC-V menvcfg.PBMTE (64-bit formats).
        out pbmte: bits(has("pbmte")),
        /// x86 CR0.WP.
        out wp: bits(has("wp")),
        /// x86 EFER.NXE (formats with XD).
        out nxe: bits(has("nxe")),
        /// x86 CR4.PSE (x86-32).
        out pse: bits(has("pse")),
        /// x86 CR4.PGE.
        out pge: bits(has("pge")),
        /// x86 CR4.SMEP.
        out smep: bits(has("smep")),
        /// x86 CR4.SMAP.
        out smap: bits(has("smap")),
        /// x86 EFLAGS.AC.
        out ac: bits(has("ac")),
    }
}

impl ModeIn {
    /// All that the format has.
    pub fn of(spec: &FormatSpec) -> Self {
        Self::new(|name| usize::from(has(spec, name)))
    }

    /// Those that decide what the accesses of one side may do; refusals need more of them.
    pub fn of_side(spec: &FormatSpec, side: Side) -> Self {
        let heeded: &[&str] = match side {
            Side::Data => &["sum", "mxr", "wp", "smap", "ac"],
            Side::Instruction => &["smep"],
        };
        Self::new(|name| usize::from(heeded.contains(&name) && has(spec, name)))
    }
}

fn has(spec: &FormatSpec, name: &str) -> bool {
    ModeBit::named(name).expect("the fields are the rows of the table").formats.contains(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::ports::{PinName, Pins};
    use pagewalk_arch::PagingFormat;

    #[test]
    fn the_pins_are_the_ports_of_the_table() {
        for format in PagingFormat::ALL {
            let mut names = vec![];
            ModeIn::of(format.spec())
                .visit_pins(PinName::of("mode"), &mut |name, _| names.push(name.to_string()));
            assert_eq!(names, format.spec().mode_bits().map(|bit| bit.port).collect::<Vec<_>>(), "{format}");
        }
    }
}
