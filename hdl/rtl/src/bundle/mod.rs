//! The interfaces between blocks, each declared once. Owns no logic.

pub mod mode;
