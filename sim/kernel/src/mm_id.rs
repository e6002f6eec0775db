//! The number of an address space. Owns the word: what it names is [`crate::AddressSpace`].

/// Number of an address space, counted from 1 in order of creation. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MmId(pub u32);

impl MmId {
    /// The empty tables that a CPU has loaded while it runs nothing: nobody's.
    pub(crate) const IDLE: Self = Self(0);
}
