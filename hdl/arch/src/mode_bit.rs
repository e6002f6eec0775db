//! The mode bits as data: what each is called, which register holds it, which formats have it, which port of the MMU
//! carries it and which field of [`Mode`] stands for it. Owns no meaning: what a mode allows, each engine writes
//! for itself.
//!
//! Sources: RISC-V Privileged Architecture 20240411, sections on `sstatus` and `menvcfg`; Intel SDM volume 3A, 2.5, 4.1.3.

use crate::{FormatSet, FormatSpec, Mode};

/// One mode bit.
#[derive(Clone, Copy, Debug)]
pub struct ModeBit {
    /// Its short name, as in files.
    pub name: &'static str,
    /// The input of the MMU that carries it.
    pub port: &'static str,
    /// The register and field, or the extension, that it comes from.
    pub register: &'static str,
    /// The formats that have it.
    pub formats: FormatSet,
    field: fn(&mut Mode) -> &mut bool,
}

macro_rules! mode_bits {
    ($($name:ident: $register:literal of $formats:ident;)*) => {
        /// Every mode bit, in the order of the ports.
        pub const ALL: [ModeBit; [$(stringify!($name)),*].len()] = [$(ModeBit {
            name: stringify!($name),
            port: concat!("mode_", stringify!($name)),
            register: $register,
            formats: FormatSet::$formats,
            field: |mode| &mut mode.$name,
        }),*];
    };
}

impl ModeBit {
    mode_bits! {
        sum: "sstatus.SUM" of RiscV;
        mxr: "sstatus.MXR" of RiscV;
        adue: "menvcfg.ADUE" of RiscV;
        svnapot: "Svnapot" of RiscV64;
        pbmte: "menvcfg.PBMTE" of RiscV64;
        wp: "CR0.WP" of X86;
        nxe: "EFER.NXE" of X86Wide;
        pse: "CR4.PSE" of X86Legacy;
        pge: "CR4.PGE" of X86;
        smep: "CR4.SMEP" of X86;
        smap: "CR4.SMAP" of X86;
        ac: "EFLAGS.AC" of X86;
    }

    /// The bit called `name`.
    pub fn named(name: &str) -> Option<ModeBit> {
        Self::ALL.into_iter().find(|bit| bit.name == name)
    }
    /// Whether it is set in `mode`.
    pub fn get(&self, mode: &Mode) -> bool {
        *(self.field)(&mut { *mode })
    }
    /// Sets or clears it in `mode`.
    pub fn set(&self, mode: &mut Mode, on: bool) {
        *(self.field)(mode) = on;
    }
}

impl FormatSpec {
    /// The mode bits that this format has, in the order of the ports.
    pub fn mode_bits(&self) -> impl Iterator<Item = ModeBit> {
        ModeBit::ALL.into_iter().filter(|bit| bit.formats.contains(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PagingFormat;

    #[test]
    fn each_bit_stands_for_a_field_of_its_own_and_none_is_left_out() {
        for (at, bit) in ModeBit::ALL.iter().enumerate() {
            let mut mode = Mode::default();
            bit.set(&mut mode, true);
            let set = ModeBit::ALL.iter().map(|other| other.get(&mode));
            assert!(set.enumerate().all(|(other, is_set)| is_set == (other == at)), "{}", bit.name);
            assert_eq!(ModeBit::named(bit.name).map(|found| found.port), Some(bit.port));
        }
        let mut all = Mode::default();
        ModeBit::ALL.iter().for_each(|bit| bit.set(&mut all, true));
        let every_field = Mode {
            sum: true,
            mxr: true,
            adue: true,
            svnapot: true,
            pbmte: true,
            wp: true,
            nxe: true,
            pse: true,
            pge: true,
            smep: true,
            smap: true,
            ac: true,
        };
        assert_eq!(all, every_field, "a field of Mode has no row");
        assert!(ModeBit::named("SUM").is_none());
    }

    #[test]
    fn formats_have_the_bits_of_their_manual() {
        let names =
            |format: PagingFormat| -> Vec<&str> { format.spec().mode_bits().map(|bit| bit.name).collect() };
        assert_eq!(names(PagingFormat::Sv32), ["sum", "mxr", "adue"]);
        assert_eq!(names(PagingFormat::Sv48), ["sum", "mxr", "adue", "svnapot", "pbmte"]);
        assert_eq!(names(PagingFormat::X86Legacy), ["wp", "pse", "pge", "smep", "smap", "ac"]);
        assert_eq!(names(PagingFormat::X86Pae), ["wp", "nxe", "pge", "smep", "smap", "ac"]);
        assert_eq!(names(PagingFormat::La57), names(PagingFormat::X86Pae));
    }
}
