//! Which neighbours become one: Linux's `is_mergeable_vma`, `is_mergeable_anon_vma` and the order in which
//! `vma_merge` looks at them (mm/vma.c; before 6.12 mm/mmap.c). Owns no areas.
//!
//! Two areas can only be one if they have the same attributes, if their offsets continue, and if their anonymous
//! memory has the same history. The first two are plain; the third is where versions of Linux differ.

use super::{AnonVma, Vma};
use crate::{PageRange, Vpn};

/// How a version of Linux judges the histories of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeRules {
    /// An area with anonymous memory may join an untouched neighbour (since 6.16). Before, only the other way round:
    /// the test asked for a chain of exactly one link in the neighbour, which an untouched one does not have.
    pub used_joins_untouched: bool,
    /// mmap looks at the upper neighbour first, and what has joined it joins the lower as memory of its history (before
    /// 6.12). Else, as always for other calls, both neighbours are looked at for the new memory alone, and of two that
    /// cannot be one the lower is joined.
    pub mmap_looks_up_first: bool,
    /// What MREMAP_DONTUNMAP puts beside the area that it was moved from.
    pub beside_source: BesideSource,
}

/// What becomes of untouched memory that MREMAP_DONTUNMAP puts beside its source, which could join it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideSource {
    /// It joins the source as it joins any other neighbour.
    Joins,
    /// It may join its other neighbour.
    SparesSource,
    /// It joins nothing.
    StaysAlone,
}

impl Default for MergeRules {
    fn default() -> Self {
        Self { used_joins_untouched: true, mmap_looks_up_first: false, beside_source: BesideSource::Joins }
    }
}

/// What asks to join a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// Pages that no area held: a new mapping.
    New(Option<AnonVma>),
    /// Pages that no area held and that continue one.
    Grown(Option<AnonVma>),
    /// What mremap moves here, with its history, and the page that it was moved from if that stays mapped.
    Moved(Option<AnonVma>, Option<Vpn>),
    /// An area, or the part of one, whose attributes have changed.
    Changed(Option<AnonVma>),
}

impl Candidate {
    fn anon(self) -> Option<AnonVma> {
        match self {
            Candidate::New(anon)
            | Candidate::Grown(anon)
            | Candidate::Moved(anon, _)
            | Candidate::Changed(anon) => anon,
        }
    }

    /// Whether `neighbour` is where it comes from.
    fn is_from(self, neighbour: &Vma) -> bool {
        matches!(self, Candidate::Moved(_, Some(source)) if neighbour.pages.contains(source))
    }
}

impl MergeRules {
    /// Whether `candidate` may join `neighbour` by the rules of anonymous memory.
    pub(super) fn may_join(self, candidate: Candidate, neighbour: &Vma) -> bool {
        let is_sole = |anon: AnonVma| !anon.inherited;
        match (neighbour.anon, candidate.anon()) {
            (None, None) => true,
            (Some(theirs), None) => is_sole(theirs),
            (None, Some(ours)) => {
                self.used_joins_untouched
                    && (matches!(candidate, Candidate::New(_) | Candidate::Grown(_)) || is_sole(ours))
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
        let is_source = |neighbour: &Vma| candidate.is_from(neighbour);
        let (below, above) = match self.beside_source {
            BesideSource::Joins => (below, above),
            BesideSource::SparesSource => {
                (below.filter(|vma| !is_source(vma)), above.filter(|vma| !is_source(vma)))
            }
            BesideSource::StaysAlone if below.iter().chain(&above).any(is_source) => (None, None),
            BesideSource::StaysAlone => (below, above),
        };
        let (Some(lower), Some(upper)) = (below, above) else { return (below, above) };
        let looks_up_first = self.mmap_looks_up_first && matches!(candidate, Candidate::New(_));
        // Compatible with either does not mean that the two are with each other.
        let together = match (lower.anon, upper.anon) {
            (Some(a), Some(b)) => a.id == b.id,
            (None, Some(_)) => !looks_up_first,
            _ => true,
        };
        match (together, looks_up_first) {
            (true, _) => (below, above),
            (false, false) => (below, None),
            (false, true) => (None, above),
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
