//! Address-space identifiers: who holds which, and when all must be dropped.
//!
//! Identifiers are handed out upwards from 1 and tagged with a generation, as Linux does on RISC-V and Arm. When
//! they run out, the generation changes and everything is flushed once; an address space of an older generation
//! takes a new identifier when it is next switched to. Without identifiers every switch flushes. Identifier 0
//! belongs to the context in which no process runs.

use pagewalk_arch::{Asid, Isa, TlbFlush};

/// The identifier that an address space was given, and in which generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AsidTag {
    asid: Asid,
    /// 0: none was given yet.
    generation: u64,
}

/// What a switch to an address space needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) asid: Asid,
    /// To be issued once the new context is set, before the first access.
    pub(crate) flush: Option<TlbFlush>,
    /// The identifiers ran out.
    pub(crate) rollover: bool,
}

#[derive(Debug)]
pub(crate) struct AsidAllocator {
    isa: Isa,
    bits: u32,
    generation: u64,
    next: u32,
}

impl AsidAllocator {
    pub(crate) fn new(isa: Isa, bits: u32) -> Self {
        Self { isa, bits, generation: 1, next: 1 }
    }

    /// The identifier under which the address space of `tag` runs from now on.
    pub(crate) fn switch_to(&mut self, tag: &mut AsidTag) -> Switch {
        if self.bits == 0 {
            return Switch { asid: Asid(0), flush: Some(self.flush_without_identifiers()), rollover: false };
        }
        if tag.generation == self.generation {
            return Switch { asid: tag.asid, flush: None, rollover: false };
        }
        let rollover = self.next >> self.bits != 0;
        if rollover {
            self.generation += 1;
            self.next = 1;
        }
        *tag = AsidTag { asid: Asid(self.next as u16), generation: self.generation };
        self.next += 1;
        Switch { asid: tag.asid, flush: rollover.then_some(TlbFlush::ALL), rollover }
    }

    /// What a switch to the context without a process needs.
    pub(crate) fn switch_to_idle(&self) -> Switch {
        let flush = (self.bits == 0).then(|| self.flush_without_identifiers());
        Switch { asid: Asid(0), flush, rollover: false }
    }

    fn flush_without_identifiers(&self) -> TlbFlush {
        match self.isa {
            Isa::RiscV => TlbFlush::sfence_vma(None, None),
            Isa::X86 => TlbFlush::ALL_BUT_GLOBAL,
        }
    }

    /// The identifier under which entries of the address space of `tag` may be cached; `None` where none can be,
    /// because a flush dropped them all since it last ran.
    pub(crate) fn cached_under(&self, tag: &AsidTag, is_current: bool) -> Option<Asid> {
        let current_without = self.bits == 0 && is_current;
        let live = self.bits > 0 && tag.generation == self.generation;
        if current_without { Some(Asid(0)) } else { live.then_some(tag.asid) }
    }

    /// Whether the MMU has identifiers.
    pub(crate) fn has_identifiers(&self) -> bool {
        self.bits > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_run_out_and_start_over_with_one_flush() {
        let mut asids = AsidAllocator::new(Isa::RiscV, 2);
        let mut tags = [AsidTag::default(); 4];
        for (i, tag) in tags[..3].iter_mut().enumerate() {
            let expected = Switch { asid: Asid(i as u16 + 1), flush: None, rollover: false };
            assert_eq!(asids.switch_to(tag), expected);
        }
        let over = asids.switch_to(&mut tags[3]);
        assert_eq!(over, Switch { asid: Asid(1), flush: Some(TlbFlush::ALL), rollover: true });
        assert_eq!(asids.cached_under(&tags[0], false), None, "the flush dropped it");
        assert_eq!(asids.cached_under(&tags[3], false), Some(Asid(1)));
        let again = asids.switch_to(&mut tags[0]);
        assert_eq!(again, Switch { asid: Asid(2), flush: None, rollover: false });
        assert_eq!(asids.switch_to(&mut tags[3]).asid, Asid(1), "of this generation: kept");
    }

    #[test]
    fn all_sixteen_bits_are_used() {
        let mut asids = AsidAllocator::new(Isa::RiscV, 16);
        let highest = (1..=u16::MAX).map(|_| asids.switch_to(&mut AsidTag::default())).last().unwrap();
        assert_eq!(highest, Switch { asid: Asid(u16::MAX), flush: None, rollover: false });
        assert!(asids.switch_to(&mut AsidTag::default()).rollover);
    }

    #[test]
    fn without_identifiers_every_switch_flushes() {
        let mut tag = AsidTag::default();
        let mut riscv = AsidAllocator::new(Isa::RiscV, 0);
        assert_eq!(riscv.switch_to(&mut tag).flush, Some(TlbFlush::ALL));
        assert_eq!(riscv.cached_under(&tag, true), Some(Asid(0)));
        assert_eq!(riscv.cached_under(&tag, false), None);
        let mut x86 = AsidAllocator::new(Isa::X86, 0);
        assert_eq!(x86.switch_to(&mut tag).flush, Some(TlbFlush::ALL_BUT_GLOBAL));
    }
}
