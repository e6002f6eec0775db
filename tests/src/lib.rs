//! What the suites share: random stimulus and configurations, deliberate faults, the engines under
//! test, the event-driven simulator, the running Linux and what one answered, the programs that judge Verilog, and the list of checks that could
//! not run. Owns no expectations: those are in the tests and in the files of cases.

pub mod configurations;
pub mod differential;
pub mod engines;
pub mod event_driven;
pub mod faults;
pub mod linters;
pub mod linux;
pub mod recording;
pub mod stimulus;
pub mod trial;

pub use pagewalk_skipped as skipped;
