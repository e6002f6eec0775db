//! One worker: `status`, `smaps_rollup`, `smaps`, and the number of its areas.
//!
//! Owns the names in the report. The numbers are the kernel's own screens.

use super::nonzero;
use crate::workload::World;
use crate::workload::result::{LivingReport, Values};
use crate::workload::worker::Worker;
use pagewalk_arch::FRAME_SHIFT;
use pagewalk_kernel::{AddressSpace, SmapsArea, SmapsSizes, Status, Vma};
use serde_json::Value;
use std::collections::BTreeMap;

/// Areas beyond which `smaps` is not shown.
const AREAS_MAX: usize = 48;
/// Flags of `smaps` that a snapshot keeps.
const FLAGS: [&str; 10] = ["lo", "hg", "nh", "gd", "nr", "ac", "sr", "rr", "dc", "wf"];

/// The lines of `smaps` and `smaps_rollup` that a snapshot has.
fn smaps_lines(sizes: &SmapsSizes) -> [(&'static str, u64); 11] {
    [
        ("Rss", sizes.rss),
        ("Pss", sizes.pss),
        ("Shared_Clean", sizes.shared[0]),
        ("Shared_Dirty", sizes.shared[1]),
        ("Private_Clean", sizes.private[0]),
        ("Private_Dirty", sizes.private[1]),
        ("Referenced", sizes.referenced),
        ("Anonymous", sizes.anonymous),
        ("LazyFree", sizes.lazy_free),
        ("Locked", sizes.locked),
        ("Swap", sizes.swap),
    ]
}

/// The lines of `status` that a snapshot has; `code_max` KiB of what may be executed are the program's.
fn status_lines(status: &Status, code_max: u64) -> Values {
    let [anon, file, shmem] = status.rss;
    let executable = status.vm_exe + status.vm_lib;
    let code = code_max.min(executable);
    nonzero([
        ("VmPeak", status.vm_peak),
        ("VmSize", status.vm_size),
        ("VmLck", status.vm_lck),
        ("VmHWM", status.vm_hwm),
        ("VmRSS", anon + file + shmem),
        ("RssAnon", anon),
        ("RssFile", file),
        ("RssShmem", shmem),
        ("VmData", status.vm_data),
        ("VmStk", status.vm_stk),
        ("VmExe", code),
        ("VmLib", executable - code),
        ("VmPTE", status.vm_pte),
        ("VmSwap", status.vm_swap),
    ])
}

impl World<'_> {
    pub(super) fn living(&self, worker: &Worker, pid: u32) -> LivingReport {
        let space = self.kernel.address_space(pid).expect("who lives has an address space");
        let areas: Vec<&Vma> = space.vmas().iter().collect();
        let status = self.kernel.status(pid).unwrap_or_default();
        let total = self.kernel.smaps_rollup(self.platform, pid).unwrap_or_default();
        let report = (areas.len() <= AREAS_MAX).then(|| {
            let smaps = self.kernel.smaps(self.platform, pid).unwrap_or_default();
            let shown = areas.iter().zip(&smaps).filter(|(vma, _)| !self.is_of_program(space, vma));
            shown.map(|(vma, area)| self.area(space, vma, area)).collect()
        });
        let regions = worker.regions.iter();
        let is_recorded = self.recordings.keys().any(|&at| self.workers[at].pid == Some(pid));
        let code_max = if is_recorded { status.vm_exe } else { self.workload.image.worker.code.1.0 >> 10 };
        LivingReport {
            min_flt: worker.faults.minor,
            maj_flt: worker.faults.major,
            status_kb: status_lines(&status, code_max),
            oom_score: self.kernel.oom_score(pid).into(),
            oom_score_adj: self.kernel.credentials(pid).map_or(0, |who| who.oom_score_adj.into()),
            smaps_kb: nonzero(smaps_lines(&total.sizes)),
            vmas: areas.len() as u64,
            areas: report,
            regions: regions.map(|region| (region.name.clone(), self.region(space, region))).collect(),
        }
    }

    /// Whether an area is the program's own, which snapshots leave out.
    fn is_of_program(&self, space: &AddressSpace, vma: &Vma) -> bool {
        let name = self.kernel.area_name(space, vma);
        name.starts_with(&self.workload.image.worker.name) || name.starts_with("[v")
    }

    fn area(&self, space: &AddressSpace, vma: &Vma, smaps: &SmapsArea) -> BTreeMap<&'static str, Value> {
        let mut words = smaps.maps_line.split_whitespace();
        let (range, perms) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut name = self.kernel.area_name(space, vma);
        if vma.attributes.backing.file().is_some() && !name.starts_with('[') {
            name = format!("{name}@{:#x}", vma.page_offset << FRAME_SHIFT);
        }
        let mut area: BTreeMap<&'static str, Value> = BTreeMap::new();
        area.insert("range", range.into());
        area.insert("perms", perms.into());
        area.insert("name", name.into());
        let lines = smaps_lines(&smaps.sizes).into_iter().filter(|&(_, value)| value != 0);
        area.extend(lines.map(|(line, value)| (line, value.into())));
        let flags: Vec<&str> = smaps.flags.iter().copied().filter(|flag| FLAGS.contains(flag)).collect();
        if !flags.is_empty() {
            area.insert("flags", flags.join(" ").into());
        }
        area
    }
}
