//! One module: from a scope to what is printed of it.
//!
//! Owns the order of the passes: symbols, lowering, flow, constants, removal of what nothing observes, groups,
//! simplification.

use super::constant::fold_constants;
use super::design::Scope;
use super::error::{Checked, Defect};
use super::expr::{Expr, Var};
use super::flow::{Flow, PathsThrough, is_live_output};
use super::group::Groups;
use super::lower::lower;
use super::ports::Port;
use super::simplify::{as_expression, join_assignments};
use super::stmt::{Stmt, is_plain, prune};
use super::symbols::{Role, Symbols};
use rust_hdl::prelude::Verilog;
use std::collections::{BTreeMap, BTreeSet};

/// How a group of signals is driven.
#[derive(Debug)]
pub(super) enum Logic {
    /// One continuous assignment.
    Assign(Var, Expr),
    /// A combinational block.
    Block(BTreeSet<Var>, Vec<Stmt>),
}

/// A module, ready to be printed.
#[derive(Debug)]
pub(super) struct Module {
    pub symbols: Symbols,
    /// Signals that reach an output, over any number of cycles.
    pub live: BTreeSet<Var>,
    pub logic: Vec<Logic>,
    /// Inputs of parts that are connected to a signal or number directly.
    pub aliases: BTreeMap<Var, Expr>,
    /// Combinational paths from inputs to outputs.
    pub paths: PathsThrough,
}

/// What a module must know of each part that is an instance: its place in the library, its ports and paths.
pub(super) type PartModule<'a> = Option<(usize, &'a [Port], &'a PathsThrough)>;

impl Module {
    /// The module of a scope.
    pub fn new(scope: &Scope, parts: &[PartModule]) -> Checked<Self> {
        let Verilog::Combinatorial(code) = &scope.code else { return Err(Defect::ForeignCode) };
        let ports: Vec<_> = parts.iter().map(|part| part.map(|(module, ports, _)| (module, ports))).collect();
        let paths: Vec<&PathsThrough> = parts.iter().flatten().map(|(_, _, paths)| *paths).collect();
        let mut symbols = Symbols::new(scope, &ports)?;
        let body = lower(&mut symbols, code)?;

        let mut flow = Flow::new(&body, &symbols)?;
        flow.add_parts(&symbols, &paths);
        flow.check_loops(&symbols)?;
        flow.check_driven(&symbols, &flow.live(&symbols))?;

        let body = fold_constants(body, &symbols)?;
        let mut flow = Flow::new(&body, &symbols)?;
        flow.add_parts(&symbols, &paths);
        let paths = flow.paths_through(&symbols);
        let live = flow.live(&symbols);

        let body = prune(&body, &|var| live.contains(&var));
        let (logic, aliases) = split(&body, &symbols)?;
        let mut module = Self { symbols, live, logic, aliases, paths };
        module.keep_live_parts();
        module.forward_part_outputs();
        Ok(module)
    }

    /// Drops storage and instances that nothing observes.
    fn keep_live_parts(&mut self) {
        let Self { symbols, live, .. } = self;
        symbols.registers.retain(|register| live.contains(&register.q));
        symbols.rams.retain(|ram| live.contains(&ram.read_data));
        let instances = std::mem::take(&mut symbols.instances);
        symbols.instances = instances
            .into_iter()
            .filter(|instance| instance.pins.iter().any(|(_, var)| is_live_output(symbols, live, *var)))
            .collect();
    }

    /// Where a signal of the kernel only repeats an output of a part, the part drives that signal itself.
    fn forward_part_outputs(&mut self) {
        let Self { symbols, logic, aliases, .. } = self;
        let mut outputs: Vec<&mut Var> = symbols.rams.iter_mut().map(|ram| &mut ram.read_data).collect();
        outputs.extend(symbols.instances.iter_mut().flat_map(|i| i.pins.iter_mut()).map(|(_, var)| var));
        let table = &symbols.table;
        for output in outputs.into_iter().filter(|output| table[output.0].role == Role::PartOutput) {
            let repeats = |logic: &Logic| match logic {
                Logic::Assign(target, value) => {
                    value.as_var() == Some(*output) && table[target.0].role != Role::PartInput
                }
                Logic::Block(..) => false,
            };
            let Some(at) = logic.iter().position(repeats) else { continue };
            let Logic::Assign(target, _) = logic.remove(at) else { continue };
            let driven = Expr::var(target, table[target.0].width);
            let rename = |expr: &Expr| expr.substitute(*output, &driven).unwrap_or_else(|| expr.clone());
            for logic in logic.iter_mut() {
                match logic {
                    Logic::Assign(_, value) => *value = rename(value),
                    Logic::Block(_, block) => {
                        block.iter_mut().for_each(|statement| *statement = statement.map_exprs(&rename));
                    }
                }
            }
            aliases.values_mut().for_each(|alias| *alias = rename(alias));
            *output = target;
        }
    }

    /// What an input of a part is connected to.
    pub fn connection(&self, var: Var) -> Expr {
        self.aliases.get(&var).cloned().unwrap_or_else(|| Expr::var(var, self.symbols.of(var).width))
    }

    /// Signals that are declared and of which some bits are never read, with those bits as lowest and count.
    pub fn unread(&self) -> Vec<(Var, Vec<(usize, usize)>)> {
        let mut read = vec![0u128; self.symbols.table.len()];
        self.for_each_expr(&mut |expr| {
            expr.for_each_read(&mut |var, low, width| read[var.0] |= crate::layer::bits::mask(width) << low);
        });
        let observed = |var: &Var| {
            let symbol = self.symbols.of(*var);
            match symbol.role {
                Role::Input => true,
                Role::Local => self.live.contains(var),
                Role::PartOutput => self.is_part_output(*var),
                Role::Output | Role::PartInput | Role::PartClock => false,
            }
        };
        let missing = |var: Var| {
            let width = self.symbols.of(var).width;
            (var, runs(!read[var.0] & crate::layer::bits::mask(width), width))
        };
        let unread = self.symbols.vars().filter(observed).map(missing);
        unread.filter(|(_, bits)| !bits.is_empty()).collect()
    }

    /// Whether a part that was kept drives the signal.
    pub fn is_part_output(&self, var: Var) -> bool {
        self.symbols.registers.iter().any(|register| register.q == var)
            || self.symbols.rams.iter().any(|ram| ram.read_data == var)
            || self.symbols.instances.iter().any(|i| i.pins.iter().any(|(_, pin)| *pin == var))
    }

    /// Visits every expression that will be printed.
    pub fn for_each_expr(&self, visit: &mut impl FnMut(&Expr)) {
        for logic in &self.logic {
            match logic {
                Logic::Assign(_, value) => visit(value),
                Logic::Block(_, block) => block.iter().for_each(|statement| statement.for_each_expr(visit)),
            }
        }
        for alias in self.aliases.values() {
            visit(alias);
        }
        let is_clocked = self.live.iter().any(|var| self.symbols.of(*var).role == Role::PartClock);
        if let Some(clock) = self.symbols.clock.filter(|_| is_clocked) {
            visit(&Expr::var(clock, 1));
        }
    }
}

/// Runs of set bits: lowest and count.
fn runs(bits: u128, width: usize) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = vec![];
    for at in (0..width).filter(|at| bits >> at & 1 != 0) {
        match runs.last_mut() {
            Some((low, count)) if *low + *count == at => *count += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

/// The kernel as independent pieces of logic, and the inputs of parts that need none.
fn split(body: &[Stmt], symbols: &Symbols) -> Checked<(Vec<Logic>, BTreeMap<Var, Expr>)> {
    let mut groups = Groups::new(body, symbols)?;
    let expressions: BTreeMap<Var, Expr> = groups
        .split(body)
        .into_iter()
        .filter_map(|(vars, block)| {
            let var = *vars.first().filter(|_| vars.len() == 1)?;
            Some((var, as_expression(&join_assignments(block), var)?))
        })
        .collect();
    groups.unite_alike(&|var| !expressions.contains_key(&var));

    let mut logic = vec![];
    let mut aliases = BTreeMap::new();
    for (vars, block) in groups.split(body) {
        let only = vars.first().filter(|_| vars.len() == 1);
        match only.and_then(|var| Some((*var, expressions.get(var)?.clone()))) {
            Some((var, value)) if symbols.of(var).role == Role::PartInput && is_plain(&value) => {
                aliases.insert(var, value);
            }
            Some((var, value)) => logic.push(Logic::Assign(var, value)),
            None => logic.push(Logic::Block(vars, join_assignments(block))),
        }
    }
    Ok((logic, aliases))
}
