//! Verilog-2001 from a tree of blocks.
//!
//! Owns everything between the syntax trees that `hdl_gen` records and the text: meaning, checks and print. rust-hdl's
//! own generator is not used: it gets precedence and widths wrong and puts each module into one big block.
//!
//! The way of a block: `design` gathers it with a probe; `symbols` names what its kernel can name; `lower` unrolls
//! loops, `lower_expr` types expressions (`expr`, `stmt`); `flow` finds latches, loops and what nothing observes;
//! `constant` computes what never changes; `group` splits the kernel into independent pieces, `simplify` shortens
//! them; `module` runs all this; `print_expr` and `print_module` print. `library` keeps modules with the same text
//! once and names them.
//!
//! What is promised of the text: the same bytes for the same blocks; every expression as wide as what it is assigned
//! to or compared with; no latch, no combinational loop, no undriven signal, no block that reads nothing; names as
//! the fields spell them.

mod constant;
mod design;
mod error;
mod expr;
mod flow;
mod group;
mod index;
mod library;
mod lower;
mod lower_expr;
mod module;
mod names;
mod ports;
mod print_expr;
mod print_module;
mod simplify;
mod stmt;
mod symbols;

pub use error::{Defect, EmitError};
pub use ports::{Port, PortDirection};

use design::{Scope, gather};
use error::Checked;
use library::Library;
use names::check_keyword;
use rust_hdl::prelude::Block;

/// The Verilog of `top` and all below it, the top module last and called `top_name`. Each line of `header` becomes a
/// comment line at the beginning.
pub fn verilog(top: &impl Block, top_name: &str, header: &str) -> Result<String, EmitError> {
    let scope = top_scope(top, top_name)?;
    let mut library = Library::default();
    library.add(&scope, top_name, &[])?;
    let mut text = String::new();
    for line in header.lines() {
        text.push_str(format!("// {line}").trim_end());
        text.push('\n');
    }
    text.push_str("\n`default_nettype none\n");
    text.push_str(&library.print(top_name));
    text.push_str("\n`default_nettype wire\n");
    Ok(text)
}

/// The ports of `top`, in the order and under the names of the Verilog.
pub fn ports(top: &impl Block) -> Result<Vec<Port>, EmitError> {
    let scope = top_scope(top, "top")?;
    let ports: Checked<Vec<Port>> =
        symbols::Symbols::new(&Scope { parts: vec![], ..scope }, &[]).map(|s| s.ports);
    ports.map_err(|defect| EmitError { module: "top".to_string(), defect })
}

fn top_scope(top: &impl Block, top_name: &str) -> Result<Scope, EmitError> {
    let fail = |defect| EmitError { module: top_name.to_string(), defect };
    check_keyword(top_name).map_err(fail)?;
    let mut scopes = gather(top, top_name);
    match scopes.pop() {
        Some(scope) if scopes.is_empty() && scope.primitive.is_none() => Ok(scope),
        _ => Err(fail(Defect::NoModule)),
    }
}
