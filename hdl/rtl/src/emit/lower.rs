//! From the syntax tree that `hdl_gen` records to typed statements: loops unrolled, names resolved, widths made equal.
//!
//! Owns statements; [`super::lower_expr`] owns expressions.

use super::design::literal_value;
use super::error::{Checked, Defect};
use super::expr::Var;
use super::index::resolve;
use super::lower_expr::Lowering;
use super::stmt::{Part, Stmt};
use super::symbols::{Meaning, Role, Symbols};
use rust_hdl::prelude::ast::{
    VerilogBlock, VerilogBlockOrConditional, VerilogConditional, VerilogExpression, VerilogLink,
    VerilogLiteral, VerilogLoop, VerilogStatement,
};

/// Lowers the kernel of the scope that the symbols describe.
pub(super) fn lower(symbols: &mut Symbols, code: &VerilogBlock) -> Checked<Vec<Stmt>> {
    let mut lowering =
        Lowering { symbols, loops: vec![], target: None, depth: 0, pending: vec![], defaults: vec![] };
    let mut body = vec![];
    lowering.block(code, &mut body)?;
    lowering.defaults.append(&mut body);
    Ok(lowering.defaults)
}

impl Lowering<'_> {
    fn block(&mut self, code: &VerilogBlock, out: &mut Vec<Stmt>) -> Checked<()> {
        code.iter().try_for_each(|statement| self.statement(statement, out))
    }

    fn nested(&mut self, code: &VerilogBlock) -> Checked<Vec<Stmt>> {
        let mut body = vec![];
        self.depth += 1;
        let result = self.block(code, &mut body);
        self.depth -= 1;
        result.map(|()| body)
    }

    fn statement(&mut self, statement: &VerilogStatement, out: &mut Vec<Stmt>) -> Checked<()> {
        let lowered = match statement {
            VerilogStatement::Comment(_) => return Ok(()),
            VerilogStatement::Macro(code) => return self.block(code, out),
            VerilogStatement::Loop(l) => return self.unroll(l, out),
            VerilogStatement::Link(links) => return links.iter().try_for_each(|link| self.join(link, out)),
            VerilogStatement::Assignment(target, value) => self.assignment(target, value)?,
            VerilogStatement::SliceAssignment { .. } => {
                return Err(Defect::Unsupported("an assignment to a field of a struct"));
            }
            VerilogStatement::If(c) => return self.conditional(c, out),
            VerilogStatement::Match(_) => return Err(Defect::Unsupported("a match")),
        };
        out.append(&mut self.pending);
        out.extend(lowered);
        Ok(())
    }

    fn unroll(&mut self, l: &VerilogLoop, out: &mut Vec<Stmt>) -> Checked<()> {
        let bound =
            |literal: &VerilogLiteral| usize::try_from(literal_value(literal).0).unwrap_or(usize::MAX);
        for value in bound(&l.from)..bound(&l.to) {
            self.loops.push((l.index.clone(), value));
            let result = self.block(&l.block, out);
            self.loops.pop();
            result?;
        }
        Ok(())
    }

    /// Joins two signals, or two bundles field by field; see [`crate::layer::join`].
    fn join(&mut self, link: &VerilogLink, out: &mut Vec<Stmt>) -> Checked<()> {
        let (names, joins): (_, fn(Role, Role) -> Option<Driver>) = match link {
            VerilogLink::Bidirectional(names) => (names, joined),
            VerilogLink::Forward(names) => (names, passed),
            VerilogLink::Backward(_) => return Err(Defect::Unsupported("a link of rust-hdl's own")),
        };
        let first = resolve(&names.owner_name, &self.loops)?;
        let second = resolve(&names.other_name, &self.loops)?;
        let fields = [self.symbols.fields(&first), self.symbols.fields(&second)];
        for (own, other, raw) in [(0, 1, &second), (1, 0, &first)] {
            let lacking =
                fields[own].iter().find(|field| !fields[other].contains(field) && !is_element(field));
            if let Some(field) = lacking {
                return Err(Defect::UnknownSignal(format!("{raw}{field}")));
            }
        }
        for field in fields[0].iter().filter(|field| fields[1].contains(field)) {
            let signal = |raw: &str| VerilogExpression::Signal(format!("{raw}{field}"));
            let (a, b) = (signal(&first), signal(&second));
            let role = |signal: &VerilogExpression| Ok(self.symbols.of(self.target(signal)?).role);
            let (target, value) = match joins(role(&a)?, role(&b)?) {
                Some(Driver::First) => (b, a),
                Some(Driver::Second) => (a, b),
                None => {
                    return Err(Defect::NotJoinable(format!("{first}{field}"), format!("{second}{field}")));
                }
            };
            out.extend(self.assignment(&target, &value)?);
        }
        Ok(())
    }

    fn target(&self, target: &VerilogExpression) -> Checked<Var> {
        let VerilogExpression::Signal(spelling) = target else {
            return Err(Defect::Unsupported("an assignment to an expression"));
        };
        let raw = resolve(spelling, &self.loops)?;
        match self.symbols.meaning(&raw) {
            Some(Meaning::Signal(var)) => Ok(*var),
            Some(Meaning::Value(_)) => Err(Defect::NotAssignable(raw)),
            None => Err(Defect::UnknownSignal(raw)),
        }
    }

    fn assignment(&mut self, target: &VerilogExpression, value: &VerilogExpression) -> Checked<Option<Stmt>> {
        let target = self.target(target)?;
        self.target = Some(target);
        let (role, width) = (self.symbols.of(target).role, self.symbols.of(target).width);
        match role {
            Role::Output | Role::Local | Role::PartInput => {}
            Role::Input | Role::PartOutput | Role::PartClock => {
                return Err(Defect::NotAssignable(self.symbols.name(target).to_string()));
            }
        }
        if let VerilogExpression::IndexReplace(base, index, bit) = value
            && let VerilogExpression::Signal(spelling) = &**base
            && self.target(&VerilogExpression::Signal(spelling.clone())) == Ok(target)
            && let at = self.position(index)?
            && at < width
            && width > 1
        {
            let bit = self.bit(bit, "replace_bit")?;
            return Ok(Some(Stmt::Assign(target, Part::Bits(at, 1), bit)));
        }
        let value = self.sized(value, width, target)?;
        Ok(Some(Stmt::Assign(target, Part::Whole, value)))
    }

    fn conditional(&mut self, c: &VerilogConditional, out: &mut Vec<Stmt>) -> Checked<()> {
        self.target = None;
        let test = self.bit(&c.test, "if")?;
        let mut above = std::mem::take(&mut self.pending);
        if let Some(value) = test.as_literal() {
            out.append(&mut above);
            return match (value, &c.otherwise) {
                (1, _) => self.block(&c.then, out),
                (_, VerilogBlockOrConditional::Block(block)) => self.block(block, out),
                (_, VerilogBlockOrConditional::Conditional(next)) => self.statement(next, out),
                (_, VerilogBlockOrConditional::None) => Ok(()),
            };
        }
        let then = self.nested(&c.then)?;
        let otherwise = match &c.otherwise {
            VerilogBlockOrConditional::None => vec![],
            VerilogBlockOrConditional::Block(block) => self.nested(block)?,
            VerilogBlockOrConditional::Conditional(next) => self.nested(&vec![(**next).clone()])?,
        };
        out.append(&mut above);
        if !(then.is_empty() && otherwise.is_empty()) {
            out.push(Stmt::If(test, then, otherwise));
        }
        Ok(())
    }
}

/// Whether the field of a bundle lies in an array, of which one side may have fewer elements.
fn is_element(field: &str) -> bool {
    field.split('$').any(|part| part.parse::<usize>().is_ok())
}

/// Which of two joined signals drives the other.
enum Driver {
    First,
    Second,
}

/// By [`crate::layer::join::Bundle`]: the block's own ports come first, or both are those of parts.
fn joined(first: Role, second: Role) -> Option<Driver> {
    match (first, second) {
        (Role::Input | Role::PartOutput, Role::PartInput) => Some(Driver::First),
        (Role::Output | Role::PartInput, Role::PartOutput) => Some(Driver::Second),
        _ => None,
    }
}

/// By [`crate::layer::join::Through`]: both are the block's own.
fn passed(first: Role, second: Role) -> Option<Driver> {
    match (first, second) {
        (Role::Input, Role::Output) => Some(Driver::First),
        (Role::Output, Role::Input) => Some(Driver::Second),
        _ => None,
    }
}
