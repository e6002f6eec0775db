//! The way from the walkers to page-table memory. An adapter to another bus takes the place of memory here.

pub mod arbiter;
