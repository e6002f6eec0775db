//! What the areas of an address space come to: Linux's `total_vm`, `data_vm`, `stack_vm`, `exec_vm`, `locked_vm`, and
//! what is counted against the commit limit.
//!
//! Owns which area counts as what (`vm_stat_account`, mm/mmap.c). Does not own the areas: [`super::VmaMap`] adds and
//! takes each as it comes and goes, so that the sums cannot drift.

use super::{Backing, VmFlags, Vma};

/// Pages of areas, by what they count as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AreaCounts {
    /// All: VmSize.
    pub total: u64,
    /// Private, writable, no stack: VmData.
    pub data: u64,
    /// Of stacks: VmStk.
    pub stack: u64,
    /// Executable, neither writable nor a stack: VmExe and VmLib.
    pub executable: u64,
    /// Locked: VmLck.
    pub locked: u64,
    /// Counted against the commit limit on behalf of the area, with VM_ACCOUNT.
    pub accounted: u64,
}

impl AreaCounts {
    /// What `vma` comes to.
    pub fn of(vma: &Vma) -> Self {
        let total = vma.pages.pages();
        let when = |holds: bool| if holds { total } else { 0 };
        let protection = vma.attributes.protection;
        let is_stack = vma.has(VmFlags::GROWSDOWN);
        Self {
            total,
            data: when(is_data(vma)),
            stack: when(is_stack),
            executable: when(protection.execute && !protection.write && !is_stack),
            locked: when(vma.has(VmFlags::LOCKED)),
            accounted: when(vma.has(VmFlags::ACCOUNT)),
        }
    }

    pub(super) fn add(&mut self, vma: &Vma) {
        self.each(&Self::of(vma), |sum, part| sum + part);
    }

    pub(super) fn take(&mut self, vma: &Vma) {
        self.each(&Self::of(vma), |sum, part| sum - part);
    }

    fn each(&mut self, other: &Self, change: impl Fn(u64, u64) -> u64) {
        let Self { total, data, stack, executable, locked, accounted } = self;
        let pairs = [
            (total, other.total),
            (data, other.data),
            (stack, other.stack),
            (executable, other.executable),
            (locked, other.locked),
            (accounted, other.accounted),
        ];
        for (sum, part) in pairs {
            *sum = change(*sum, part);
        }
    }
}

/// Whether RLIMIT_DATA speaks of the area: `is_data_mapping`.
pub(crate) fn is_data(vma: &Vma) -> bool {
    let is_shared = matches!(vma.attributes.backing, Backing::Shared(_));
    vma.attributes.protection.write && !is_shared && !vma.has(VmFlags::GROWSDOWN)
}
