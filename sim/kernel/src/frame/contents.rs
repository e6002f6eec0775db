//! What pages hold, where a machine keeps that at all: bytes that programs wrote, by frame, by slot of swap, by page of a file
//! on its device.
//!
//! Owns the bytes. A page that nothing is known of holds zeroes. Who copies what where, and when, is for those that move
//! pages: this is how it shows whether they did.

use crate::Pfn;
use pagewalk_arch::{FRAME_BYTES, PhysAddr};
use std::collections::HashMap;

/// The bytes of a page that are not zero, by their offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageData(Vec<(u16, u8)>);

impl PageData {
    /// The byte at `offset`.
    pub fn get(&self, offset: u16) -> u8 {
        self.0.binary_search_by_key(&offset, |byte| byte.0).map_or(0, |at| self.0[at].1)
    }
    /// Stores a byte.
    pub fn set(&mut self, offset: u16, value: u8) {
        match self.0.binary_search_by_key(&offset, |byte| byte.0) {
            Ok(at) if value == 0 => {
                self.0.remove(at);
            }
            Ok(at) => self.0[at].1 = value,
            Err(_) if value == 0 => {}
            Err(at) => self.0.insert(at, (offset, value)),
        }
    }
    /// Zeroes every byte from `offset` on.
    pub fn clear_from(&mut self, offset: u16) {
        self.0.retain(|byte| byte.0 < offset);
    }
}

/// A place that holds a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// A frame.
    Frame(Pfn),
    /// A slot of swap.
    Swap(u32),
    /// A page of a file on its device: number of the mapping, number of the page.
    Disk(u32, u32),
}

/// What all pages hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents(HashMap<Holder, PageData>);

impl Contents {
    /// Stores a byte in memory.
    pub(crate) fn store(&mut self, at: PhysAddr, value: u8) {
        self.0.entry(Holder::Frame(Pfn::of(at))).or_default().set((at.0 % FRAME_BYTES) as u16, value);
    }
    /// Reads a byte of memory.
    pub(crate) fn load(&self, at: PhysAddr) -> u8 {
        self.get(Holder::Frame(Pfn::of(at))).map_or(0, |page| page.get((at.0 % FRAME_BYTES) as u16))
    }
    /// What `holder` holds; `None`: zeroes.
    pub(crate) fn get(&self, holder: Holder) -> Option<&PageData> {
        self.0.get(&holder)
    }
    /// As [`Self::get`], to be changed.
    pub(crate) fn get_mut(&mut self, holder: Holder) -> &mut PageData {
        self.0.entry(holder).or_default()
    }
    /// `to` holds what `from` does from now on.
    pub(crate) fn copy(&mut self, from: Holder, to: Holder) {
        match self.0.get(&from).cloned() {
            Some(page) => self.0.insert(to, page),
            None => self.0.remove(&to),
        };
    }
    /// `holder` holds nothing any more.
    pub(crate) fn forget(&mut self, holder: Holder) {
        self.0.remove(&holder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_where_they_were_stored_and_zero_elsewhere() {
        let mut contents = Contents::default();
        contents.store(PhysAddr(0x5007), 9);
        contents.store(PhysAddr(0x5fff), 3);
        contents.copy(Holder::Frame(Pfn(5)), Holder::Swap(1));
        contents.store(PhysAddr(0x5007), 0);
        assert_eq!((contents.load(PhysAddr(0x5007)), contents.load(PhysAddr(0x5fff))), (0, 3));
        contents.copy(Holder::Swap(1), Holder::Frame(Pfn(6)));
        assert_eq!((contents.load(PhysAddr(0x6007)), contents.load(PhysAddr(0x6008))), (9, 0));
        contents.copy(Holder::Frame(Pfn(7)), Holder::Frame(Pfn(6)));
        assert_eq!(contents.load(PhysAddr(0x6007)), 0, "a page of zeroes was copied over it");
        contents.get_mut(Holder::Frame(Pfn(5))).clear_from(0x800);
        assert_eq!(contents.load(PhysAddr(0x5fff)), 0);
    }
}
