//! The configuration of an MMU: everything that the generated hardware and the golden model depend on.

use crate::{FormatSpec, MemoryTiming, PagingFormat, TimingConfig};
use serde::{Deserialize, Serialize};

/// Which entry a refill replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// Tree pseudo-LRU.
    #[default]
    TreePlru,
    /// A pointer that advances with every refill that it chose.
    RoundRobin,
}

/// How a first-level TLB is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Structure {
    /// 4 KiB pages in a set-associative array in LUT RAM; pages of the first superpage size in a direct-mapped
    /// array beside it. Larger leaves are kept in pieces of the first superpage size, all superpages in pieces of
    /// 4 KiB where `superpage_sets` is 0.
    SetAssociative {
        /// Sets of the 4 KiB array: a power of two, 1-256.
        sets: u32,
        /// Ways of the 4 KiB array: 1, 2, 4 or 8.
        ways: u32,
        /// Rows of the superpage array: 0 or a power of two up to 256.
        superpage_sets: u32,
    },
    /// Every entry holds a page of any size.
    FullyAssociative {
        /// Entries: a power of two, 2-64.
        entries: u32,
    },
}

/// One first-level TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Config {
    /// Which array or arrays.
    pub structure: Structure,
    /// Which entry makes room.
    pub replacement: Replacement,
}

/// A whole MMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MmuConfig {
    /// Page-table format.
    pub format: PagingFormat,
    /// Implemented physical-address bits (MAXPHYADDR): 24 (x86: 32) up to the format's.
    pub physical_bits: u32,
    /// Implemented bits of the ASID: 0 up to the format's (x86 PCID: none or all 12).
    pub asid_bits: u32,
    /// Bits of the tag that accompanies a request to its response, 0-16.
    pub tag_bits: u32,
    /// Instruction TLB.
    pub l1i: L1Config,
    /// Data TLB.
    pub l1d: L1Config,
    /// Memory latency, stalls and issue order: the world around, part of no hardware.
    pub timing: TimingConfig,
}

/// A configuration that the tests, the benchmarks and `emit --preset` know by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    l1: L1Config,
}

const fn set_associative(sets: u32, ways: u32, superpage_sets: u32, replacement: Replacement) -> L1Config {
    L1Config { structure: Structure::SetAssociative { sets, ways, superpage_sets }, replacement }
}

impl Preset {
    /// Every preset; the first is the default.
    pub const ALL: [Preset; 5] = [
        Preset {
            name: "balanced",
            about: "per side 16 sets x 2 ways of 4 KiB pages and 16 superpage rows, tree-PLRU",
            l1: set_associative(16, 2, 16, Replacement::TreePlru),
        },
        Preset {
            name: "small",
            about: "per side 16 direct-mapped 4 KiB pages; superpages in 4 KiB pieces",
            l1: set_associative(16, 1, 0, Replacement::RoundRobin),
        },
        Preset {
            name: "wide",
            about: "per side 16 sets x 4 ways of 4 KiB pages and 16 superpage rows, tree-PLRU",
            l1: set_associative(16, 4, 16, Replacement::TreePlru),
        },
        Preset {
            name: "rotating",
            about: "per side 8 sets x 4 ways of 4 KiB pages and 4 superpage rows, round-robin",
            l1: set_associative(8, 4, 4, Replacement::RoundRobin),
        },
        Preset {
            name: "associative",
            about: "per side 8 fully associative entries of any page size, tree-PLRU",
            l1: L1Config {
                structure: Structure::FullyAssociative { entries: 8 },
                replacement: Replacement::TreePlru,
            },
        },
    ];

    /// The preset called `name`.
    pub fn named(name: &str) -> Option<Preset> {
        Self::ALL.into_iter().find(|p| p.name == name)
    }
    /// This preset's MMU for `format`, everything else at its default.
    pub fn config(self, format: PagingFormat) -> MmuConfig {
        let spec = format.spec();
        MmuConfig {
            format,
            physical_bits: spec.pa_bits_max,
            asid_bits: if spec.isa == crate::Isa::X86 { spec.asid_bits } else { spec.asid_bits.min(7) },
            tag_bits: 4,
            l1i: self.l1,
            l1d: self.l1,
            timing: TimingConfig::default(),
        }
    }
}

impl Default for MmuConfig {
    fn default() -> Self {
        Preset::ALL[0].config(PagingFormat::default())
    }
}

/// A field that no MMU can be built with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {field} = {value}: {problem}")]
pub struct ConfigError {
    /// Path of the field, as in the TOML file.
    pub field: String,
    /// What it was set to.
    pub value: u64,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl MmuConfig {
    /// The default configuration of `format`.
    pub fn of(format: PagingFormat) -> Self {
        Preset::ALL[0].config(format)
    }
    /// The format's row of the table.
    pub fn spec(&self) -> &'static FormatSpec {
        self.format.spec()
    }
    /// Bits of an implemented frame number.
    pub fn frame_bits(&self) -> u32 {
        self.physical_bits - crate::FRAME_SHIFT
    }
    /// Bits of the physical address of a page table: the implemented ones of a 4 KiB PTE's page number.
    pub fn table_address_bits(&self) -> u32 {
        self.physical_bits.min(self.spec().pa_bits)
    }
    /// The configuration of the TLB of `side`.
    pub fn l1(&self, side: crate::Side) -> &L1Config {
        match side {
            crate::Side::Instruction => &self.l1i,
            crate::Side::Data => &self.l1d,
        }
    }

    /// Names the first field that cannot be built.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let spec = self.spec();
        let error = |field: &str, value: u64, problem: String| {
            Err(ConfigError { field: field.into(), value, problem })
        };
        let least = if spec.isa == crate::Isa::X86 { 32 } else { 24 };
        if !(least..=spec.pa_bits_max).contains(&self.physical_bits) {
            let problem =
                format!("{} holds physical addresses of {least} to {} bits", spec.name, spec.pa_bits_max);
            return error("physical_bits", self.physical_bits.into(), problem);
        }
        if self.asid_bits > spec.asid_bits {
            let problem = format!("{} has identifiers of at most {} bits", spec.name, spec.asid_bits);
            return error("asid_bits", self.asid_bits.into(), problem);
        }
        if spec.isa == crate::Isa::X86 && !(self.asid_bits == 0 || self.asid_bits == spec.asid_bits) {
            let problem = format!("x86 has PCIDs of {} bits or none: use 0 or {0}", spec.asid_bits);
            return error("asid_bits", self.asid_bits.into(), problem);
        }
        if self.tag_bits > 16 {
            return error("tag_bits", self.tag_bits.into(), "a tag has 0 to 16 bits".into());
        }
        self.l1i.validate("l1i")?;
        self.l1d.validate("l1d")?;
        match self.timing.memory {
            MemoryTiming::Fixed { latency } if !(1..=10_000).contains(&latency) => error(
                "timing.memory.latency",
                latency.into(),
                "memory answers after 1 to 10000 cycles".into(),
            ),
            MemoryTiming::Random { latency_max, .. } if !(1..=10_000).contains(&latency_max) => error(
                "timing.memory.latency_max",
                latency_max.into(),
                "memory answers after 1 to 10000 cycles".into(),
            ),
            MemoryTiming::Random { ready_delay_max, .. } if ready_delay_max > 10_000 => error(
                "timing.memory.ready_delay_max",
                ready_delay_max.into(),
                "memory takes a request after at most 10000 cycles".into(),
            ),
            _ => self.validate_stalls(),
        }
    }

    fn validate_stalls(&self) -> Result<(), ConfigError> {
        let stalls = [
            ("timing.response_stall_percent", self.timing.response_stall_percent),
            ("timing.request_stall_percent", self.timing.request_stall_percent),
        ];
        for (field, percent) in stalls {
            if percent > 90 {
                let problem = "at most 90 percent of the cycles may be stalled".to_owned();
                return Err(ConfigError { field: field.into(), value: percent.into(), problem });
            }
        }
        Ok(())
    }
}

impl L1Config {
    fn validate(&self, name: &str) -> Result<(), ConfigError> {
        let power = |field: &str, value: u32, least: u32, most: u32| {
            if value.is_power_of_two() && (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ConfigError {
                field: format!("{name}.structure.{field}"),
                value: value.into(),
                problem: format!("must be a power of two from {least} to {most}"),
            })
        };
        match self.structure {
            Structure::SetAssociative { sets, ways, superpage_sets } => {
                power("sets", sets, 1, 256)?;
                power("ways", ways, 1, 8)?;
                if superpage_sets != 0 {
                    power("superpage_sets", superpage_sets, 1, 256)?;
                }
                Ok(())
            }
            Structure::FullyAssociative { entries } => power("entries", entries, 2, 64),
        }
    }

    /// Rows that a fence of everything sweeps, one per cycle: the taller of the two arrays; 1 where entries have
    /// valid flip-flops.
    pub fn sweep_rows(&self) -> u32 {
        match self.structure {
            Structure::SetAssociative { sets, superpage_sets, .. } => sets.max(superpage_sets),
            Structure::FullyAssociative { .. } => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_buildable_in_every_format() {
        for format in PagingFormat::ALL {
            for preset in Preset::ALL {
                preset.config(format).validate().unwrap();
            }
        }
    }

    #[test]
    fn errors_name_the_field() {
        let field = |change: fn(&mut MmuConfig)| {
            let mut config = MmuConfig::of(PagingFormat::La48);
            change(&mut config);
            config.validate().unwrap_err().field
        };
        assert_eq!(field(|c| c.physical_bits = 53), "physical_bits");
        assert_eq!(field(|c| c.asid_bits = 5), "asid_bits");
        assert_eq!(field(|c| c.timing.memory = MemoryTiming::Fixed { latency: 0 }), "timing.memory.latency");
        let three_ways = set_associative(16, 3, 16, Replacement::TreePlru);
        let config = MmuConfig { l1d: three_ways, ..MmuConfig::default() };
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            "configuration: l1d.structure.ways = 3: must be a power of two from 1 to 8"
        );
    }
}
