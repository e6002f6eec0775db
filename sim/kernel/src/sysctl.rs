//! The knobs of `/proc/sys/vm`, as one table: name, default, range, and what else a write does. Linux's `vm_table`
//! (kernel/sysctl.c of 6.1).
//!
//! Owns values and what may be written. Does not own what they mean: whoever heeds a knob reads it in [`VmSysctl`].

use crate::Errno;
use serde::{Deserialize, Serialize};

/// vm.overcommit_memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overcommit {
    /// 0: a single request larger than all memory and swap is refused.
    #[default]
    Guess,
    /// 1: nothing is refused.
    Always,
    /// 2: what is promised stays below the commit limit.
    Never,
}

/// What a write does besides changing the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SysctlEffect {
    /// Nothing.
    None,
    /// The policy of overcommitment changed.
    OvercommitPolicy,
    /// Watermarks of all zones are to be set anew.
    Watermarks,
    /// Limits of the per-CPU lists are to be set anew.
    PerCpuLists,
    /// vm.drop_caches: 1 the page cache, 2 dentries and inodes, 3 both; 4 does nothing but end the messages.
    DropCaches(u8),
    /// vm.compact_memory.
    Compact,
    /// vm.stat_refresh.
    StatRefresh,
    /// The value is kept, and nothing in this model heeds it.
    NotModelled,
}

/// A write that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VmSysctlError {
    /// There is no such knob.
    #[error("no knob is called {name}{}", near(name))]
    Unknown {
        /// As it was written.
        name: String,
    },
    /// The value is no number.
    #[error("{name} takes a number, not `{value}`")]
    NoNumber {
        /// Which knob.
        name: &'static str,
        /// As it was written.
        value: String,
    },
    /// Linux refuses the value.
    #[error("{name} = {value} is out of range: {least} to {most}")]
    OutOfRange {
        /// Which knob.
        name: &'static str,
        /// As it was written.
        value: String,
        /// The least that it takes.
        least: i64,
        /// The most.
        most: i64,
    },
}

impl From<VmSysctlError> for Errno {
    fn from(error: VmSysctlError) -> Self {
        match error {
            VmSysctlError::Unknown { .. } => Errno::NoEnt,
            VmSysctlError::OutOfRange { .. } | VmSysctlError::NoNumber { .. } => Errno::Inval,
        }
    }
}

fn near(name: &str) -> String {
    let word = name.rsplit(['.', '/']).next().unwrap_or(name);
    let is_near = |knob: &&&'static str| knob.contains(word) || word.contains(knob.trim_start_matches("vm."));
    match KNOBS.iter().map(|knob| &knob.name).find(|knob| is_near(knob)) {
        Some(knob) => format!("; did you mean {knob}?"),
        None => "; the knobs are those of /proc/sys/vm".into(),
    }
}

/// A value of a knob, as the number that is written and read.
trait Value: Copy {
    fn of(number: i64) -> Self;
    fn number(self) -> i64;
}

impl Value for u64 {
    fn of(number: i64) -> Self {
        number.unsigned_abs()
    }
    fn number(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}

impl Value for i64 {
    fn of(number: i64) -> Self {
        number
    }
    fn number(self) -> i64 {
        self
    }
}

impl Value for bool {
    fn of(number: i64) -> Self {
        number != 0
    }
    fn number(self) -> i64 {
        self.into()
    }
}

impl Value for Overcommit {
    fn of(number: i64) -> Self {
        match number {
            1 => Overcommit::Always,
            2 => Overcommit::Never,
            _ => Overcommit::Guess,
        }
    }
    fn number(self) -> i64 {
        self as i64
    }
}

/// A row of the table.
struct Knob {
    name: &'static str,
    least: i64,
    most: i64,
    get: fn(&VmSysctl) -> i64,
    set: fn(&mut VmSysctl, i64),
    effect: fn(i64) -> SysctlEffect,
}

/// An `int` of Linux.
const INT: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);
/// An `int` that is not negative.
const COUNT: (i64, i64) = (0, i32::MAX as i64);
/// An `unsigned long`.
const LONG: (i64, i64) = (0, i64::MAX);

macro_rules! knobs {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $default:expr, $range:expr, $effect:expr;)*) => {
        /// The values of all knobs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct VmSysctl {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for VmSysctl {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        const KNOBS: &[Knob] = &[$(Knob {
            name: concat!("vm.", stringify!($field)),
            least: $range.0,
            most: $range.1,
            get: |values| values.$field.number(),
            set: |values, number| values.$field = Value::of(number),
            effect: $effect,
        },)*];
    };
}

use SysctlEffect::{
    Compact, DropCaches, None as Plain, NotModelled, OvercommitPolicy, PerCpuLists, StatRefresh, Watermarks,
};

knobs! {
    /// Free memory that those who may not run dry fall back on, in KiB.
    admin_reserve_kbytes: u64 = 8192, LONG, |_| Plain;
    /// Compact all zones now.
    compact_memory: u64 = 0, (1, 1), |_| Compact;
    /// Compaction moves locked pages too.
    compact_unevictable_allowed: bool = true, (0, 1), |_| Plain;
    /// How eagerly fragmentation is undone in the background.
    compaction_proactiveness: u64 = 20, (0, 100), |_| NotModelled;
    /// Dirty bytes at which writing back begins; 0: the ratio holds.
    dirty_background_bytes: u64 = 0, (1, i64::MAX), |_| Plain;
    /// Per cent of available memory at which writing back begins.
    dirty_background_ratio: u64 = 10, (0, 100), |_| Plain;
    /// Dirty bytes at which who writes is made to wait; 0: the ratio holds.
    dirty_bytes: u64 = 0, (8192, i64::MAX), |_| Plain;
    /// After this time in hundredths of a second dirty data is old enough to be written back.
    dirty_expire_centisecs: u64 = 3000, COUNT, |_| Plain;
    /// Per cent of available memory at which who writes is made to wait.
    dirty_ratio: u64 = 20, (0, 100), |_| Plain;
    /// Time between two looks of the flusher, in hundredths of a second.
    dirty_writeback_centisecs: i64 = 500, INT, |_| Plain;
    /// Time after which an inode's timestamps alone are written back, in seconds.
    dirtytime_expire_seconds: u64 = 43_200, COUNT, |_| NotModelled;
    /// What to drop now.
    drop_caches: u64 = 0, (1, 4), |mask| DropCaches(mask as u8);
    /// Fragmentation below which an allocation reclaims rather than compacts, in thousandths.
    extfrag_threshold: u64 = 500, (0, 1000), |_| Plain;
    /// The group that may use huge pages of System V segments.
    hugetlb_shm_group: u64 = 0, COUNT, |_| NotModelled;
    /// Writing back waits for other use of the disk, in seconds.
    laptop_mode: i64 = 0, INT, |_| NotModelled;
    /// mmap chooses addresses upwards.
    legacy_va_layout: bool = false, COUNT, |_| Plain;
    /// Areas that an address space may have.
    max_map_count: u64 = 65_530, COUNT, |_| Plain;
    /// Free memory that is kept, in KiB.
    min_free_kbytes: u64 = 1852, COUNT, |_| Watermarks;
    /// Per cent of a zone's slab that local reclaim leaves.
    min_slab_ratio: u64 = 5, (0, 100), |_| NotModelled;
    /// Per cent of a zone's unmapped pages that local reclaim leaves.
    min_unmapped_ratio: u64 = 1, (0, 100), |_| NotModelled;
    /// The lowest address that a program may map.
    mmap_min_addr: u64 = 65_536, LONG, |_| Plain;
    /// Huge pages of the pool.
    nr_hugepages: u64 = 0, LONG, |_| NotModelled;
    /// Huge pages beyond the pool.
    nr_overcommit_hugepages: u64 = 0, LONG, |_| NotModelled;
    /// Whether nodes are counted apart.
    numa_stat: bool = true, (0, 1), |_| NotModelled;
    /// The killer lists who lives.
    oom_dump_tasks: i64 = 1, INT, |_| Plain;
    /// The killer takes who asked.
    oom_kill_allocating_task: i64 = 0, INT, |_| Plain;
    /// Promises beyond memory, in KiB; 0: the ratio holds.
    overcommit_kbytes: u64 = 0, LONG, |_| Plain;
    /// When a promise is refused.
    overcommit_memory: Overcommit = Overcommit::Guess, (0, 2), |_| OvercommitPolicy;
    /// Per cent of memory that may be promised.
    overcommit_ratio: i64 = 50, INT, |_| Plain;
    /// Logarithm of the pages that are read from swap together.
    page_cluster: u64 = 3, COUNT, |_| Plain;
    /// Waiters that a page's lock may be snatched from.
    page_lock_unfairness: u64 = 5, COUNT, |_| NotModelled;
    /// No killing: 1 the kernel panics unless the shortage is one of a policy, 2 always.
    panic_on_oom: u64 = 0, (0, 2), |_| Plain;
    /// Part of each zone that the lists of all CPUs may hold; 0: as the kernel sees fit.
    percpu_pagelist_high_fraction: u64 = 0, COUNT, |_| PerCpuLists;
    /// Time between two foldings of counters, in seconds.
    stat_interval: u64 = 1, INT, |_| NotModelled;
    /// Fold all counters now.
    stat_refresh: u64 = 0, LONG, |_| StatRefresh;
    /// How much rather anonymous pages are taken than pages of files: 0 to 200, 100 is even.
    swappiness: u64 = 60, (0, 200), |_| Plain;
    /// Whether userfaultfd is everyone's.
    unprivileged_userfaultfd: bool = false, (0, 1), |_| NotModelled;
    /// Memory that is kept for the user to recover with, in KiB.
    user_reserve_kbytes: u64 = 131_072, LONG, |_| Plain;
    /// How much rather dentries and inodes are taken than pages, in per cent.
    vfs_cache_pressure: u64 = 100, COUNT, |_| Plain;
    /// How far watermarks are raised after fragmentation, in ten-thousandths of the high one.
    watermark_boost_factor: u64 = 15_000, COUNT, |_| Watermarks;
    /// Distance of watermarks, in ten-thousandths of a zone.
    watermark_scale_factor: u64 = 10, (1, 3000), |_| Watermarks;
    /// Whether a node is reclaimed before others are asked.
    zone_reclaim_mode: u64 = 0, COUNT, |_| NotModelled;
}

/// Knobs of which a write clears another: either the ratio holds or the amount.
const PAIRS: [(&str, &str); 3] = [
    ("vm.overcommit_ratio", "vm.overcommit_kbytes"),
    ("vm.dirty_ratio", "vm.dirty_bytes"),
    ("vm.dirty_background_ratio", "vm.dirty_background_bytes"),
];

fn knob(name: &str) -> Result<&'static Knob, VmSysctlError> {
    // `sysctl` takes both separators; page-cluster is the one name with a hyphen.
    let known = name.replace('/', ".").replace('-', "_");
    let found = KNOBS.iter().find(|knob| knob.name == known);
    found.ok_or_else(|| VmSysctlError::Unknown { name: name.into() })
}

/// Linux's `strtoul_lenient` with base 0: decimal, `0x`, or octal after a 0.
fn number(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (digits, radix) = match digits.strip_prefix('0') {
        Some(rest) if rest.starts_with(['x', 'X']) => (&rest[1..], 16),
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (digits, 10),
    };
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let value = i64::try_from(u64::from_str_radix(digits, radix).ok()?).unwrap_or(i64::MAX);
    Some(if is_negative { -value } else { value })
}

impl VmSysctl {
    /// The defaults of a machine that comes up with `free_kbytes` of free memory: the kernel keeps the root of it
    /// free (`calculate_min_free_kbytes`) and a part of it back for users.
    pub fn of_machine(free_kbytes: u64) -> Self {
        Self {
            min_free_kbytes: (free_kbytes * 16).isqrt().clamp(128, 262_144),
            user_reserve_kbytes: (free_kbytes / 32).min(1 << 17),
            admin_reserve_kbytes: (free_kbytes / 32).min(1 << 13),
            ..Self::default()
        }
    }

    /// Writes `value` to the knob `name`, such as `vm.swappiness`. An empty value is no write.
    pub fn write(&mut self, name: &str, value: &str) -> Result<SysctlEffect, VmSysctlError> {
        let knob = knob(name)?;
        let Some(word) = value.split_whitespace().next() else { return Ok(Plain) };
        let value = number(word).ok_or(VmSysctlError::NoNumber { name: knob.name, value: word.into() })?;
        if !(knob.least..=knob.most).contains(&value) {
            let (least, most) = (knob.least, knob.most);
            return Err(VmSysctlError::OutOfRange { name: knob.name, value: word.into(), least, most });
        }
        (knob.set)(self, value);
        for (one, other) in PAIRS {
            let cleared = if knob.name == one { other } else { one };
            if knob.name == one || knob.name == other {
                let cleared = self::knob(cleared)?;
                (cleared.set)(self, 0);
            }
        }
        Ok((knob.effect)(value))
    }

    /// What is read from the knob `name`.
    pub fn read(&self, name: &str) -> Result<i64, VmSysctlError> {
        knob(name).map(|knob| (knob.get)(self))
    }

    /// Every knob with its value, by name.
    pub fn knobs(&self) -> impl Iterator<Item = (&'static str, i64)> {
        KNOBS.iter().map(|knob| {
            (if knob.name == "vm.page_cluster" { "vm.page-cluster" } else { knob.name }, (knob.get)(self))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux 6.1 answers to these writes.
    #[test]
    fn writes_are_taken_and_refused_as_by_linux() {
        let mut vm = VmSysctl::default();
        let refused = [
            ("vm.swappiness", "201"),
            ("vm.swappiness", "-1"),
            ("vm.swappiness", "abc"),
            ("vm.swappiness", "99999999999"),
            ("vm.overcommit_memory", "3"),
            ("vm.overcommit_memory", "-1"),
            ("vm.page-cluster", "-1"),
            ("vm.min_free_kbytes", "-1"),
            ("vm.watermark_scale_factor", "0"),
            ("vm.watermark_scale_factor", "3001"),
            ("vm.watermark_scale_factor", "10x"),
            ("vm.dirty_ratio", "101"),
            ("vm.dirty_background_ratio", "-1"),
            ("vm.dirty_bytes", "1"),
            ("vm.max_map_count", "-1"),
            ("vm.panic_on_oom", "3"),
            ("vm.drop_caches", "0"),
            ("vm.drop_caches", "5"),
            ("vm.vfs_cache_pressure", "-1"),
            ("vm.zone_reclaim_mode", "-1"),
            ("vm.compaction_proactiveness", "101"),
            ("vm.extfrag_threshold", "1001"),
        ];
        for (name, value) in refused {
            let error = vm.write(name, value).expect_err(name);
            assert_eq!(Errno::from(error), Errno::Inval, "{name} = {value}");
        }
        assert_eq!(vm, VmSysctl::default());
        let taken = [
            ("vm.overcommit_ratio", "-5", -5),
            ("vm.overcommit_ratio", "1000", 1000),
            ("vm.page-cluster", "40", 40),
            ("vm.oom_kill_allocating_task", "7", 7),
            ("vm.oom_kill_allocating_task", "-1", -1),
            ("vm.dirty_writeback_centisecs", "-1", -1),
            ("vm.laptop_mode", "5", 5),
            ("vm.swappiness", "", 60),
            ("vm.swappiness", "0x10", 16),
            ("vm.swappiness", "010", 8),
            ("vm/vfs_cache_pressure", "1000", 1000),
            ("vm.nr_hugepages", "2", 2),
        ];
        for (name, value, reads) in taken {
            vm.write(name, value).expect(name);
            assert_eq!(vm.read(name), Ok(reads), "{name} = {value}");
        }
    }

    #[test]
    fn either_the_ratio_holds_or_the_amount() {
        let mut vm = VmSysctl::default();
        assert_eq!(vm.write("vm.overcommit_kbytes", "1000"), Ok(Plain));
        assert_eq!(vm.read("vm.overcommit_ratio"), Ok(0));
        assert_eq!(vm.write("vm.overcommit_ratio", "50"), Ok(Plain));
        assert_eq!(vm.read("vm.overcommit_kbytes"), Ok(0));
        assert_eq!(vm.write("vm.dirty_bytes", "8192"), Ok(Plain));
        assert_eq!(vm.read("vm.dirty_ratio"), Ok(0));
    }

    #[test]
    fn a_write_says_what_else_is_to_be_done_and_a_wrong_name_what_was_meant() {
        let mut vm = VmSysctl::default();
        assert_eq!(vm.write("vm.drop_caches", "3"), Ok(DropCaches(3)));
        assert_eq!(vm.write("vm.min_free_kbytes", "4096"), Ok(Watermarks));
        assert_eq!(vm.write("vm.overcommit_memory", "2"), Ok(OvercommitPolicy));
        assert_eq!(vm.overcommit_memory, Overcommit::Never);
        let error = |name: &str| VmSysctl::default().write(name, "1").unwrap_err().to_string();
        assert_eq!(error("vm.swap"), "no knob is called vm.swap; did you mean vm.swappiness?");
        assert_eq!(error("vm.no such"), "no knob is called vm.no such; the knobs are those of /proc/sys/vm");
    }

    #[test]
    fn defaults_follow_the_size_of_memory() {
        let vm = VmSysctl::of_machine(208_544);
        assert_eq!((vm.user_reserve_kbytes, vm.admin_reserve_kbytes), (6517, 6517));
        let large = VmSysctl::of_machine(1 << 30);
        assert_eq!((large.user_reserve_kbytes, large.admin_reserve_kbytes), (131_072, 8192));
        assert_eq!(large.min_free_kbytes, 131_072);
    }
}
