//! Makes groups read as if written by hand: overwritten defaults vanish, accumulations over unrolled loops become one
//! expression, short conditionals become `?:`.

use super::expr::{Expr, Kind, Var};
use super::stmt::{Part, Stmt, is_plain};

/// Largest expression that accumulation may build, in operators and operands.
const ACCUMULATED_SIZE_MAX: usize = 48;

/// Largest expression that replaces a conditional.
const CHOICE_SIZE_MAX: usize = 16;

/// The same statements with overwritten and accumulated assignments joined, and without those that change nothing.
pub(super) fn join_assignments(block: Vec<Stmt>) -> Vec<Stmt> {
    let mut joined: Vec<Stmt> = vec![];
    for statement in block {
        match statement {
            Stmt::Assign(target, Part::Whole, value) if value.as_var() == Some(target) => {}
            Stmt::Assign(target, Part::Whole, value) => {
                let statement = join_into(&mut joined, target, value);
                joined.push(statement);
            }
            Stmt::Assign(..) => joined.push(statement),
            Stmt::If(test, then, otherwise) => {
                let (then, otherwise) = (join_assignments(then), join_assignments(otherwise));
                match (then.is_empty(), otherwise.is_empty()) {
                    (true, true) => {}
                    (true, false) => joined.push(Stmt::If(test.invert(), otherwise, vec![])),
                    _ => joined.push(Stmt::If(test, then, otherwise)),
                }
            }
        }
    }
    joined
}

/// The assignment of `value` to `target`, with the assignment it overwrites taken out of `above` where possible.
fn join_into(above: &mut Vec<Stmt>, target: Var, value: Expr) -> Stmt {
    let mut assigned_between = vec![];
    for at in (0..above.len()).rev() {
        if let Stmt::Assign(var, Part::Whole, old) = &above[at]
            && *var == target
        {
            let disturbed = assigned_between.iter().any(|var| old.reads(*var));
            let joined = joined_value(target, old, &value).filter(|_| !disturbed);
            if let Some(joined) = joined {
                above.remove(at);
                return Stmt::Assign(target, Part::Whole, joined);
            }
            break;
        }
        let mut assigns_target = false;
        above[at].for_each_target(&mut |var| {
            assigns_target |= var == target;
            assigned_between.push(var);
        });
        if assigns_target || above[at].reads(target) {
            break;
        }
    }
    Stmt::Assign(target, Part::Whole, value)
}

fn joined_value(target: Var, old: &Expr, new: &Expr) -> Option<Expr> {
    let mut uses = 0;
    new.for_each_read(&mut |var, _, _| uses += usize::from(var == target));
    let cheap = matches!(old.kind, Kind::Literal(..) | Kind::Var(_));
    if uses > 1 && !cheap {
        return None;
    }
    let joined = new.substitute(target, old)?;
    (uses == 0 || joined.size() <= ACCUMULATED_SIZE_MAX).then_some(joined)
}

/// The one expression that the statements assign to `target`, if they assign nothing else and it is short.
pub(super) fn as_expression(block: &[Stmt], target: Var) -> Option<Expr> {
    if let [Stmt::Assign(var, Part::Whole, value)] = block {
        return (*var == target && !value.reads(target)).then(|| value.clone());
    }
    value_after(block, target, None).filter(|value| value.size() <= CHOICE_SIZE_MAX && !value.reads(target))
}

fn value_after(block: &[Stmt], target: Var, before: Option<&Expr>) -> Option<Expr> {
    let mut value = before.cloned();
    for statement in block {
        let now = |expr: &Expr| match &value {
            Some(value) => expr.substitute(target, value),
            None => (!expr.reads(target)).then(|| expr.clone()),
        };
        let next = match statement {
            Stmt::Assign(var, Part::Whole, expr) if *var == target => now(expr)?,
            // The condition would repeat what the signal holds.
            Stmt::If(test, ..) if test.reads(target) && !value.as_ref().is_some_and(is_plain) => return None,
            Stmt::If(test, then, otherwise) => Expr::choose(
                now(test)?,
                value_after(then, target, value.as_ref())?,
                value_after(otherwise, target, value.as_ref())?,
            ),
            _ => return None,
        };
        if next.size() > ACCUMULATED_SIZE_MAX {
            return None;
        }
        value = Some(next);
    }
    value
}
