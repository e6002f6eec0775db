//! How much memory the machine promises: vm.overcommit_memory, the commit limit, Committed_AS. Linux's
//! `__vm_enough_memory` (mm/util.c).
//!
//! Owns the sum of promises and the decision whether another fits. Does not own who made them: the sum is taken anew
//! from areas and shared objects at every call, so that it cannot drift.

use crate::Errno;
use crate::sysctl::{Overcommit, VmSysctl};
use pagewalk_trace::FileId;
use std::collections::BTreeMap;

/// What promises are measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// `totalram_pages`.
    pub(crate) ram_pages: u64,
    /// `total_swap_pages`.
    pub(crate) swap_pages: u64,
    /// Of huge pages set aside, which are promised already.
    pub(crate) hugetlb_pages: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    /// CAP_SYS_ADMIN.
    pub(crate) is_admin: bool,
    /// Pages of all its areas.
    pub(crate) total_pages: u64,
}

/// The promises made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commit {
    /// By processes that are not modelled.
    pub(crate) beside: u64,
    /// For shared memory that is promised as a whole, by object. Of all other, as of tmpfs files, each page is when it comes.
    pub(crate) objects: BTreeMap<FileId, u64>,
    /// Of all of it, as last counted.
    sum: u64,
    /// How much of the sum the counter that decisions read does not know yet: `vm_committed_as` is a counter per CPU,
    /// folded once more than a batch has gathered.
    unfolded: i64,
}

impl Commit {
    /// Takes note that promises are `sum` now.
    pub(crate) fn count(&mut self, sum: u64, sysctl: &VmSysctl, machine: &Machine) {
        self.unfolded += sum as i64 - self.sum as i64;
        self.sum = sum;
        self.fold(batch(sysctl.overcommit_memory, machine));
    }

    fn fold(&mut self, batch: u64) {
        if self.unfolded.unsigned_abs() >= batch {
            self.unfolded = 0;
        }
    }

    /// The policy has changed: under [`Overcommit::Never`] the counter is exact to begin with.
    pub(crate) fn policy_changed(&mut self) {
        self.unfolded = 0;
    }

    /// Promises `pages` more, or refuses.
    pub(crate) fn charge(
        &mut self,
        pages: u64,
        asker: &Asker,
        sysctl: &VmSysctl,
        machine: &Machine,
    ) -> Result<(), Errno> {
        let before = (self.sum, self.unfolded);
        self.count(self.sum.saturating_add(pages), sysctl, machine);
        let known = self.sum as i64 - self.unfolded;
        let fits = match sysctl.overcommit_memory {
            Overcommit::Always => true,
            Overcommit::Guess => pages <= machine.ram_pages + machine.swap_pages,
            Overcommit::Never => known.max(0) < allowed(asker, sysctl, machine),
        };
        if fits {
            return Ok(());
        }
        (self.sum, self.unfolded) = before;
        Err(Errno::NoMem)
    }
}

/// How much the counter gathers before it is folded: `mm_compute_batch`, of one CPU.
fn batch(policy: Overcommit, machine: &Machine) -> u64 {
    let part = if policy == Overcommit::Never { machine.ram_pages / 256 } else { machine.ram_pages / 4 };
    part.max(2)
}

/// CommitLimit, in pages.
pub(crate) fn limit(sysctl: &VmSysctl, machine: &Machine) -> u64 {
    let of_ram = match sysctl.overcommit_kbytes {
        0 => {
            let ram = machine.ram_pages - machine.hugetlb_pages.min(machine.ram_pages);
            // A ratio below 0 is taken, and read back, as what it is modulo 2³².
            (u128::from(ram) * u128::from(sysctl.overcommit_ratio as u32) / 100) as u64
        }
        kbytes => kbytes >> 2,
    };
    of_ram.saturating_add(machine.swap_pages)
}

fn allowed(asker: &Asker, sysctl: &VmSysctl, machine: &Machine) -> i64 {
    let mut allowed = limit(sysctl, machine) as i64;
    if !asker.is_admin {
        allowed -= (sysctl.admin_reserve_kbytes >> 2) as i64;
    }
    allowed - (asker.total_pages / 32).min(sysctl.user_reserve_kbytes >> 2) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine { ram_pages: 223_608 / 4, swap_pages: 16_384, hugetlb_pages: 0 };

    fn mib(n: u64) -> u64 {
        n << 8
    }

    #[test]
    fn the_limit_is_what_a_machine_of_256_mib_says() {
        let mut sysctl = VmSysctl::default();
        assert_eq!(limit(&sysctl, &MACHINE) * 4, 177_340);
        sysctl.overcommit_ratio = 100;
        assert_eq!(limit(&sysctl, &MACHINE) * 4, 289_144);
        assert_eq!(limit(&VmSysctl::default(), &Machine { swap_pages: 0, ..MACHINE }) * 4, 111_804);
        sysctl.overcommit_kbytes = 1000;
        assert_eq!(limit(&sysctl, &MACHINE) * 4, 66_536);
    }

    #[test]
    fn each_policy_refuses_what_linux_refuses() {
        let mut commit = Commit::default();
        let root = |kib: u64| Asker { is_admin: true, total_pages: kib / 4 };
        let mut sysctl = VmSysctl { user_reserve_kbytes: 6517, ..VmSysctl::default() };
        commit.count(1912 / 4, &sysctl, &MACHINE);
        let ask = |commit: &mut Commit, sysctl: &VmSysctl, n, vm| {
            commit.charge(mib(n), &root(vm), sysctl, &MACHINE).is_ok()
        };
        // By guess only one request matters at a time.
        assert_eq!(
            [200, 200, 400, 1024].map(|n| ask(&mut commit, &sysctl, n, 1240)),
            [true, true, false, false]
        );
        assert_eq!(commit.sum * 4, 411_512);
        sysctl.overcommit_memory = Overcommit::Always;
        assert!(ask(&mut commit, &sysctl, 100 << 20, 1240));
        sysctl.overcommit_memory = Overcommit::Never;
        commit.policy_changed();
        commit.count(1912 / 4, &sysctl, &MACHINE);
        assert_eq!(
            [100, 50, 25, 10].map(|n| ask(&mut commit, &sysctl, n, 1_049_816)),
            [true, true, false, true]
        );
        assert_eq!(commit.sum * 4, 165_752);
        let user = Asker { is_admin: false, total_pages: 25_600 };
        assert_eq!(commit.charge(mib(1), &user, &sysctl, &MACHINE), Err(Errno::NoMem), "the admin's reserve");
    }
}
