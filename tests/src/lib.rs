//! What the suites share: hand-written cases, random stimulus, deliberate faults, the engines under test, the running
//! Linux, the programs that judge Verilog, and the list of checks that could not run. Owns no expectations: those are in
//! the tests and in the files of cases.

pub mod cases;
pub mod differential;
pub mod engines;
pub mod faults;
pub mod linters;
pub mod stimulus;

pub use pagewalk_skipped as skipped;
