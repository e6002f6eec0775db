//! Statements of a kernel after loops are unrolled and expressions typed.

use super::expr::{Expr, Kind, Var};

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stmt {
    /// A blocking assignment.
    Assign(Var, Part, Expr),
    /// A conditional; `else if` is an `If` alone in the last block.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
}

/// The part of a signal that is assigned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// Constant bits: lowest and count.
    Bits(usize, usize),
}

impl Stmt {
    /// The conditions and blocks directly inside a conditional statement.
    pub fn inside(&self) -> (Option<&Expr>, Vec<&[Stmt]>) {
        match self {
            Stmt::Assign(..) => (None, vec![]),
            Stmt::If(test, then, otherwise) => (Some(test), vec![then, otherwise]),
        }
    }

    /// Visits every assignment.
    pub fn for_each_target(&self, visit: &mut impl FnMut(Var)) {
        if let Stmt::Assign(target, ..) = self {
            visit(*target);
        }
        for block in self.inside().1 {
            block.iter().for_each(|statement| statement.for_each_target(visit));
        }
    }

    /// Visits every expression.
    pub fn for_each_expr(&self, visit: &mut impl FnMut(&Expr)) {
        if let Stmt::Assign(_, _, value) = self {
            visit(value);
        }
        let (test, blocks) = self.inside();
        test.into_iter().for_each(&mut *visit);
        for block in blocks {
            block.iter().for_each(|statement| statement.for_each_expr(visit));
        }
    }

    /// Whether the signal is read anywhere, conditions included.
    pub fn reads(&self, var: Var) -> bool {
        let mut found = false;
        self.for_each_expr(&mut |expr| found |= expr.reads(var));
        found
    }

    /// The statement with every expression replaced.
    pub fn map_exprs(&self, map: &impl Fn(&Expr) -> Expr) -> Stmt {
        let block = |block: &[Stmt]| block.iter().map(|statement| statement.map_exprs(map)).collect();
        match self {
            Stmt::Assign(target, part, value) => Stmt::Assign(*target, *part, map(value)),
            Stmt::If(test, then, otherwise) => Stmt::If(map(test), block(then), block(otherwise)),
        }
    }

    /// What is left when only assignments to some signals are kept.
    pub fn pruned(&self, keep: &impl Fn(Var) -> bool) -> Option<Stmt> {
        match self {
            Stmt::Assign(target, ..) => keep(*target).then(|| self.clone()),
            Stmt::If(test, then, otherwise) => {
                let (then, otherwise) = (prune(then, keep), prune(otherwise, keep));
                match (then.is_empty(), otherwise.is_empty()) {
                    (true, true) => None,
                    (true, false) => Some(Stmt::If(test.clone().invert(), otherwise, vec![])),
                    _ => Some(Stmt::If(test.clone(), then, otherwise)),
                }
            }
        }
    }
}

/// What is left of a block when only assignments to some signals are kept.
pub(super) fn prune(block: &[Stmt], keep: &impl Fn(Var) -> bool) -> Vec<Stmt> {
    block.iter().filter_map(|statement| statement.pruned(keep)).collect()
}

impl Part {
    /// Whether bits outside the part keep their value.
    pub fn is_partial(&self) -> bool {
        *self != Part::Whole
    }
}

/// Whether an expression is a signal or a number as it stands.
pub(super) fn is_plain(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Var(_) | Kind::Literal(..))
}
