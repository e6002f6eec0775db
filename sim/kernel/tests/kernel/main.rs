//! The kernel on an MMU that forgets nothing: every fence that is missing shows as a stale translation.

mod address_space;
mod calls;
mod compaction;
mod cpus;
mod engines;
mod exhaustive;
mod fault;
mod files;
mod hostile;
mod life;
mod live;
mod load;
mod machine;
mod memory;
mod mmu;
mod out_of_memory;
mod pc;
mod process;
mod random;
mod screens;
mod swap;
mod tables;
