//! What a user can set about the kernel, and what is wrong with it when it cannot work.

use crate::{DiskConfig, LinuxVersion, MemoryLayout, PcBoot, PcMachine};
use pagewalk_arch::{FRAME_BYTES, FRAME_SHIFT, FormatSpec, Isa, MmuConfig, PhysAddr, VirtAddr};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Who sets the A and D bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdMode {
    /// The walker (x86; RISC-V Svadu). The kernel makes entries with both bits clear.
    #[default]
    Hardware,
    /// The fault handler (RISC-V Svade): a clear bit faults.
    Software,
}

/// What an access means where no area covers its page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VmaPolicy {
    /// The page was mapped before recording began (the image, the stack), unless the trace itself unmapped it: an
    /// area is inferred, with the rights that the accesses need.
    #[default]
    Infer,
    /// A segmentation violation: the trace maps all that it uses.
    Strict,
}

/// What is done where processes together want more memory than there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadControl {
    /// Nothing, as in Linux: reclaim takes from everybody.
    #[default]
    None,
    /// Processes are suspended until the working sets of the others fit.
    WorkingSet,
    /// A process is suspended where one faults more often than `pff_upper`, and comes back below `pff_lower`.
    Pff,
}

/// The kernel's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelConfig {
    /// Installed memory in bytes, rounded down to frames and clipped to what page tables can address. Costs nothing
    /// until it is used.
    pub memory_bytes: u64,
    /// First byte of memory, rounded up to a frame. By default 2 GiB on RISC-V with physical addresses beyond
    /// 32 bits, as boards have it, and 1 MiB elsewhere.
    pub memory_start: Option<PhysAddr>,
    /// The machine is a PC under Linux: with its zones, watermarks and lists of CPUs, its slabs, and what the kernel itself
    /// takes. Memory begins at 0 then. Without, all memory is for programs and page tables.
    pub pc: Option<PcMachine>,
    /// Who sets A and D bits.
    pub ad_mode: AdMode,
    /// What an access without an area means.
    pub vma_policy: VmaPolicy,
    /// Whether reads of untouched anonymous memory share one page of zeroes, as in Linux.
    pub zero_page: bool,
    /// No area is inferred below this address: Linux's `vm.mmap_min_addr`.
    pub mmap_min_addr: VirtAddr,
    /// Up to this many pages are flushed one by one, more by a flush of the address space: Linux's
    /// `tlb_single_page_flush_ceiling`.
    pub flush_ceiling_pages: u64,
    /// Bytes to which a stack may grow: RLIMIT_STACK.
    pub stack_bytes_max: u64,
    /// Bytes of a file's cached pages that a read fault maps at once: Linux's `fault_around_bytes`. Rounded down to a power
    /// of two; one page or less: only what is touched.
    pub fault_around_bytes: u64,
    /// Whether files of a trace were in the page cache before recording began, so that no access waits for them.
    pub files_are_warm: bool,
    /// Nanoseconds that pass with an access.
    pub ns_per_access: u64,
    /// The disk that files lie on.
    pub disk: DiskConfig,
    /// Whether a fence follows where reclaim clears an A bit: Linux on x86 and RISC-V leaves it out.
    pub flush_young: bool,
    /// Whether processes are suspended where memory does not suffice for all, and by which policy.
    pub load_control: LoadControl,
    /// Accesses of a process after which load control judges it.
    pub load_window: u64,
    /// Major faults in a million accesses: above, a process lacks memory.
    pub pff_upper: u64,
    /// Major faults in a million accesses: below, it has enough.
    pub pff_lower: u64,
    /// Which version of Linux it is.
    pub linux: LinuxVersion,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            memory_bytes: 16 << 30,
            memory_start: None,
            pc: None,
            ad_mode: AdMode::default(),
            vma_policy: VmaPolicy::default(),
            zero_page: true,
            mmap_min_addr: VirtAddr(0x1_0000),
            flush_ceiling_pages: 33,
            stack_bytes_max: 8 << 20,
            fault_around_bytes: 64 << 10,
            files_are_warm: true,
            ns_per_access: 10,
            disk: DiskConfig::default(),
            flush_young: false,
            load_control: LoadControl::default(),
            load_window: 100_000,
            pff_upper: 1000,
            pff_lower: 100,
            linux: LinuxVersion::default(),
        }
    }
}

/// A setting that no kernel can run with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Memory starts beyond the last address that a page-table entry can name.
    #[error(
        "kernel.memory_start = {start}: {format} with {physical_bits} physical bits addresses memory below \
         {end:#x}; choose a lower start"
    )]
    MemoryOutOfReach {
        /// Where it was to start.
        start: PhysAddr,
        /// Name of the page-table format.
        format: &'static str,
        /// Implemented physical-address bits.
        physical_bits: u32,
        /// First byte out of reach.
        end: u64,
    },
    /// Too few frames to hold the kernel's own tables.
    #[error("kernel.memory_bytes: {bytes} bytes of usable memory are too few; give it at least {least}")]
    MemoryTooSmall {
        /// Bytes that are left after rounding and clipping.
        bytes: u64,
        /// The least that works.
        least: u64,
    },
    /// x86-PAE's root must lie where CR3 reaches, but all memory lies higher.
    #[error(
        "kernel.memory_start = {start}: x86-PAE needs memory below 4 GiB for the tables that CR3 names; \
         choose a lower start"
    )]
    NoLowMemory {
        /// Where memory starts.
        start: PhysAddr,
    },
    /// x86 walkers always set A and D.
    #[error("kernel.ad_mode = \"software\": {format} has no faults for A and D bits; use \"hardware\"")]
    NoSoftwareAd {
        /// Name of the page-table format.
        format: &'static str,
    },
}

/// The fewest frames that a kernel starts with.
const FRAMES_MIN: u64 = 16;

impl KernelConfig {
    /// Where memory starts when nothing is said.
    fn default_start(mmu: &MmuConfig) -> PhysAddr {
        let high = mmu.spec().isa == Isa::RiscV && mmu.table_address_bits() > 32;
        PhysAddr(if high { 0x8000_0000 } else { 0x10_0000 })
    }

    /// The frames of the machine under `mmu`: rounded, clipped, and checked with every other setting.
    pub fn frames(&self, mmu: &MmuConfig) -> Result<Range<u64>, ConfigError> {
        let spec = mmu.spec();
        if self.ad_mode == AdMode::Software && spec.isa == Isa::X86 {
            return Err(ConfigError::NoSoftwareAd { format: spec.name });
        }
        let start = self.memory_start.unwrap_or(Self::default_start(mmu));
        let end = 1u64 << mmu.table_address_bits();
        let first = if self.pc.is_some() { 0 } else { start.0.div_ceil(FRAME_BYTES) };
        if first >= end >> FRAME_SHIFT {
            let (format, physical_bits) = (spec.name, mmu.table_address_bits());
            return Err(ConfigError::MemoryOutOfReach { start, format, physical_bits, end });
        }
        let frames = (self.memory_bytes >> FRAME_SHIFT).min((end >> FRAME_SHIFT) - first);
        if frames < FRAMES_MIN {
            let (bytes, least) = (frames << FRAME_SHIFT, FRAMES_MIN << FRAME_SHIFT);
            return Err(ConfigError::MemoryTooSmall { bytes, least });
        }
        if spec.resident_root_entries > 0 && first >= 1 << (32 - FRAME_SHIFT) {
            return Err(ConfigError::NoLowMemory { start });
        }
        Ok(first..first + frames)
    }

    /// How memory under `mmu` is laid out; `frames` are those of the machine. Of a PC, what it is and what its kernel holds.
    pub(crate) fn layout(
        &self,
        mmu: &MmuConfig,
        frames: Range<u64>,
    ) -> Result<(MemoryLayout, Option<PcBoot>), ConfigError> {
        let spec = mmu.spec();
        let Some(pc) = self.pc else {
            return Ok((MemoryLayout::plain(frames, Self::has_dma32(spec)), None));
        };
        let memory_bytes = self.memory_bytes.min(1 << mmu.table_address_bits());
        let machine = PcMachine { memory_bytes, is_32_bit: spec.va_bits <= 32, ..pc };
        let boot = PcBoot::of(&machine);
        let layout = MemoryLayout::pc(&machine, &boot);
        if !machine.is_large_enough() {
            return Err(ConfigError::MemoryTooSmall { bytes: memory_bytes, least: machine.least_bytes() });
        }
        Ok((layout, Some(boot)))
    }

    /// Whether memory below 4 GiB is a zone of its own: wherever entries can name more.
    pub(crate) fn has_dma32(spec: &FormatSpec) -> bool {
        spec.pte_bytes == 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagewalk_arch::PagingFormat;

    #[test]
    fn memory_is_clipped_to_what_entries_can_name() {
        let frames = |format, bits| {
            let mmu = MmuConfig { physical_bits: bits, ..MmuConfig::of(format) };
            KernelConfig::default().frames(&mmu).unwrap()
        };
        assert_eq!(frames(PagingFormat::Sv39, 56), 0x8_0000..0x8_0000 + (4 << 20));
        assert_eq!(frames(PagingFormat::Sv39, 33), 0x8_0000..1 << 21);
        assert_eq!(frames(PagingFormat::Sv32, 34), 0x8_0000..1 << 22);
        assert_eq!(frames(PagingFormat::X86Legacy, 40), 0x100..1 << 20, "PSE-36 is for 4 MiB pages alone");
        assert_eq!(frames(PagingFormat::La48, 24), 0x100..1 << 12);
    }

    #[test]
    fn what_cannot_work_says_so() {
        let sv32 = MmuConfig::of(PagingFormat::Sv32);
        let pae = MmuConfig::of(PagingFormat::X86Pae);
        let base = KernelConfig::default();
        let error = |config: KernelConfig, mmu: &MmuConfig| config.frames(mmu).unwrap_err().to_string();
        let start = |a| KernelConfig { memory_start: Some(PhysAddr(a)), ..base };
        assert_eq!(
            error(start(1 << 34), &sv32),
            "kernel.memory_start = 0x400000000: sv32 with 34 physical bits addresses memory below 0x400000000; \
             choose a lower start"
        );
        assert!(error(start(u64::MAX), &sv32).contains("choose a lower start"));
        assert!(error(start(1 << 32), &pae).contains("below 4 GiB"));
        assert_eq!(
            error(KernelConfig { memory_bytes: 4097, ..base }, &sv32),
            "kernel.memory_bytes: 4096 bytes of usable memory are too few; give it at least 65536"
        );
        assert!(
            error(KernelConfig { ad_mode: AdMode::Software, ..base }, &pae).contains("use \"hardware\""),
            "x86 sets the bits itself"
        );
    }
}
