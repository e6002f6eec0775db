//! What the suites share: random stimulus, and the engines under test. Owns no expectations: those are in the tests.

pub mod engines;
pub mod stimulus;
