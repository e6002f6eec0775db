//! `/proc/pagetypeinfo`: free blocks by order and kind, and how many page blocks are of each kind.

use crate::ORDER_COUNT;
use std::fmt;

/// Kinds of blocks, in the order of the screen.
const KINDS: [&str; 5] = ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"];

/// A zone by kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZonePageTypes {
    /// Its node's number.
    pub node: u32,
    /// Its name.
    pub name: &'static str,
    /// Free blocks of each order: unmovable, movable, reclaimable, kept for high orders, isolated.
    pub free: [[u64; ORDER_COUNT]; 5],
    /// Page blocks of each kind.
    pub blocks: [u64; 5],
}

/// `/proc/pagetypeinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageTypeInfo {
    /// Order of a page block: that of a huge page.
    pub block_order: u32,
    /// The zones that have memory.
    pub zones: Vec<ZonePageTypes>,
}

impl fmt::Display for PageTypeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Page block order: {}", self.block_order)?;
        writeln!(f, "Pages per block:  {}\n", 1u64 << self.block_order)?;
        write!(f, "{:<43} ", "Free pages count per migrate type at order")?;
        (0..ORDER_COUNT).try_for_each(|order| write!(f, "{order:6} "))?;
        writeln!(f)?;
        for zone in &self.zones {
            for (kind, free) in KINDS.iter().zip(&zone.free) {
                write!(f, "Node {:4}, zone {:>8}, type {kind:>12} ", zone.node, zone.name)?;
                free.iter().try_for_each(|blocks| write!(f, "{blocks:6} "))?;
                writeln!(f)?;
            }
        }
        write!(f, "\n{:<23}", "Number of blocks type ")?;
        KINDS.iter().try_for_each(|kind| write!(f, "{kind:>12} "))?;
        writeln!(f)?;
        for zone in &self.zones {
            write!(f, "Node {}, zone {:>8} ", zone.node, zone.name)?;
            zone.blocks.iter().try_for_each(|blocks| write!(f, "{blocks:12} "))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: &str = "\
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10 \n\
Node    0, zone      DMA, type    Unmovable      0      0      0      0      0      1      1      1      0      0      0 \n\
Node    0, zone      DMA, type      Movable      0      0      0      0      0      0      0      0      0      1      3 \n\
Node    0, zone      DMA, type  Reclaimable      0      0      0      0      0      0      0      0      0      0      0 \n\
Node    0, zone      DMA, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0 \n\
Node    0, zone      DMA, type      Isolate      0      0      0      0      0      0      0      0      0      0      0 \n\n\
Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate \n\
Node 0, zone      DMA            1            7            0            0            0 \n";

    #[test]
    fn the_layout_is_that_of_linux() {
        let mut dma = ZonePageTypes { name: "DMA", blocks: [1, 7, 0, 0, 0], ..ZonePageTypes::default() };
        dma.free[0] = [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0];
        dma.free[1][9..].copy_from_slice(&[1, 3]);
        let text = PageTypeInfo { block_order: 9, zones: vec![dma] }.to_string();
        for (ours, theirs) in text.lines().zip(MEASURED.lines()) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(text, MEASURED);
    }
}
