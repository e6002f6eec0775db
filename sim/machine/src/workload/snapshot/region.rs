//! What lies behind the pages of a region: `pagemap`, `kpageflags` and `kpagecount`.

use crate::workload::World;
use crate::workload::worker::Region;
use pagewalk_arch::{FRAME_BYTES, VirtAddr};
use pagewalk_kernel::{AddressSpace, FolioFlags, Found, FrameUse, PageRange};
use serde_json::Value;
use std::collections::BTreeMap;

/// Larger regions are not looked into.
const BYTES_MAX: u64 = 1 << 30;

impl World<'_> {
    pub(super) fn region(&self, space: &AddressSpace, region: &Region) -> BTreeMap<&'static str, Value> {
        let memory = self.kernel.memory();
        let (mut present, mut swapped) = (0u64, 0u64);
        let mut counts = [
            ("file_or_shared", 0u64),
            ("exclusive", 0),
            ("zero_page", 0),
            ("mapped_by_many", 0),
            ("lru", 0),
            ("active", 0),
            ("referenced", 0),
            ("dirty", 0),
            ("unevictable", 0),
        ];
        let pages = PageRange::covering(VirtAddr(region.at), region.bytes);
        let leaves =
            pages.filter(|_| region.bytes <= BYTES_MAX).map(|pages| space.page_table().cursor(pages));
        if let Some(mut leaves) = leaves {
            while let Some(found) = leaves.next_used(self.platform) {
                let Found::Mapped(mapped) = found else {
                    swapped += 1;
                    continue;
                };
                let frame = mapped.pte.frame;
                let is_zero = memory.usage(frame) == Some(FrameUse::ZeroPage);
                let mappings = memory.mappings(frame);
                let has = |flag| memory.has(frame, flag);
                present += 1;
                let facts = [
                    !is_zero && !memory.is_anonymous(frame),
                    !is_zero && mappings == 1,
                    is_zero,
                    mappings > 1,
                    has(FolioFlags::LRU),
                    has(FolioFlags::ACTIVE),
                    has(FolioFlags::REFERENCED),
                    has(FolioFlags::DIRTY),
                    has(FolioFlags::UNEVICTABLE),
                ];
                for ((_, count), fact) in counts.iter_mut().zip(facts) {
                    *count += u64::from(fact);
                }
            }
        }
        let at = if region.at == 0 { "0x0".to_owned() } else { format!("{:#x}", region.at) };
        let mut row: BTreeMap<&'static str, Value> = BTreeMap::new();
        row.insert("at", at.into());
        row.insert("present", present.into());
        let totals = [("pages", region.bytes.div_ceil(FRAME_BYTES)), ("swapped", swapped)];
        for (name, count) in counts.into_iter().chain(totals).filter(|&(_, count)| count != 0) {
            row.insert(name, count.into());
        }
        row
    }
}
