//! Splits a kernel into groups of signals that must be computed together, so that each gets a block of its own.
//!
//! One big `always` block would be evaluated whenever any input changes, in simulation twice as slow, and hides from
//! the reader what depends on what. A signal joins the group of another only if one reads a value of the other that
//! a later statement overwrites; every other read is of the settled value, which any block may see.

use super::error::{Checked, Defect};
use super::expr::{Expr, Var};
use super::stmt::{Stmt, prune};
use super::symbols::Symbols;
use std::collections::{BTreeMap, BTreeSet};

/// A read of `of` for the sake of `by`, between assignments `at` and `at + 1` of the kernel.
#[derive(Copy, Clone)]
struct Read {
    by: usize,
    of: usize,
    at: usize,
}

/// The groups of a kernel's signals.
pub(super) struct Groups {
    /// Signals in the order of their first assignment.
    vars: Vec<Var>,
    /// First and last assignment of each.
    span: Vec<(usize, usize)>,
    /// Conditional statements of the outermost level that each is assigned in.
    conditionals: Vec<BTreeSet<usize>>,
    reads: Vec<Read>,
    parent: Vec<usize>,
}

impl Groups {
    /// The smallest groups. Fails if a signal would be read above its first assignment within one.
    pub fn new(body: &[Stmt], symbols: &Symbols) -> Checked<Self> {
        let mut order: Vec<Var> = vec![];
        let mut seen = BTreeSet::new();
        for statement in body {
            statement.for_each_target(&mut |var| {
                if seen.insert(var) {
                    order.push(var);
                }
            });
        }
        let index: BTreeMap<Var, usize> = order.iter().enumerate().map(|(i, var)| (*var, i)).collect();
        let mut scan = Scan { index: &index, position: 0, reads: vec![], spans: vec![None; order.len()] };
        let mut conditionals = vec![BTreeSet::new(); order.len()];
        for (at, statement) in body.iter().enumerate() {
            scan.statement(statement, &mut vec![]);
            if !matches!(statement, Stmt::Assign(..)) {
                statement.for_each_target(&mut |var| {
                    conditionals[index[&var]].insert(at);
                });
            }
        }
        let span = scan.spans.iter().map(|span| span.unwrap_or_default()).collect();
        let reads = scan.reads;
        let parent = (0..order.len()).collect();
        let mut groups = Self { vars: order, span, conditionals, reads, parent };
        for Read { by, of, at } in groups.reads.clone() {
            let (first, last) = groups.span[of];
            if by != of && first <= at && last > at {
                groups.unite(by, of);
            }
        }
        groups.check_order(symbols)?;
        groups.keep_earliest_reads();
        Ok(groups)
    }

    /// From here on only the first read of a signal for the sake of another matters.
    fn keep_earliest_reads(&mut self) {
        let mut earliest: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for Read { by, of, at } in self.reads.drain(..) {
            let first = earliest.entry((by, of)).or_insert(at);
            *first = at.min(*first);
        }
        self.reads = earliest.into_iter().map(|((by, of), at)| Read { by, of, at }).collect();
    }

    fn check_order(&self, symbols: &Symbols) -> Checked<()> {
        let early = |read: &&Read| {
            read.by != read.of && self.root(read.by) == self.root(read.of) && self.span[read.of].0 > read.at
        };
        match self.reads.iter().find(early) {
            None => Ok(()),
            Some(read) => Err(Defect::ReadTooEarly {
                name: symbols.name(self.vars[read.of]).to_string(),
                reader: symbols.name(self.vars[read.by]).to_string(),
            }),
        }
    }

    fn root(&self, mut at: usize) -> usize {
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The groups, each with its signals and its part of the kernel, in the order of their first assignments.
    pub fn split(&self, body: &[Stmt]) -> Vec<(BTreeSet<Var>, Vec<Stmt>)> {
        let mut members: BTreeMap<usize, BTreeSet<Var>> = BTreeMap::new();
        for (at, var) in self.vars.iter().enumerate() {
            members.entry(self.root(at)).or_default().insert(*var);
        }
        members
            .into_values()
            .map(|vars| {
                let block = prune(body, &|var| vars.contains(&var));
                (vars, block)
            })
            .collect()
    }

    /// Unites groups that are assigned in the same conditional statements, where that creates neither a loop between
    /// groups nor a read above the assignment: one block for all that a condition decides, not one for each.
    pub fn unite_alike(&mut self, may_unite: &impl Fn(Var) -> bool) {
        let mut first_alike: BTreeMap<BTreeSet<usize>, Vec<usize>> = BTreeMap::new();
        for at in 0..self.vars.len() {
            if self.root(at) != at || !may_unite(self.vars[at]) {
                continue;
            }
            let members = (0..self.vars.len()).filter(|m| self.root(*m) == at);
            let signature: BTreeSet<usize> =
                members.flat_map(|m| self.conditionals[m].iter().copied()).collect();
            if !signature.is_empty() {
                first_alike.entry(signature).or_default().push(at);
            }
        }
        for alike in first_alike.into_values() {
            let mut united: Vec<usize> = vec![];
            for candidate in alike {
                match united.iter().copied().find(|group| self.can_unite(*group, candidate)) {
                    Some(group) => self.unite(group, candidate),
                    None => united.push(candidate),
                }
            }
        }
    }

    fn can_unite(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        let inside = |at: usize| [a, b].contains(&self.root(at));
        let in_order = |read: &Read| {
            !(inside(read.by) && inside(read.of)) || read.by == read.of || self.span[read.of].0 <= read.at
        };
        self.reads.iter().all(in_order) && !self.path_around(a, b) && !self.path_around(b, a)
    }

    /// Whether `from` depends on `to` through a third group.
    fn path_around(&self, from: usize, to: usize) -> bool {
        let mut open = vec![from];
        let mut reached = BTreeSet::new();
        while let Some(group) = open.pop() {
            for read in self.reads.iter().filter(|read| self.root(read.by) == group) {
                let next = self.root(read.of);
                if next == to && group != from {
                    return true;
                }
                if next != to && next != from && reached.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }
}

/// Walks the kernel and notes who reads what when.
struct Scan<'a> {
    index: &'a BTreeMap<Var, usize>,
    /// Number of assignments passed.
    position: usize,
    reads: Vec<Read>,
    spans: Vec<Option<(usize, usize)>>,
}

impl Scan<'_> {
    fn statement(&mut self, statement: &Stmt, conditions: &mut Vec<(usize, usize)>) {
        if let Stmt::Assign(target, _, value) = statement {
            self.assign(self.index[target], value, conditions);
        }
        let (test, blocks) = statement.inside();
        let above = conditions.len();
        if let Some(test) = test {
            self.driven_reads(test, |of, at| conditions.push((of, at)));
        }
        for block in blocks {
            block.iter().for_each(|inner| self.statement(inner, conditions));
        }
        conditions.truncate(above);
    }

    fn assign(&mut self, by: usize, value: &Expr, conditions: &[(usize, usize)]) {
        let mut reads: Vec<Read> = conditions.iter().map(|&(of, at)| Read { by, of, at }).collect();
        self.driven_reads(value, |of, at| reads.push(Read { by, of, at }));
        self.reads.append(&mut reads);
        self.position += 1;
        let span = self.spans[by].get_or_insert((self.position, self.position));
        span.1 = self.position;
    }

    fn driven_reads(&self, expr: &Expr, mut visit: impl FnMut(usize, usize)) {
        expr.for_each_read(&mut |var, _, _| {
            if let Some(of) = self.index.get(&var) {
                visit(*of, self.position);
            }
        });
    }
}
