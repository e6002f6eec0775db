//! vmstat(8).

use crate::{MemInfo, VmStat};
use std::fmt;

/// The two lines above.
pub const VMSTAT_HEADER: &str = "\
procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
";

/// A line of `vmstat`: sizes in KiB, rates a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VmstatRow {
    /// Tasks that could run, and that wait for a device.
    pub tasks: [u64; 2],
    /// Swap in use, free memory, buffers, and cache with slab that is given back.
    pub memory: [u64; 4],
    /// KiB a second from swap and to it.
    pub swap: [u64; 2],
    /// KiB a second from devices and to them.
    pub io: [u64; 2],
    /// Interrupts and context switches a second.
    pub system: [u64; 2],
    /// Per cent of time: programs, kernel, idle, waiting, stolen.
    pub cpu: [u64; 5],
}

impl VmstatRow {
    /// Of what `/proc` said at the end of a time of `seconds`, `earlier` being its begin.
    pub fn of(memory: &MemInfo, now: &VmStat, earlier: &VmStat, seconds: f64) -> Self {
        let rate = |name: &str, unit: u64| {
            let change = now.get(name).unwrap_or(0).saturating_sub(earlier.get(name).unwrap_or(0));
            ((change * unit) as f64 / seconds.max(f64::MIN_POSITIVE)).round() as u64
        };
        let cache = memory.cached + memory.s_reclaimable;
        let used = memory.swap_total.saturating_sub(memory.swap_free);
        Self {
            tasks: [1, 0],
            memory: [used, memory.free, memory.buffers, cache],
            swap: [rate("pswpin", 4), rate("pswpout", 4)],
            io: [rate("pgpgin", 1), rate("pgpgout", 1)],
            system: [0, 0],
            cpu: [100, 0, 0, 0, 0],
        }
    }
}

impl fmt::Display for VmstatRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([r, b], [swpd, free, buff, cache], [si, so]) = (self.tasks, self.memory, self.swap);
        let ([bi, bo], [interrupts, switches], [us, sy, id, wa, st]) = (self.io, self.system, self.cpu);
        write!(f, "{r:2} {b:2} {swpd:6} {free:6} {buff:6} {cache:6} {si:4} {so:4} {bi:5} {bo:5} ")?;
        writeln!(f, "{interrupts:4} {switches:4} {us:2} {sy:2} {id:2} {wa:2} {st:2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_procps() {
        let row = VmstatRow {
            tasks: [1, 0],
            memory: [0, 19_972_720, 16_256, 4_475_104],
            swap: [0, 0],
            io: [868, 2287],
            system: [390, 580],
            cpu: [79, 12, 9, 0, 0],
        };
        assert_eq!(
            row.to_string(),
            " 1  0      0 19972720  16256 4475104    0    0   868  2287  390  580 79 12  9  0  0\n"
        );
        let mut now = VmStat::default();
        now.set("pswpout", 100);
        now.set("pgpgin", 30);
        let row = VmstatRow::of(&MemInfo::default(), &now, &VmStat::default(), 2.0);
        assert_eq!((row.swap, row.io), ([0, 200], [15, 0]));
    }
}
