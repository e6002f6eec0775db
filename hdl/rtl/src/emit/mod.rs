//! Verilog-2001 from a tree of blocks.
//!
//! Owns everything between the syntax trees that `hdl_gen` records and the text: meaning, checks and print. rust-hdl's
//! own generator is not used: it gets precedence and widths wrong and puts each module into one big block.
//!
//! The way of a block: [`design`] gathers it with a probe; [`symbols`] names what its kernel can name; [`lower`] unrolls
//! loops and types expressions ([`expr`], [`stmt`]); [`flow`] finds latches, loops and what nothing observes; [`group`] splits
//! the kernel into independent pieces, [`simplify`] shortens them; [`module`] runs all this; [`print_expr`] and
//! [`print_module`] print. Modules with the same text are printed once.
//!
//! What is promised of the text: the same bytes for the same blocks; every expression as wide as what it is assigned to or
//! compared with; no latch, no combinational loop, no undriven signal; names as the fields spell them.

mod design;
mod error;
mod expr;
mod flow;
mod group;
mod index;
mod lower;
mod module;
mod module_name;
mod names;
mod ports;
mod print_expr;
mod print_module;
mod simplify;
mod stmt;
mod symbols;

pub use error::{Defect, EmitError};
pub use module_name::ModuleName;
pub use ports::{Port, PortDirection};

use design::{Scope, gather};
use error::Checked;
use flow::PathsThrough;
use module::{Module, PartModule};
use names::check_keyword;
use print_module::print_body;
use rust_hdl::prelude::Block;
use std::collections::{BTreeSet, HashMap};

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
    for entry in &library.entries {
        text.push_str(&format!("\nmodule {}{}", entry.name, entry.body));
    }
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

/// A finished module.
struct Entry {
    name: String,
    body: String,
    ports: Vec<Port>,
    paths: PathsThrough,
}

/// The modules finished so far, parts before what contains them.
#[derive(Default)]
struct Library {
    entries: Vec<Entry>,
    by_body: HashMap<String, usize>,
    names: BTreeSet<String>,
}

impl Library {
    /// The module of a scope, with all below it. `path` are the field names from the top.
    fn add(&mut self, scope: &Scope, top_name: &str, path: &[&str]) -> Result<usize, EmitError> {
        let mut modules = vec![];
        for part in &scope.parts {
            let below: Vec<&str> = path.iter().copied().chain([part.name.as_str()]).collect();
            modules.push(match part.primitive {
                Some(_) => None,
                None => Some(self.add(part, top_name, &below)?),
            });
        }
        let entries = &self.entries;
        let parts: Vec<PartModule> = modules
            .into_iter()
            .map(|module| module.map(|at: usize| (at, entries[at].ports.as_slice(), &entries[at].paths)))
            .collect();
        let mut module = Module::new(scope, &parts).map_err(|defect| {
            let place = [top_name].iter().chain(path).copied().collect::<Vec<_>>().join(".");
            EmitError { module: place.replace('$', "."), defect }
        })?;
        let module_names: Vec<String> = self.entries.iter().map(|entry| entry.name.clone()).collect();
        let body = print_body(&mut module, &module_names);
        if let Some(&known) = self.by_body.get(&body).filter(|_| !path.is_empty()) {
            return Ok(known);
        }
        let name = self.name(scope, top_name, path);
        let at = self.entries.len();
        self.by_body.insert(body.clone(), at);
        self.entries.push(Entry { name, body, ports: module.symbols.ports, paths: module.paths });
        Ok(at)
    }

    /// A free module name: what the block asks for, else the path to it.
    fn name(&mut self, scope: &Scope, top_name: &str, path: &[&str]) -> String {
        let fields = path.iter().map(|field| field.split('$').next().unwrap_or(field));
        let by_path = [top_name].into_iter().chain(fields).collect::<Vec<_>>().join("_");
        let wanted = match &scope.module_name {
            Some(name) if !path.is_empty() => format!("{top_name}_{name}"),
            _ => by_path.clone(),
        };
        let mut name = if self.names.contains(&wanted) { by_path.clone() } else { wanted };
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{by_path}_{number}");
            number += 1;
        }
        name
    }
}
