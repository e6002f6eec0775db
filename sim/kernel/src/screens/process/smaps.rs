//! `/proc/PID/smaps` and `smaps_rollup`, as Linux 6.1 prints them (fs/proc/task_mmu.c).

use std::fmt;

/// What the pages of an area, or of all areas, come to, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmapsSizes {
    /// Mapped.
    pub rss: u64,
    /// Mapped, each page divided by the number of its mappings.
    pub pss: u64,
    /// Of it, dirty.
    pub pss_dirty: u64,
    /// Of it, anonymous memory, pages of files, shared memory. In `smaps_rollup` alone.
    pub pss_kinds: [u64; 3],
    /// Mapped by others too, clean and dirty.
    pub shared: [u64; 2],
    /// Mapped here alone, clean and dirty.
    pub private: [u64; 2],
    /// Used lately.
    pub referenced: u64,
    /// Anonymous.
    pub anonymous: u64,
    /// Offered by MADV_FREE.
    pub lazy_free: u64,
    /// In huge pages.
    pub anon_huge_pages: u64,
    /// In swap.
    pub swap: u64,
    /// In swap, each page divided by the number of its entries.
    pub swap_pss: u64,
    /// Locked, as in `pss`.
    pub locked: u64,
}

impl SmapsSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>, is_rollup: bool) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, kib: u64| {
            let label = format!("{name}:");
            writeln!(f, "{label:<16}{kib:8} kB")
        };
        line(f, "Rss", self.rss)?;
        line(f, "Pss", self.pss)?;
        line(f, "Pss_Dirty", self.pss_dirty)?;
        if is_rollup {
            for (name, kib) in ["Pss_Anon", "Pss_File", "Pss_Shmem"].into_iter().zip(self.pss_kinds) {
                line(f, name, kib)?;
            }
        }
        let rest = [
            ("Shared_Clean", self.shared[0]),
            ("Shared_Dirty", self.shared[1]),
            ("Private_Clean", self.private[0]),
            ("Private_Dirty", self.private[1]),
            ("Referenced", self.referenced),
            ("Anonymous", self.anonymous),
            ("LazyFree", self.lazy_free),
            ("AnonHugePages", self.anon_huge_pages),
            ("ShmemPmdMapped", 0),
            ("FilePmdMapped", 0),
            ("Shared_Hugetlb", 0),
            ("Private_Hugetlb", 0),
            ("Swap", self.swap),
            ("SwapPss", self.swap_pss),
            ("Locked", self.locked),
        ];
        rest.into_iter().try_for_each(|(name, kib)| line(f, name, kib))
    }

    /// The sum of both; fractions of pages that several share are lost, as they are in the parts.
    pub fn plus(self, other: Self) -> Self {
        let two = |a: [u64; 2], b: [u64; 2]| [a[0] + b[0], a[1] + b[1]];
        let [anon, file, shmem] = self.pss_kinds;
        Self {
            rss: self.rss + other.rss,
            pss: self.pss + other.pss,
            pss_dirty: self.pss_dirty + other.pss_dirty,
            pss_kinds: [anon + other.pss_kinds[0], file + other.pss_kinds[1], shmem + other.pss_kinds[2]],
            shared: two(self.shared, other.shared),
            private: two(self.private, other.private),
            referenced: self.referenced + other.referenced,
            anonymous: self.anonymous + other.anonymous,
            lazy_free: self.lazy_free + other.lazy_free,
            anon_huge_pages: self.anon_huge_pages + other.anon_huge_pages,
            swap: self.swap + other.swap,
            swap_pss: self.swap_pss + other.swap_pss,
            locked: self.locked + other.locked,
        }
    }
}

/// An area in `/proc/PID/smaps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmapsArea {
    /// Its line of `/proc/PID/maps`, without the line's end.
    pub maps_line: String,
    /// KiB of the area.
    pub size: u64,
    /// Its pages.
    pub sizes: SmapsSizes,
    /// Whether huge pages may be used.
    pub thp_eligible: bool,
    /// The machine has protection keys, of which the area has the first.
    pub has_protection_keys: bool,
    /// VmFlags, two letters each: `rd wr mr mw me ac`.
    pub flags: Vec<&'static str>,
}

impl fmt::Display for SmapsArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.maps_line)?;
        write!(
            f,
            "Size:           {:8} kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
            self.size
        )?;
        self.sizes.fmt(f, false)?;
        writeln!(f, "THPeligible:    {}", u8::from(self.thp_eligible))?;
        if self.has_protection_keys {
            writeln!(f, "ProtectionKey:  {:8}", 0)?;
        }
        write!(f, "VmFlags: ")?;
        self.flags.iter().try_for_each(|flag| write!(f, "{flag} "))?;
        writeln!(f)
    }
}

/// `/proc/PID/smaps_rollup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmapsRollup {
    /// From the first area's start to the last one's end.
    pub range: [u64; 2],
    /// All pages.
    pub sizes: SmapsSizes,
}

impl fmt::Display for SmapsRollup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [start, end] = self.range;
        let line = format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
        writeln!(f, "{line:72} [rollup]")?;
        self.sizes.fmt(f, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_shown_as_by_linux() {
        let area = SmapsArea {
            maps_line: "004c9000-004cd000 r--p 000c8000 00:02 10139                              /init"
                .into(),
            size: 16,
            sizes: SmapsSizes {
                rss: 16,
                pss: 11,
                pss_dirty: 11,
                shared: [0, 8],
                private: [0, 8],
                referenced: 16,
                anonymous: 8,
                ..SmapsSizes::default()
            },
            thp_eligible: false,
            has_protection_keys: true,
            flags: vec!["rd", "mr", "mw", "me", "ac", "sd"],
        };
        let measured = "\
004c9000-004cd000 r--p 000c8000 00:02 10139                              /init
Size:                 16 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                  16 kB
Pss:                  11 kB
Pss_Dirty:            11 kB
Shared_Clean:          0 kB
Shared_Dirty:          8 kB
Private_Clean:         0 kB
Private_Dirty:         8 kB
Referenced:           16 kB
Anonymous:             8 kB
LazyFree:              0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
Locked:                0 kB
THPeligible:    0
ProtectionKey:         0
VmFlags: rd mr mw me ac sd \n";
        assert_eq!(area.to_string(), measured);
    }

    #[test]
    fn the_sum_is_shown_as_by_linux() {
        let sizes = SmapsSizes {
            rss: 4260,
            pss: 3850,
            pss_dirty: 3848,
            pss_kinds: [2224, 602, 1024],
            shared: [4, 812],
            private: [0, 3444],
            referenced: 4260,
            anonymous: 2224,
            locked: 1024,
            ..SmapsSizes::default()
        };
        let text = SmapsRollup { range: [0x40_0000, 0x7fff_ffff_f000], sizes }.to_string();
        let measured = "\
00400000-7ffffffff000 ---p 00000000 00:00 0                              [rollup]
Rss:                4260 kB
Pss:                3850 kB
Pss_Dirty:          3848 kB
Pss_Anon:           2224 kB
Pss_File:            602 kB
Pss_Shmem:          1024 kB
Shared_Clean:          4 kB
Shared_Dirty:        812 kB
Private_Clean:         0 kB
Private_Dirty:      3444 kB
Referenced:         4260 kB
Anonymous:          2224 kB
LazyFree:              0 kB
";
        assert!(text.starts_with(measured), "{text}");
        assert!(text.ends_with("Locked:             1024 kB\n"));
        assert_eq!(text.lines().count(), 22);
        assert_eq!(sizes.plus(sizes).rss, 8520);
    }
}
