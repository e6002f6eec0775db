//! The pagewalk command line.

pub mod trace;
