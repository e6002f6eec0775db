//! Migrate types: blocks of like mobility lie together, so that what cannot move fragments as little as possible.
//!
//! Owns the names, the order of fallback, and what may be stolen (Linux's mm/page_alloc.c). Does not own free lists.

use super::buddy::PAGEBLOCK_ORDER;

/// How the frames of a page block can be had back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MigrateType {
    /// Not at all before their owner gives them up: the kernel's own memory, page tables.
    Unmovable,
    /// By copying them elsewhere: what programs map.
    #[default]
    Movable,
    /// By asking their owner: dentries, inodes.
    Reclaimable,
}

/// Number of migrate types.
pub const MIGRATE_TYPES: usize = 3;

impl MigrateType {
    /// All, in Linux's order.
    pub const ALL: [Self; MIGRATE_TYPES] = [Self::Unmovable, Self::Movable, Self::Reclaimable];

    /// The name in `/proc/pagetypeinfo`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unmovable => "Unmovable",
            Self::Movable => "Movable",
            Self::Reclaimable => "Reclaimable",
        }
    }

    /// Whose blocks are taken when there are none of this type, first choice first.
    pub const fn fallbacks(self) -> [Self; 2] {
        match self {
            Self::Unmovable => [Self::Reclaimable, Self::Movable],
            Self::Movable => [Self::Reclaimable, Self::Unmovable],
            Self::Reclaimable => [Self::Unmovable, Self::Movable],
        }
    }

    /// Whether a request of this type that finds a foreign block of `order` takes over what else is free around it:
    /// large blocks are worth it, and so is everything that keeps unmovable frames in one place.
    pub(super) const fn steals(self, order: usize) -> bool {
        order >= PAGEBLOCK_ORDER / 2 || !matches!(self, Self::Movable)
    }
}
