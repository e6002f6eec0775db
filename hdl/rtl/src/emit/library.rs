//! The modules of a design: each text once, parts before what contains them, and their names.

use super::design::Scope;
use super::error::EmitError;
use super::flow::PathsThrough;
use super::module::{Module, PartModule};
use super::ports::Port;
use super::print_module::{placeholder, print_body};
use std::collections::{BTreeSet, HashMap};

/// A finished module.
struct Entry {
    /// Its text, with [`placeholder`]s for the names of the modules it instantiates.
    body: String,
    ports: Vec<Port>,
    paths: PathsThrough,
    /// Field names from the top, without indices, for each place where it is used.
    uses: BTreeSet<Vec<String>>,
}

/// The modules finished so far.
#[derive(Default)]
pub(super) struct Library {
    entries: Vec<Entry>,
    by_body: HashMap<String, usize>,
}

impl Library {
    /// The module of a scope, with all below it. `path` are the raw field names from the top.
    pub fn add(&mut self, scope: &Scope, top_name: &str, path: &[&str]) -> Result<usize, EmitError> {
        let mut modules = vec![];
        for part in &scope.parts {
            let below: Vec<&str> = path.iter().copied().chain([part.name.as_str()]).collect();
            modules.push(match part.primitive {
                Some(_) => None,
                None => Some(self.add(part, top_name, &below)?),
            });
        }
        let known = |at: usize| (at, self.entries[at].ports.as_slice(), &self.entries[at].paths);
        let parts: Vec<PartModule> = modules.into_iter().map(|module| module.map(known)).collect();
        let mut module = Module::new(scope, &parts).map_err(|defect| {
            let place: Vec<&str> = [top_name].into_iter().chain(path.iter().copied()).collect();
            EmitError { module: place.join(".").replace('$', "."), defect }
        })?;
        let body = print_body(&mut module);
        let fields = path.iter().map(|field| field.split('$').next().unwrap_or(field).to_string());
        let fields: Vec<String> = fields.collect();
        if let Some(&known) = self.by_body.get(&body).filter(|_| !path.is_empty()) {
            self.entries[known].uses.insert(fields);
            return Ok(known);
        }
        self.by_body.insert(body.clone(), self.entries.len());
        self.entries.push(Entry {
            body,
            ports: module.symbols.ports,
            paths: module.paths,
            uses: BTreeSet::from([fields]),
        });
        Ok(self.entries.len() - 1)
    }

    /// The text of all modules. The last is the top.
    pub fn print(&self, top_name: &str) -> String {
        let names = self.names(top_name);
        let mut text = String::new();
        for (entry, name) in self.entries.iter().zip(&names) {
            let mut body = entry.body.clone();
            for (at, name) in names.iter().enumerate() {
                body = body.replace(&placeholder(at), name);
            }
            text.push_str(&format!("\nmodule {name}{body}"));
        }
        text
    }

    fn names(&self, top_name: &str) -> Vec<String> {
        let mut taken = BTreeSet::from([top_name.to_string()]);
        let last = self.entries.len().saturating_sub(1);
        let name = |(at, entry): (usize, &Entry)| {
            if at == last {
                return top_name.to_string();
            }
            let stem = format!("{top_name}_{}", entry.stem());
            let mut name = stem.clone();
            let mut number = 2;
            while !taken.insert(name.clone()) {
                name = format!("{stem}_{number}");
                number += 1;
            }
            name
        };
        self.entries.iter().enumerate().map(name).collect()
    }
}

impl Entry {
    /// What the module is called behind the name of the top: the field names that all its uses end in, else the path
    /// to the first.
    fn stem(&self) -> String {
        let Some(first) = self.uses.first() else { return String::new() };
        let common =
            (0..first.len()).find(|&skip| self.uses.iter().all(|fields| fields.ends_with(&first[skip..])));
        first[common.unwrap_or(0)..].join("_")
    }
}
