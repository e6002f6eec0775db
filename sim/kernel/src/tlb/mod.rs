//! What the kernel knows of TLBs: under which ASID an address space may be cached on which CPU, and which fences a
//! change needs there. Never what is in one.

pub(crate) mod asid;
mod gather;
mod shootdown;

pub(crate) use gather::Gather;
