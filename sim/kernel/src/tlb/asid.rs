//! ASIDs (x86: PCIDs): which address space has which, on which CPUs its translations may be cached, and when all of
//! them must be dropped.
//!
//! ASIDs are handed out upwards from 1. When they run out, all are taken back, everything is flushed, and handing out
//! begins anew. ASID 0 belongs to the empty tables. Without ASIDs every switch flushes.
//!
//! How far a number reaches is the architecture's, as Linux has it. On RISC-V (`arch/riscv/mm/context.c`) one number
//! holds on all CPUs; when they run out, an address space that runs on another CPU keeps its own, and every other CPU
//! flushes when it next switches. On x86 (`arch/x86/mm/tlb.c`) each CPU hands out its own, and flushes alone. Unlike
//! Linux, which makes do with six numbers on each CPU, all that exist are used.

use crate::mm_id::MmId;
use pagewalk_arch::{Asid, CpuId, Isa, TlbFlush};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// What a switch to an address space needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) asid: Asid,
    /// To be issued once the new context is set, before the first access.
    pub(crate) flush: Option<TlbFlush>,
    /// The ASIDs ran out.
    pub(crate) rollover: bool,
}

/// The ASIDs that one CPU, or all together, hand out.
#[derive(Clone, Debug, Default)]
struct Pool {
    /// Of each address space that has one. No two are equal.
    given: BTreeMap<MmId, Asid>,
    /// Those that were in use when they last ran out. All others that are given lie at or below `last`.
    kept: BTreeSet<Asid>,
    /// The last one handed out since they last ran out.
    last: u32,
}

impl Pool {
    /// The next number that no address space has; `None` where they have run out.
    fn next(&mut self, bits: u32) -> Option<Asid> {
        while (self.last + 1) >> bits == 0 {
            self.last += 1;
            let asid = Asid(self.last as u16);
            if !self.kept.contains(&asid) {
                return Some(asid);
            }
        }
        None
    }

    /// Takes all back but those of the address spaces that `stays` names, and begins anew.
    fn start_over(&mut self, stays: impl Fn(MmId) -> bool) {
        self.given.retain(|&space, _| stays(space));
        self.kept = self.given.values().copied().collect();
        self.last = 0;
    }
}

/// All ASIDs of the machine.
#[derive(Clone, Debug)]
pub(crate) struct AsidAllocator {
    isa: Isa,
    /// Bits of an ASID in use; 0: none.
    bits: u32,
    cpus: usize,
    /// RISC-V: one. x86: one for each CPU.
    pools: Vec<Pool>,
    /// The CPUs that may have cached translations of an address space: Linux's `mm_cpumask`.
    holders: BTreeMap<MmId, BTreeSet<CpuId>>,
    /// CPUs that flush everything when they next switch, because what they cached under numbers that were taken back
    /// could be met again.
    flush_pending: BTreeSet<CpuId>,
}

/// Some CPUs: few, which cost no allocation.
pub(crate) type CpuList = SmallVec<[CpuId; 8]>;

impl AsidAllocator {
    /// Those of a machine of `cpus` CPUs whose MMUs have ASIDs of `bits` bits.
    pub(crate) fn new(isa: Isa, bits: u32, cpus: usize) -> Self {
        // Linux's rule on RISC-V: enough for those that run, and for as many again. One CPU makes do with one.
        let are_enough = cpus == 1 || isa == Isa::X86 || 1u64 << bits > 2 * cpus as u64;
        let pools = if isa == Isa::X86 { cpus } else { 1 };
        Self {
            isa,
            bits: if are_enough { bits } else { 0 },
            cpus,
            pools: vec![Pool::default(); pools],
            holders: BTreeMap::new(),
            flush_pending: BTreeSet::new(),
        }
    }

    fn pool(&self, cpu: CpuId) -> usize {
        if self.isa == Isa::X86 { cpu.0 } else { 0 }
    }

    /// `space` runs on `cpu` from now on; `elsewhere` are loaded on other CPUs.
    pub(crate) fn switch_to(&mut self, cpu: CpuId, space: MmId, elsewhere: &[MmId]) -> Switch {
        let switch = if self.has_asids() {
            self.switch_by_asid(cpu, space, elsewhere)
        } else {
            Switch { asid: Asid(0), flush: Some(self.flush_without_asids()), rollover: false }
        };
        if switch.flush.is_some() {
            self.holds_nothing(cpu);
        }
        self.holders.entry(space).or_default().insert(cpu);
        switch
    }

    fn switch_by_asid(&mut self, cpu: CpuId, space: MmId, elsewhere: &[MmId]) -> Switch {
        let (bits, number) = (self.bits, self.pool(cpu));
        let pool = &mut self.pools[number];
        let mut rollover = false;
        let asid = match pool.given.get(&space) {
            Some(&asid) => asid,
            None => {
                let asid = pool.next(bits).unwrap_or_else(|| {
                    rollover = true;
                    // On x86 no other CPU uses these.
                    pool.start_over(|other| self.isa == Isa::RiscV && elsewhere.contains(&other));
                    pool.given.get(&space).copied().or_else(|| pool.next(bits)).expect("more ASIDs than CPUs")
                });
                pool.given.insert(space, asid);
                asid
            }
        };
        if rollover && self.isa == Isa::RiscV {
            self.flush_pending.extend((0..self.cpus).map(CpuId));
            let pool = &self.pools[number];
            self.holders.retain(|other, _| pool.given.contains_key(other));
        }
        let flushes = self.flush_pending.remove(&cpu) || rollover;
        Switch { asid, flush: flushes.then_some(TlbFlush::ALL), rollover }
    }

    /// What a switch of `cpu` to the empty tables needs.
    pub(crate) fn switch_to_idle(&mut self, cpu: CpuId) -> Switch {
        let flush = (!self.has_asids()).then(|| self.flush_without_asids());
        if flush.is_some() {
            self.holds_nothing(cpu);
        }
        Switch { asid: Asid(0), flush, rollover: false }
    }

    fn flush_without_asids(&self) -> TlbFlush {
        match self.isa {
            Isa::RiscV => TlbFlush::sfence_vma(None, None),
            Isa::X86 => TlbFlush::ALL_BUT_GLOBAL,
        }
    }

    /// `cpu` has dropped everything.
    fn holds_nothing(&mut self, cpu: CpuId) {
        self.holders.retain(|_, cpus| {
            cpus.remove(&cpu);
            !cpus.is_empty()
        });
    }

    /// The CPUs that may have cached translations of `space`, upwards.
    pub(crate) fn holders(&self, space: MmId) -> CpuList {
        self.holders.get(&space).into_iter().flatten().copied().collect()
    }

    /// The ASID under which `cpu` caches translations of `space`; 0 where there are no ASIDs.
    pub(crate) fn of(&self, cpu: CpuId, space: MmId) -> Asid {
        self.pools[self.pool(cpu)].given.get(&space).copied().unwrap_or_default()
    }

    /// `space` has ended, and no CPU has cached anything of it.
    pub(crate) fn release(&mut self, space: MmId) {
        self.holders.remove(&space);
        self.pools.iter_mut().for_each(|pool| {
            pool.given.remove(&space);
        });
    }

    /// Whether no two address spaces share an ASID where it holds, and only those that `exists` names have one.
    pub(crate) fn check(&self, exists: impl Fn(MmId) -> bool) -> Result<(), String> {
        for pool in &self.pools {
            let distinct: BTreeSet<Asid> = pool.given.values().copied().collect();
            if distinct.len() != pool.given.len() || distinct.contains(&Asid(0)) {
                return Err(format!("given twice, or the one of the empty tables: {:?}", pool.given));
            }
            if let Some(space) = pool.given.keys().find(|&&space| !exists(space)) {
                return Err(format!("{space:?} has ended and has one"));
            }
        }
        match self.holders.keys().find(|&&space| !exists(space)) {
            Some(space) => Err(format!("{space:?} has ended and may be cached")),
            None => Ok(()),
        }
    }

    /// Whether ASIDs are in use.
    pub(crate) fn has_asids(&self) -> bool {
        self.bits > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: CpuId = CpuId::BOOT;
    const OTHER: CpuId = CpuId(1);

    #[test]
    fn asids_run_out_and_start_over_with_one_flush() {
        for isa in [Isa::RiscV, Isa::X86] {
            let mut asids = AsidAllocator::new(isa, 2, 1);
            for id in 1..=3 {
                let expected = Switch { asid: Asid(id), flush: None, rollover: false };
                assert_eq!(asids.switch_to(BOOT, MmId(id.into()), &[]), expected);
            }
            let over = asids.switch_to(BOOT, MmId(4), &[]);
            assert_eq!(over, Switch { asid: Asid(1), flush: Some(TlbFlush::ALL), rollover: true });
            assert_eq!(asids.holders(MmId(1))[..], [], "the flush dropped it");
            assert_eq!(asids.holders(MmId(4))[..], [BOOT]);
            let again = asids.switch_to(BOOT, MmId(1), &[]);
            assert_eq!(again, Switch { asid: Asid(2), flush: None, rollover: false });
            assert_eq!(asids.switch_to(BOOT, MmId(4), &[]).asid, Asid(1), "given since: kept");
        }
    }

    #[test]
    fn all_sixteen_bits_are_used() {
        let mut asids = AsidAllocator::new(Isa::RiscV, 16, 1);
        let highest = (1..=u16::MAX).map(|n| asids.switch_to(BOOT, MmId(n.into()), &[])).last().unwrap();
        assert_eq!(highest, Switch { asid: Asid(u16::MAX), flush: None, rollover: false });
        assert!(asids.switch_to(BOOT, MmId(1 << 16), &[]).rollover);
    }

    #[test]
    fn without_asids_every_switch_flushes() {
        let mut riscv = AsidAllocator::new(Isa::RiscV, 0, 1);
        assert_eq!(riscv.switch_to(BOOT, MmId(1), &[]).flush, Some(TlbFlush::ALL));
        assert_eq!(riscv.holders(MmId(1))[..], [BOOT]);
        riscv.switch_to(BOOT, MmId(2), &[]);
        assert_eq!(riscv.holders(MmId(1))[..], []);
        let mut x86 = AsidAllocator::new(Isa::X86, 0, 1);
        assert_eq!(x86.switch_to(BOOT, MmId(1), &[]).flush, Some(TlbFlush::ALL_BUT_GLOBAL));
    }

    #[test]
    fn on_riscv_a_number_holds_on_all_cpus_and_survives_where_it_is_in_use() {
        let mut asids = AsidAllocator::new(Isa::RiscV, 3, 2);
        assert_eq!(asids.switch_to(OTHER, MmId(1), &[]).asid, Asid(1));
        for id in 2..=7 {
            assert_eq!(asids.switch_to(BOOT, MmId(id), &[MmId(1)]).asid, Asid(id as u16));
        }
        let over = asids.switch_to(BOOT, MmId(8), &[MmId(1)]);
        assert_eq!(over, Switch { asid: Asid(2), flush: Some(TlbFlush::ALL), rollover: true }, "1 is taken");
        assert_eq!(asids.of(OTHER, MmId(1)), Asid(1));
        let late = asids.switch_to(OTHER, MmId(8), &[MmId(8)]);
        assert_eq!(late, Switch { asid: Asid(2), flush: Some(TlbFlush::ALL), rollover: false }, "pending");
        assert_eq!(asids.switch_to(OTHER, MmId(1), &[MmId(8)]).flush, None, "once");
    }

    #[test]
    fn on_x86_each_cpu_has_its_own() {
        let mut asids = AsidAllocator::new(Isa::X86, 2, 2);
        for id in 1..=3 {
            asids.switch_to(BOOT, MmId(id), &[]);
        }
        assert_eq!(asids.switch_to(OTHER, MmId(3), &[MmId(3)]).asid, Asid(1));
        assert!(asids.switch_to(BOOT, MmId(4), &[MmId(3)]).rollover);
        let stays = Switch { asid: Asid(1), flush: None, rollover: false };
        assert_eq!(asids.switch_to(OTHER, MmId(3), &[MmId(4)]), stays);
        assert_eq!(asids.holders(MmId(3))[..], [OTHER], "the first CPU has dropped it");
    }

    #[test]
    fn too_few_asids_for_the_cpus_are_none() {
        assert!(AsidAllocator::new(Isa::RiscV, 1, 1).has_asids());
        assert!(!AsidAllocator::new(Isa::RiscV, 2, 2).has_asids(), "four are not more than two for each CPU");
        assert!(AsidAllocator::new(Isa::RiscV, 3, 2).has_asids());
    }
}
