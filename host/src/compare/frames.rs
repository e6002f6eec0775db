//! Another numbering of frames, accepted if it is one-to-one.
//!
//! A frame that was freed and is used again may have another partner: allocators differ in what else they hold. So the
//! numbering is one-to-one at every time, not for ever. It is broken where a page that has kept both its frames
//! finds one of them with another partner: then two frames of one file were one frame of the other at the same time.
//! Where a page may have been mapped anew, into the same frames by chance, [`FrameMap::forget`] says so: files tell by
//! accesses that were presented again after a fault.

use pagewalk_arch::FRAME_SHIFT;
use std::collections::HashMap;

/// Pages remembered as checked since the numbering last changed.
const CHECKED_COUNT: usize = 4096;

/// What is known of the numbering.
pub struct FrameMap {
    forward: HashMap<u64, u64>,
    backward: HashMap<u64, u64>,
    /// The frames in which each page was seen last.
    pages: HashMap<u64, (u64, u64)>,
    checked: Vec<Option<(u64, u64, u64)>>,
    renumbered: u64,
}

impl Default for FrameMap {
    fn default() -> Self {
        Self {
            forward: HashMap::new(),
            backward: HashMap::new(),
            pages: HashMap::new(),
            checked: vec![None; CHECKED_COUNT],
            renumbered: 0,
        }
    }
}

impl FrameMap {
    /// Pairs of frames that belong together at the end.
    pub fn pairs(&self) -> u64 {
        self.forward.len() as u64
    }
    /// Frames that were used again, with another partner than before.
    pub fn renumbered(&self) -> u64 {
        self.renumbered
    }

    /// The page of `va` was mapped anew.
    pub fn forget(&mut self, va: u64) {
        let page = va >> FRAME_SHIFT;
        self.pages.remove(&page);
        self.checked[page as usize % CHECKED_COUNT] = None;
    }

    /// Whether physical addresses `a` and `b` of `va` are the same place under the numbering. `page_bytes` of offset
    /// must be equal.
    pub fn agrees(&mut self, va: u64, a: u64, b: u64, page_bytes: u64) -> bool {
        if (a ^ b) & page_bytes.wrapping_sub(1) != 0 {
            return false;
        }
        let (page, a, b) = (va >> FRAME_SHIFT, a >> FRAME_SHIFT, b >> FRAME_SHIFT);
        let slot = page as usize % CHECKED_COUNT;
        if self.checked[slot] == Some((page, a, b)) {
            return true;
        }
        let kept = self.pages.insert(page, (a, b)) == Some((a, b));
        let partners = (self.forward.get(&a).copied(), self.backward.get(&b).copied());
        if partners != (Some(b), Some(a)) {
            self.link(a, b, partners);
            if kept {
                return false;
            }
            self.renumbered += u64::from(partners != (None, None));
        }
        self.checked[slot] = Some((page, a, b));
        true
    }

    fn link(&mut self, a: u64, b: u64, partners: (Option<u64>, Option<u64>)) {
        if let Some(other) = partners.0 {
            self.backward.remove(&other);
        }
        if let Some(other) = partners.1 {
            self.forward.remove(&other);
        }
        self.forward.insert(a, b);
        self.backward.insert(b, a);
        if partners != (None, None) {
            self.checked.fill(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether every access agrees: page, frame in one file, frame in the other.
    fn agree(accesses: &[(u64, u64, u64)]) -> Vec<bool> {
        let mut map = FrameMap::default();
        let at = |frame: u64| frame << FRAME_SHIFT;
        accesses.iter().map(|&(page, a, b)| map.agrees(at(page), at(a), at(b), 4096)).collect()
    }

    #[test]
    fn another_numbering_agrees() {
        assert_eq!(agree(&[(1, 10, 20), (2, 11, 21), (1, 10, 20), (3, 11, 21)]), [true; 4]);
    }

    #[test]
    fn a_frame_that_is_used_again_agrees() {
        assert_eq!(agree(&[(1, 10, 20), (2, 10, 21), (3, 11, 20), (1, 12, 22)]), [true; 4]);
    }

    #[test]
    fn two_frames_that_are_one_elsewhere_differ() {
        // Page 2 was to be copied: its frame is page 1's in one file alone.
        assert_eq!(agree(&[(1, 10, 20), (2, 11, 20), (1, 10, 20)]), [true, true, false]);
        // The same frame for two pages, of which one has its own in the other file.
        assert_eq!(agree(&[(1, 10, 20), (2, 10, 21), (1, 10, 20), (2, 10, 21)]), [true, true, false, false]);
    }

    #[test]
    fn a_page_that_was_mapped_anew_may_have_its_old_frames() {
        let mut map = FrameMap::default();
        let at = |frame: u64| frame << FRAME_SHIFT;
        assert!(map.agrees(at(1), at(10), at(20), 4096));
        assert!(map.agrees(at(2), at(10), at(21), 4096));
        map.forget(at(1));
        assert!(map.agrees(at(1), at(10), at(20), 4096));
        assert!(!map.agrees(at(2), at(10), at(21), 4096), "page 2 was not");
    }

    #[test]
    fn offsets_must_be_equal() {
        let mut map = FrameMap::default();
        assert!(map.agrees(0x1abc, 0x5abc, 0x9abc, 4096));
        assert!(!map.agrees(0x1abc, 0x5abc, 0x9abd, 4096));
        assert!(!map.agrees(0x20_3000, 0x40_3000, 0x60_4000, 2 << 20), "within the large page");
    }
}
