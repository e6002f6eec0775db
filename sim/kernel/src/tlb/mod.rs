//! What the kernel knows of TLBs: under which ASID an address space may be cached, and which fences a change needs.

pub(crate) mod asid;
mod gather;

pub(crate) use gather::Gather;
