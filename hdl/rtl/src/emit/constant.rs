//! Signals that never change: computed here, assigned once, and replaced by their values wherever they are read.
//!
//! A combinational block runs when something that it reads changes. One that reads nothing, or only what never
//! changes, never runs in a simulator, while synthesis makes a constant of it. So what can be computed is computed,
//! until every block that is left reads a port, a register, a memory or an instance.

use super::error::Checked;
use super::expr::{Expr, Var};
use super::group::Groups;
use super::stmt::{Part, Stmt, prune};
use super::symbols::Symbols;
use crate::layer::bits::mask;
use std::collections::{BTreeMap, BTreeSet};

/// Values of signals at a point of the kernel.
type Values = BTreeMap<Var, Expr>;

/// The kernel with constants in place of the signals that never change, whose assignments come first.
pub(super) fn fold_constants(mut body: Vec<Stmt>, symbols: &Symbols) -> Checked<Vec<Stmt>> {
    let mut constants = Values::new();
    loop {
        let mut found = Values::new();
        for (vars, block) in Groups::new(&body, symbols)?.split(&body) {
            found.extend(constant_values(&vars, &block, symbols).into_iter().flatten());
        }
        if found.is_empty() {
            break;
        }
        body = simplified(&prune(&body, &|var| !found.contains_key(&var)), &found);
        constants.extend(found);
    }
    let assign = |(var, value)| Stmt::Assign(var, Part::Whole, value);
    Ok(constants.into_iter().map(assign).chain(body).collect())
}

/// What the block leaves in its signals, if that depends on nothing else.
fn constant_values(vars: &BTreeSet<Var>, block: &[Stmt], symbols: &Symbols) -> Option<Values> {
    let mut reads_others = false;
    let note = &mut |var: Var, _, _| reads_others |= !vars.contains(&var);
    block.iter().for_each(|statement| statement.for_each_expr(&mut |expr| expr.for_each_read(note)));
    if reads_others {
        return None;
    }
    let mut values = Values::new();
    run(block, &mut values, symbols)?;
    // A signal without a value on this one path is a latch, which is not this pass's to find.
    (values.len() == vars.len()).then_some(values)
}

/// Executes statements; none if a value is read before it is there.
fn run(block: &[Stmt], values: &mut Values, symbols: &Symbols) -> Option<()> {
    for statement in block {
        match statement {
            Stmt::Assign(target, part, value) => {
                let width = symbols.of(*target).width;
                let (low, count) = match *part {
                    Part::Whole => (0, width),
                    Part::Bits(low, count) => (low, count),
                };
                let new = with_values(value, values).as_literal()? << low;
                let kept = match part.is_partial() {
                    true => values.get(target)?.as_literal()? & !(mask(count) << low),
                    false => 0,
                };
                values.insert(*target, Expr::literal(width, kept | new));
            }
            Stmt::If(test, then, otherwise) => {
                let test = with_values(test, values).as_literal()?;
                run(if test != 0 { then } else { otherwise }, values, symbols)?;
            }
        }
    }
    Some(())
}

/// The statements with constants in place of signals, and of each conditional that is decided only what happens.
fn simplified(block: &[Stmt], constants: &Values) -> Vec<Stmt> {
    let mut result = vec![];
    for statement in block {
        match statement {
            Stmt::Assign(target, part, value) => {
                let value = with_values(value, constants);
                result.push(Stmt::Assign(*target, *part, value));
            }
            Stmt::If(test, then, otherwise) => {
                let test = with_values(test, constants);
                let (then, otherwise) = (simplified(then, constants), simplified(otherwise, constants));
                match test.as_literal() {
                    Some(0) => result.extend(otherwise),
                    Some(_) => result.extend(then),
                    None => result.push(Stmt::If(test, then, otherwise)),
                }
            }
        }
    }
    result
}

/// The expression with values in place of signals.
fn with_values(expr: &Expr, values: &Values) -> Expr {
    let mut read = BTreeSet::new();
    expr.for_each_read(&mut |var, _, _| {
        read.insert(var);
    });
    let known = read.into_iter().filter_map(|var| Some((var, values.get(&var)?)));
    known.fold(expr.clone(), |expr, (var, value)| expr.substitute(var, value).unwrap_or(expr))
}
