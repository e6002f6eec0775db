//! The pagewalk command line.
