//! From file, preset and options to the settings of one machine, checked.
//!
//! Settings are layered: the format's defaults with the preset's TLBs, then the file, then each `--set` in order, then
//! the options that have a name of their own. Owns the layering and the errors; what a setting means is said where it
//! is defined, in `pagewalk-arch` and `pagewalk-kernel`.

mod error;
mod layer;

pub use error::SettingsError;

use super::args::{FormatChoice, MachineArgs};
use super::quantity::ByteSize;
use layer::{Layer, one_line, overlay};
use pagewalk_arch::{MemoryTiming, MmuConfig, PagingFormat, Preset};
use pagewalk_kernel::KernelConfig;
use serde::Serialize;
use toml::{Table, Value};

/// The section of the kernel's settings; everything else is the MMU's.
const KERNEL: &str = "kernel";

/// Longest memory latency that `--seed` draws, in cycles.
const SEEDED_LATENCY_MAX: u32 = 20;
/// Longest time for which memory takes no request under `--seed`, in cycles.
const SEEDED_READY_DELAY_MAX: u32 = 6;
/// Stalled cycles per port under `--seed`.
const SEEDED_STALL_PERCENT: u32 = 20;

/// The settings of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The MMU and the timing around it.
    #[serde(flatten)]
    pub mmu: MmuConfig,
    /// The kernel.
    pub kernel: KernelConfig,
}

/// The layers that options name, read once.
pub struct Layers {
    preset: Preset,
    kernel: KernelConfig,
    layers: Vec<Layer>,
    memory: Option<ByteSize>,
    seed: Option<u64>,
    formats: Vec<PagingFormat>,
}

impl Layers {
    /// Reads the file and the assignments.
    ///
    /// # Errors
    /// [`SettingsError`] of anything that cannot be read; settings are checked by [`Layers::settings`].
    pub fn read(args: &MachineArgs) -> Result<Self, SettingsError> {
        Self::read_over(args, PagingFormat::default(), KernelConfig::default())
    }

    /// As [`Layers::read`], over another kernel's settings than the default ones, and of the format `unnamed` where none
    /// is named.
    ///
    /// # Errors
    /// As [`Layers::read`].
    pub fn read_over(
        args: &MachineArgs,
        unnamed: PagingFormat,
        kernel: KernelConfig,
    ) -> Result<Self, SettingsError> {
        let mut layers = Vec::new();
        if let Some(path) = &args.config {
            layers.push(Layer::of_file(path)?);
        }
        for assignment in &args.set {
            layers.push(Layer::of_assignment(assignment)?);
        }
        let mut preset_name = args.preset.clone();
        let mut formats = Vec::new();
        for Layer { origin, table } in &mut layers {
            if let Some(name) = table.remove("preset") {
                let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                preset_name.get_or_insert(name);
            }
            if let Some(name) = table.remove("format") {
                let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                let format = name.parse().map_err(|error: pagewalk_arch::UnknownFormat| {
                    SettingsError::Format { origin: origin.clone(), problem: error.to_string() }
                })?;
                formats = vec![format];
            }
        }
        match args.format {
            Some(FormatChoice::One(format)) => formats = vec![format],
            Some(FormatChoice::All) => formats = PagingFormat::ALL.to_vec(),
            None if formats.is_empty() => formats = vec![unnamed],
            None => {}
        }
        let preset = match preset_name {
            None => Preset::ALL[0],
            Some(name) => Preset::named(&name).ok_or(SettingsError::Preset { name })?,
        };
        Ok(Self { preset, kernel, layers, memory: args.memory, seed: args.seed, formats })
    }

    /// The formats that were asked for.
    pub fn formats(&self) -> &[PagingFormat] {
        &self.formats
    }

    /// The one format that was asked for.
    ///
    /// # Errors
    /// [`SettingsError::OneFormat`] after `--format all`.
    pub fn one_format(&self) -> Result<PagingFormat, SettingsError> {
        match self.formats[..] {
            [format] => Ok(format),
            _ => Err(SettingsError::OneFormat),
        }
    }

    /// The settings for `format`, checked.
    ///
    /// # Errors
    /// [`SettingsError`] that names the layer or the setting.
    pub fn settings(&self, format: PagingFormat) -> Result<Settings, SettingsError> {
        let start = Settings { mmu: self.preset.config(format), kernel: self.kernel };
        let unknown = |origin: &str, error: toml::de::Error| SettingsError::Unknown {
            origin: origin.to_owned(),
            problem: one_line(&error.to_string()),
        };
        let mut table = Table::try_from(&start).map_err(|error| SettingsError::Unknown {
            origin: "defaults".into(),
            problem: one_line(&error.to_string()),
        })?;
        let mut settings = start;
        // Two assignments may be needed before what they build is whole: the last error counts.
        let mut problem = None;
        for layer in &self.layers {
            overlay(&mut table, layer.table.clone());
            match whole(&table) {
                Ok(sound) => (settings, problem) = (sound, None),
                Err(error) => problem = Some(unknown(&layer.origin, error)),
            }
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        if let Some(ByteSize(bytes)) = self.memory {
            settings.kernel.memory_bytes = bytes;
        }
        if let Some(seed) = self.seed {
            shake(&mut settings.mmu, seed);
        }
        settings.mmu.validate()?;
        settings.kernel.frames(&settings.mmu)?;
        Ok(settings)
    }
}

/// The settings that a complete table states.
fn whole(table: &Table) -> Result<Settings, toml::de::Error> {
    let mut mmu = table.clone();
    let mut kernel = match mmu.remove(KERNEL) {
        Some(Value::Table(kernel)) => kernel,
        Some(_) => return Err(serde::de::Error::custom("`kernel` is a section: write [kernel]")),
        None => Table::new(),
    };
    for (name, value) in &mut kernel {
        if let Value::String(text) = value
            && ["bytes", "bytes_max", "start", "addr"].iter().any(|unit| name.ends_with(unit))
            && let Ok(ByteSize(bytes)) = text.parse()
            && let Ok(bytes) = i64::try_from(bytes)
        {
            *value = Value::Integer(bytes);
        }
    }
    Ok(Settings { mmu: mmu.try_into()?, kernel: kernel.try_into()? })
}

/// Random latencies and stalls from `seed`; what the settings already draw at random keeps its bounds.
fn shake(mmu: &mut MmuConfig, seed: u64) {
    let timing = &mut mmu.timing;
    timing.memory = match timing.memory {
        MemoryTiming::Random { latency_max, ready_delay_max, .. } => {
            MemoryTiming::Random { seed, latency_max, ready_delay_max }
        }
        MemoryTiming::Fixed { .. } => MemoryTiming::Random {
            seed,
            latency_max: SEEDED_LATENCY_MAX,
            ready_delay_max: SEEDED_READY_DELAY_MAX,
        },
    };
    timing.stall_seed = seed;
    for percent in [&mut timing.response_stall_percent, &mut timing.request_stall_percent] {
        if *percent == 0 {
            *percent = SEEDED_STALL_PERCENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::Structure;
    use pagewalk_kernel::AdMode;

    fn resolve(args: MachineArgs) -> Result<Settings, String> {
        let layers = Layers::read(&args).map_err(|e| e.to_string())?;
        let format = layers.one_format().map_err(|e| e.to_string())?;
        layers.settings(format).map_err(|e| e.to_string())
    }

    fn set(assignments: &[&str]) -> Result<Settings, String> {
        resolve(MachineArgs {
            set: assignments.iter().map(|&a| a.to_owned()).collect(),
            ..MachineArgs::default()
        })
    }

    #[test]
    fn assignments_reach_mmu_and_kernel() {
        let settings = set(&[
            "l1d.structure.ways=4",
            "kernel.ad_mode=software",
            "kernel.memory_bytes=1GiB",
            "kernel.memory_start=0x90000000",
            "timing.memory.latency=3",
        ])
        .unwrap();
        assert_eq!(
            settings.mmu.l1d.structure,
            Structure::SetAssociative { sets: 16, ways: 4, superpage_sets: 16 }
        );
        assert_eq!(settings.mmu.timing.memory, MemoryTiming::Fixed { latency: 3 });
        assert_eq!(settings.kernel.ad_mode, AdMode::Software);
        assert_eq!(settings.kernel.memory_bytes, 1 << 30);
        assert_eq!(settings.kernel.memory_start.map(|a| a.0), Some(0x9000_0000));
    }

    #[test]
    fn another_kind_takes_its_own_fields() {
        let settings = set(&["l1i.structure.kind=fully-associative", "l1i.structure.entries=16"]).unwrap();
        assert_eq!(settings.mmu.l1i.structure, Structure::FullyAssociative { entries: 16 });
        assert!(set(&["l1i.structure.kind=fully-associative"]).unwrap_err().contains("entries"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(
            set(&["l1d.structure.ways=3"]).unwrap_err().starts_with("configuration: l1d.structure.ways = 3")
        );
        let unknown = set(&["l1d.structure.wais=4"]).unwrap_err();
        assert!(unknown.starts_with("--set l1d.structure.wais=4: unknown field `wais`"), "{unknown}");
        assert!(set(&["kernel.nothing=4"]).unwrap_err().contains("unknown field `nothing`"));
        assert!(set(&["kernel=4"]).unwrap_err().contains("[kernel]"));
        for wrong in ["ways", "=4", "a..b=1", "a b=1", ""] {
            assert!(set(&[wrong]).unwrap_err().contains("write it as KEY=VALUE"), "{wrong}");
        }
        assert!(set(&["format=sv40"]).unwrap_err().contains("unknown page-table format `sv40`"));
        let preset = MachineArgs { preset: Some("huge".into()), ..MachineArgs::default() };
        assert!(resolve(preset).unwrap_err().contains("choose one of balanced, small"));
    }

    #[test]
    fn a_seed_shakes_all_that_has_time() {
        let settings = resolve(MachineArgs { seed: Some(u64::MAX), ..MachineArgs::default() }).unwrap();
        let timing = settings.mmu.timing;
        assert!(matches!(timing.memory, MemoryTiming::Random { seed: u64::MAX, .. }));
        assert_eq!((timing.stall_seed, timing.request_stall_percent), (u64::MAX, SEEDED_STALL_PERCENT));
    }
}
