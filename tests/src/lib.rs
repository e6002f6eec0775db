//! What the suites share: hand-written cases, random stimulus, deliberate faults, the running Linux, and the engines
//! under test. Owns no
//! expectations: those are in the tests and in the files of cases.

pub mod cases;
pub mod differential;
pub mod engines;
pub mod faults;
pub mod stimulus;
