//! What the suites share: hand-written cases, random stimulus, deliberate faults, and the engines under test. Owns no
//! expectations: those are in the tests and in the files of cases.

pub mod cases;
pub mod configurations;
pub mod engines;
pub mod event_driven;
pub mod faults;
pub mod recording;
pub mod stimulus;
pub mod trial;
