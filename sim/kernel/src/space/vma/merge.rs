//! Which neighbours become one: Linux's `is_mergeable_vma`, `is_mergeable_anon_vma` and the order in which
//! `vma_merge` looks at them (mm/vma.c; before 6.12 mm/mmap.c). Owns no areas.
//!
//! Two areas can only be one if they have the same attributes, if their offsets continue, and if their anonymous
//! memory has the same history. The first two are plain; the third is where versions of Linux differ.

use super::{AnonVma, Vma};
use crate::PageRange;

/// How a version of Linux judges the histories of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeRules {
    /// An area with anonymous memory may join an untouched neighbour (since 6.16). Before, only the other way round:
    /// the test asked for a chain of exactly one link in the neighbour, which an untouched one does not have.
    pub used_joins_untouched: bool,
    /// Of two neighbours that a new area cannot both join, it joins the lower (since 6.12), else the upper.
    pub prefers_lower: bool,
}

impl Default for MergeRules {
    fn default() -> Self {
        Self { used_joins_untouched: true, prefers_lower: true }
    }
}

/// What asks to join a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// Pages that no area held: a new mapping, or the continuation of an area.
    New(Option<AnonVma>),
    /// What mremap moves here, with its history.
    Moved(Option<AnonVma>),
    /// An area, or the part of one, whose attributes have changed.
    Changed(Option<AnonVma>),
}

impl Candidate {
    fn anon(self) -> Option<AnonVma> {
        match self {
            Candidate::New(anon) | Candidate::Moved(anon) | Candidate::Changed(anon) => anon,
        }
    }
}

impl MergeRules {
    /// Whether `candidate` may join `neighbour`, as far as anonymous memory is concerned.
    pub(super) fn may_join(self, candidate: Candidate, neighbour: &Vma) -> bool {
        let is_sole = |anon: AnonVma| !anon.inherited;
        match (neighbour.anon, candidate.anon()) {
            (None, None) => true,
            (Some(theirs), None) => is_sole(theirs),
            (None, Some(ours)) => {
                self.used_joins_untouched && (matches!(candidate, Candidate::New(_)) || is_sole(ours))
            }
            (Some(theirs), Some(ours)) => theirs.id == ours.id,
        }
    }

    /// Which of the neighbours below and above, each of which `candidate` may join, it joins.
    pub(super) fn choose(
        self,
        candidate: Candidate,
        below: Option<Vma>,
        above: Option<Vma>,
    ) -> (Option<Vma>, Option<Vma>) {
        let (Some(lower), Some(upper)) = (below, above) else { return (below, above) };
        // Compatible with either does not mean that the two are with each other.
        let together = match (lower.anon, upper.anon) {
            (Some(a), Some(b)) => a.id == b.id,
            _ => true,
        };
        match (together, self.prefers_lower || matches!(candidate, Candidate::Changed(_))) {
            (true, _) => (below, above),
            (false, true) => (below, None),
            (false, false) => (None, above),
        }
    }
}

/// Whether `upper`, which begins where `lower` ends, continues it in everything but its history.
pub(super) fn continues(lower: &Vma, upper: &Vma) -> bool {
    lower.pages.end() == upper.pages.start()
        && lower.attributes == upper.attributes
        && lower.offset_of(upper.pages.start()) == upper.page_offset
}

/// `lower` and `upper` as one area.
pub(super) fn joined(lower: &Vma, upper: &Vma) -> Vma {
    let pages = PageRange::new(lower.pages.start(), upper.pages.end());
    let had_guards = lower.had_guards || upper.had_guards;
    Vma { pages, anon: lower.anon.or(upper.anon), had_guards, ..*lower }
}

/// The `anon_vma` that a neighbour lends to an area that gets its first anonymous page, so that the two can merge
/// once their rights are equal again: `reusable_anon_vma`. `lower` ends where `upper` begins; one of them is `lender`.
pub(super) fn lends(lower: &Vma, upper: &Vma, lender: &Vma) -> Option<AnonVma> {
    let same = |vma: &Vma| super::VmaAttributes { protection: Default::default(), ..vma.attributes };
    let compatible = lower.pages.end() == upper.pages.start()
        && same(lower) == same(upper)
        && lower.offset_of(upper.pages.start()) == upper.page_offset;
    lender.anon.filter(|anon| compatible && !anon.inherited)
}
