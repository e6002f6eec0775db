//! Load control: where the processes together want more memory than there is, one of them is suspended as a whole, all its
//! pages out, until the others leave room for it. What the textbooks set against thrashing, and what Linux leaves out.
//!
//! Owns who is suspended and who comes back, the last activated first out and the longest suspended first in. Does not own
//! who runs: an executor asks [`Kernel::is_suspended`] before it gives a process a CPU and [`Kernel::next_resumed`] when
//! none is left that may run. `working_set` and `fault_frequency` are the two policies; both go by a process's own
//! accesses, not by the clock, which runs on while it waits for a disk.

mod fault_frequency;
mod suspend;
mod working_set;

pub(crate) use suspend::LoadState;
pub(crate) use working_set::Touched;
