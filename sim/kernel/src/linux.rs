//! Versions of Linux, and in what they differ within this model: one table.
//!
//! Owns which version behaves how. What a behaviour means is explained where it is carried out.

use crate::{BesideSource, MergeRules};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of Linux that the kernel behaves like. Written as its number, with or without quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Number", into = "String")]
pub enum LinuxVersion {
    /// 6.1, Debian 12's.
    V6_1,
    /// 6.12, Debian 13's.
    V6_12,
    /// 6.18.
    #[default]
    V6_18,
}

/// A version's number as settings have it: `6.12` is a number to most languages.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Bare(f64),
    Quoted(String),
}

impl TryFrom<Number> for LinuxVersion {
    type Error = String;

    fn try_from(number: Number) -> Result<Self, String> {
        let text = match number {
            Number::Bare(number) => number.to_string(),
            Number::Quoted(text) => text,
        };
        let known = Self::ALL.into_iter().find(|version| version.to_string() == text);
        known.ok_or_else(|| format!("Linux {text} is not known; choose 6.1, 6.12 or 6.18"))
    }
}

impl fmt::Display for LinuxVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.number();
        write!(f, "{major}.{minor}")
    }
}

impl From<LinuxVersion> for String {
    fn from(version: LinuxVersion) -> Self {
        version.to_string()
    }
}

/// What versions differ in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionRules {
    /// When areas merge.
    pub(crate) merge: MergeRules,
    /// MADV_GUARD_INSTALL and MADV_GUARD_REMOVE exist (6.13; of files 6.15).
    pub(crate) has_guards: bool,
    /// mremap with MREMAP_FIXED and an unchanged length moves several areas, with the holes between them (6.17).
    pub(crate) remap_moves_several: bool,
    /// mremap with MREMAP_FIXED looks at the source only after it has unmapped the target (before 6.17), so that a
    /// call that fails has unmapped it.
    pub(crate) remap_unmaps_first: bool,
    /// MREMAP_DONTUNMAP takes the locks off the pages that it moves alone, for which it splits their area, not off the
    /// whole area. A fix of the stable series: 6.1.192 and 6.12.117 have it, 6.1.170, 6.12.100 and 6.18.44 do not; nor
    /// do these have another [`BesideSource`] than `Joins`.
    pub(crate) dont_unmap_splits_locked: bool,
    /// MADV_POPULATE_READ and _WRITE end at a hole (6.9), else pass over it and fail at the end.
    pub(crate) populate_stops_at_holes: bool,
    /// mprotect takes VM_ACCOUNT off untouched anonymous memory that may no longer be written (6.3), which can merge
    /// then.
    pub(crate) unaccounts_unwritable: bool,
    /// A fault that let go of the address space and came back counts as major, and twice in `pgfault` (before 6.4, where
    /// per-area locks came), even if the page was in the cache.
    pub(crate) counts_retries: bool,
    /// A fault counts what it maps in its task, which tells the address space now and then (`SPLIT_RSS_COUNTING`, before
    /// 6.2).
    pub(crate) rss_lags: bool,
}

impl LinuxVersion {
    /// Every version of the table, oldest first.
    pub const ALL: [LinuxVersion; 3] = [LinuxVersion::V6_1, LinuxVersion::V6_12, LinuxVersion::V6_18];

    /// The version's number.
    pub const fn number(self) -> (u32, u32) {
        match self {
            LinuxVersion::V6_1 => (6, 1),
            LinuxVersion::V6_12 => (6, 12),
            LinuxVersion::V6_18 => (6, 18),
        }
    }

    /// The latest version of the table that is not newer than `major.minor`, else the oldest.
    pub fn nearest(major: u32, minor: u32) -> Self {
        let not_newer = Self::ALL.into_iter().rev().find(|version| version.number() <= (major, minor));
        not_newer.unwrap_or(LinuxVersion::V6_1)
    }

    pub(crate) const fn rules(self) -> VersionRules {
        match self {
            LinuxVersion::V6_1 => VersionRules {
                merge: MergeRules {
                    used_joins_untouched: false,
                    mmap_looks_up_first: true,
                    beside_source: BesideSource::StaysAlone,
                },
                has_guards: false,
                remap_moves_several: false,
                remap_unmaps_first: true,
                dont_unmap_splits_locked: true,
                populate_stops_at_holes: false,
                unaccounts_unwritable: false,
                counts_retries: true,
                rss_lags: true,
            },
            LinuxVersion::V6_12 => VersionRules {
                merge: MergeRules {
                    used_joins_untouched: false,
                    mmap_looks_up_first: false,
                    beside_source: BesideSource::SparesSource,
                },
                populate_stops_at_holes: true,
                unaccounts_unwritable: true,
                counts_retries: false,
                rss_lags: false,
                ..LinuxVersion::V6_1.rules()
            },
            LinuxVersion::V6_18 => VersionRules {
                merge: MergeRules {
                    used_joins_untouched: true,
                    mmap_looks_up_first: false,
                    beside_source: BesideSource::Joins,
                },
                has_guards: true,
                remap_moves_several: true,
                remap_unmaps_first: false,
                dont_unmap_splits_locked: false,
                populate_stops_at_holes: true,
                unaccounts_unwritable: true,
                counts_retries: false,
                rss_lags: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_may_write_it_as_a_number() {
        for version in LinuxVersion::ALL {
            let (major, minor) = version.number();
            assert_eq!(LinuxVersion::try_from(Number::Quoted(version.to_string())), Ok(version));
            let bare = format!("{major}.{minor}").parse().map(Number::Bare).expect("a number");
            assert_eq!(LinuxVersion::try_from(bare), Ok(version));
        }
        assert!(LinuxVersion::try_from(Number::Bare(6.5)).unwrap_err().contains("choose 6.1, 6.12 or 6.18"));
        assert_eq!(LinuxVersion::nearest(6, 20), LinuxVersion::V6_18);
        assert_eq!(LinuxVersion::nearest(6, 5), LinuxVersion::V6_1);
        assert_eq!(LinuxVersion::nearest(5, 15), LinuxVersion::V6_1);
    }
}
