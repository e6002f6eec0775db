//! `/proc/PID/status`, as Linux 6.1 prints it (fs/proc/array.c, fs/proc/task_mmu.c).

use super::TaskState;
use std::fmt;

/// `/proc/PID/status`; sizes in KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its name, 15 letters at most.
    pub name: String,
    /// What it does.
    pub state: TaskState,
    /// Its number.
    pub pid: u32,
    /// Its parent's.
    pub ppid: u32,
    /// Whose it is.
    pub uid: u32,
    /// The most that VmSize was.
    pub vm_peak: u64,
    /// All areas.
    pub vm_size: u64,
    /// Locked areas.
    pub vm_lck: u64,
    /// The most that VmRSS was.
    pub vm_hwm: u64,
    /// Mapped anonymous memory, pages of files, shared memory.
    pub rss: [u64; 3],
    /// Private writable areas.
    pub vm_data: u64,
    /// Its stack.
    pub vm_stk: u64,
    /// Its program's code.
    pub vm_exe: u64,
    /// Other code.
    pub vm_lib: u64,
    /// Page tables but the top one.
    pub vm_pte: u64,
    /// In swap.
    pub vm_swap: u64,
    /// Huge pages of the pool.
    pub hugetlb_pages: u64,
    /// Its threads.
    pub threads: u32,
    /// CPUs of the machine, all of which it may use.
    pub cpus: u32,
}

/// A mask of the first `n` CPUs as groups of 32 bits.
fn mask(n: u32) -> String {
    let groups = n.div_ceil(32).max(1);
    let bits = |group: u32| {
        let count = n.saturating_sub(group * 32).min(32);
        ((1u64 << count) - 1) as u32
    };
    let words = (0..groups).rev().map(|group| match group + 1 == groups {
        true => format!("{:x}", bits(group)),
        false => format!("{:08x}", bits(group)),
    });
    words.collect::<Vec<_>>().join(",")
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, uid, cpus, .. } = self;
        write!(f, "Name:\t{}\nUmask:\t0022\nState:\t{}\n", self.name, self.state.word())?;
        write!(f, "Tgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{}\nTracerPid:\t0\n", self.ppid)?;
        write!(
            f,
            "Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{uid}\t{uid}\t{uid}\t{uid}\nFDSize:\t64\nGroups:\t \n"
        )?;
        write!(f, "NStgid:\t{pid}\nNSpid:\t{pid}\nNSpgid:\t0\nNSsid:\t0\n")?;
        let [anon, file, shmem] = self.rss;
        let sizes = [
            ("VmPeak", self.vm_peak),
            ("VmSize", self.vm_size),
            ("VmLck", self.vm_lck),
            ("VmPin", 0),
            ("VmHWM", self.vm_hwm),
            ("VmRSS", anon + file + shmem),
            ("RssAnon", anon),
            ("RssFile", file),
            ("RssShmem", shmem),
            ("VmData", self.vm_data),
            ("VmStk", self.vm_stk),
            ("VmExe", self.vm_exe),
            ("VmLib", self.vm_lib),
            ("VmPTE", self.vm_pte),
            ("VmSwap", self.vm_swap),
            ("HugetlbPages", self.hugetlb_pages),
        ];
        sizes.iter().try_for_each(|(name, kib)| writeln!(f, "{name}:\t{kib:8} kB"))?;
        write!(f, "CoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t{}\nSigQ:\t0/838\n", self.threads)?;
        for set in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
            writeln!(f, "{set}:\t0000000000000000")?;
        }
        let capabilities: u64 = if *uid == 0 { 0x1ff_ffff_ffff } else { 0 };
        for (set, bits) in [
            ("CapInh", 0),
            ("CapPrm", capabilities),
            ("CapEff", capabilities),
            ("CapBnd", 0x1ff_ffff_ffff),
            ("CapAmb", 0),
        ] {
            writeln!(f, "{set}:\t{bits:016x}")?;
        }
        write!(f, "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n")?;
        write!(f, "Speculation_Store_Bypass:\tnot vulnerable\nSpeculationIndirectBranch:\talways enabled\n")?;
        let list = if *cpus > 1 { format!("0-{}", cpus - 1) } else { "0".into() };
        write!(f, "Cpus_allowed:\t{}\nCpus_allowed_list:\t{list}\n", mask((*cpus).max(1)))?;
        write!(f, "Mems_allowed:\t{}1\nMems_allowed_list:\t0\n", "00000000,".repeat(31) + "0000000")?;
        write!(f, "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_linux() {
        let status = Status {
            name: "init".into(),
            pid: 79,
            ppid: 1,
            vm_peak: 10_652,
            vm_size: 10_652,
            vm_lck: 1024,
            vm_hwm: 3916,
            rss: [2224, 816, 876],
            vm_data: 8456,
            vm_stk: 132,
            vm_exe: 628,
            vm_lib: 8,
            vm_pte: 36,
            threads: 1,
            cpus: 1,
            ..Status::default()
        };
        let text = status.to_string();
        let measured = "Name:\tinit\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t79\nNgid:\t0\nPid:\t79\nPPid:\t1\n\
            TracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t \nNStgid:\t79\nNSpid:\t79\n\
            NSpgid:\t0\nNSsid:\t0\nVmPeak:\t   10652 kB\nVmSize:\t   10652 kB\nVmLck:\t    1024 kB\n\
            VmPin:\t       0 kB\nVmHWM:\t    3916 kB\nVmRSS:\t    3916 kB\nRssAnon:\t    2224 kB\n\
            RssFile:\t     816 kB\nRssShmem:\t     876 kB\nVmData:\t    8456 kB\nVmStk:\t     132 kB\n\
            VmExe:\t     628 kB\nVmLib:\t       8 kB\nVmPTE:\t      36 kB\nVmSwap:\t       0 kB\n\
            HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t1\nSigQ:\t0/838\n";
        assert!(text.starts_with(measured), "{text}");
        assert!(text.contains("CapEff:\t000001ffffffffff\n"));
        assert!(
            text.contains("Mems_allowed:\t00000000,") && text.contains(",00000001\nMems_allowed_list:\t0\n")
        );
        assert_eq!([mask(1), mask(4), mask(33)], ["1", "f", "1,ffffffff"]);
    }
}
