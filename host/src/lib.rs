//! The pagewalk command line, and the library it is made of: traces of real programs and the commands over them.

pub mod cli;
pub mod compare;
pub mod input;
pub mod proc_tree;
pub mod record;
