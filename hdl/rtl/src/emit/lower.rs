//! From the syntax tree that `hdl_gen` records to typed statements: loops unrolled, names resolved, widths made equal.
//!
//! Every rule of [`crate::bits`] has its counterpart here. Where Verilog needs a signal to express what Rust
//! computes (a variable shift that is cut), a temporary is assigned just above the statement.

use super::design::literal_value;
use super::error::{Checked, Defect};
use super::expr::{Expr, Op, Reduction, Var};
use super::index::{LoopVariables, evaluate, parse_integer, resolve};
use super::stmt::{Arm, Part, Stmt};
use super::symbols::{Meaning, Role, Symbols};
use crate::bits::{WIDTH_MAX, mask};
use rust_hdl::prelude::ast::*;
use std::collections::{HashMap, HashSet};

/// A lowered kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    /// Its statements.
    pub body: Vec<Stmt>,
    /// The input that drives each clock of a part.
    pub clocks: HashMap<Var, Var>,
}

/// Lowers the kernel of the scope that the symbols describe.
pub(super) fn lower(symbols: &mut Symbols, code: &VerilogBlock) -> Checked<Kernel> {
    let mut lowering = Lowering {
        symbols,
        loops: vec![],
        target: None,
        depth: 0,
        pending: vec![],
        defaults: vec![],
        clocks: HashMap::new(),
    };
    let mut body = vec![];
    lowering.block(code, &mut body)?;
    lowering.defaults.append(&mut body);
    Ok(Kernel { body: lowering.defaults, clocks: lowering.clocks })
}

struct Lowering<'a> {
    symbols: &'a mut Symbols,
    loops: LoopVariables,
    /// What the current statement assigns.
    target: Option<Var>,
    /// Number of conditionals around the current statement.
    depth: usize,
    /// Temporaries to assign above the current statement.
    pending: Vec<Stmt>,
    /// Defaults of temporaries that are assigned inside conditionals.
    defaults: Vec<Stmt>,
    clocks: HashMap<Var, Var>,
}

/// An operand: a typed expression, or a literal that still lacks a width.
enum Operand {
    Typed(Expr),
    Untyped(u128),
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
            VerilogStatement::Link(links) => return self.links(links, out),
            VerilogStatement::Assignment(target, value) => self.assignment(target, value)?,
            VerilogStatement::SliceAssignment { base, width, offset, replacement } => {
                Some(self.field_assignment(base, *width, offset, replacement)?)
            }
            VerilogStatement::If(c) => return self.conditional(c, out),
            VerilogStatement::Match(m) => Some(self.case(m)?),
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

    fn links(&mut self, links: &[VerilogLink], out: &mut Vec<Stmt>) -> Checked<()> {
        for link in links {
            let (VerilogLink::Forward(names)
            | VerilogLink::Backward(names)
            | VerilogLink::Bidirectional(names)) = link;
            let full = |name: &str| match names.my_name.as_str() {
                "" => VerilogExpression::Signal(name.to_string()),
                field => VerilogExpression::Signal(format!("{name}${field}")),
            };
            let (owner, other) = (full(&names.owner_name), full(&names.other_name));
            let (target, value) =
                if matches!(link, VerilogLink::Backward(_)) { (owner, other) } else { (other, owner) };
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
            Role::PartClock => return self.clock(target, value).map(|()| None),
            Role::Output | Role::Local | Role::PartInput => {}
            Role::Input | Role::PartOutput => {
                return Err(Defect::NotAssignable(self.symbols.name(target).to_string()));
            }
        }
        if let VerilogExpression::IndexReplace(base, index, bit) = value
            && let VerilogExpression::Signal(spelling) = &**base
            && self.target(&VerilogExpression::Signal(spelling.clone())) == Ok(target)
            && let Some(part) = self.bit_of(index, width)?
        {
            let bit = self.bit(bit, "replace_bit")?;
            return Ok(Some(Stmt::Assign(target, part, bit)));
        }
        let value = self.sized(value, width, target)?;
        Ok(Some(Stmt::Assign(target, Part::Whole, value)))
    }

    /// The bit of a signal that `index` selects, if it is certain to lie within the signal.
    fn bit_of(&mut self, index: &VerilogExpression, width: usize) -> Checked<Option<Part>> {
        let index = self.operand(index)?;
        let constant = match &index {
            Operand::Untyped(value) => Some(*value),
            Operand::Typed(expr) => expr.as_literal(),
        };
        Ok(match (constant, index) {
            (Some(at), _) if at < width as u128 && width > 1 => Some(Part::Bits(at as usize, 1)),
            (None, Operand::Typed(index)) if width > 1 && always_within(&index, width) => {
                Some(Part::Bit(index.extended(index_width(width))))
            }
            _ => None,
        })
    }

    fn clock(&mut self, target: Var, value: &VerilogExpression) -> Checked<()> {
        let defect = || Defect::BadClock(self.symbols.name(target).to_string());
        let source = self.target(value).map_err(|_| defect())?;
        let symbol = self.symbols.of(source);
        if self.depth > 0
            || !symbol.is_clock
            || symbol.role != Role::Input
            || self.clocks.contains_key(&target)
        {
            return Err(defect());
        }
        self.clocks.insert(target, source);
        Ok(())
    }

    fn field_assignment(
        &mut self,
        base: &VerilogExpression,
        width: usize,
        offset: &VerilogExpression,
        value: &VerilogExpression,
    ) -> Checked<Stmt> {
        let target = self.target(base)?;
        self.target = Some(target);
        let symbol = self.symbols.of(target);
        if !matches!(symbol.role, Role::Output | Role::Local) {
            return Err(Defect::NotAssignable(symbol.name.clone()));
        }
        let Operand::Untyped(low) = self.operand(offset)? else {
            return Err(Defect::Unsupported("an assignment to a field at a variable place"));
        };
        let value = self.sized(value, width, target)?;
        let whole = low == 0 && width == self.symbols.of(target).width;
        let part = if whole { Part::Whole } else { Part::Bits(low as usize, width) };
        Ok(Stmt::Assign(target, part, value))
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

    fn case(&mut self, m: &VerilogMatch) -> Checked<Stmt> {
        self.target = None;
        let test = self.typed(&m.test, "match")?;
        let above = std::mem::take(&mut self.pending);
        let mut arms: Vec<Arm> = vec![];
        let mut variants: Option<HashSet<String>> = None;
        for case in &m.cases {
            if arms.last().is_some_and(|arm| arm.label.is_none()) {
                break;
            }
            let (label, variant) = self.label(&case.condition, test.width)?;
            if let Some(variant) = variant {
                variants.get_or_insert_default().insert(variant);
            }
            let body = self.nested(&case.block)?;
            if label.is_none() || !arms.iter().any(|arm| arm.label == label) {
                arms.push(Arm { is_default: label.is_none(), label, body });
            }
        }
        let covers_enum = variants.is_some_and(|named| {
            self.symbols.enums.values().any(|all| all.iter().all(|variant| named.contains(variant)))
        });
        let covers_values = test.width < 64 && arms.len() as u64 == 1 << test.width;
        if let Some(last) = arms.last_mut()
            && (covers_enum || covers_values)
        {
            last.is_default = true;
        }
        self.pending = above;
        Ok(Stmt::Case(test, arms))
    }

    /// The value of a pattern, none for `_`, and its raw name if it is a variant.
    fn label(&self, pattern: &str, width: usize) -> Checked<(Option<Expr>, Option<String>)> {
        let value = match pattern {
            "default" => return Ok((None, None)),
            "false" => Some(0),
            "true" => Some(1),
            _ => parse_integer(pattern),
        };
        if let Some(value) = value {
            check_fit(value, width, || "a match".to_string())?;
            return Ok((Some(Expr::literal(width, value)), None));
        }
        let raw = resolve(pattern, &self.loops)?;
        match self.symbols.meaning(&raw) {
            Some(Meaning::Value(value)) if value.width == width && raw.contains('$') => {
                Ok((Some(value.clone()), Some(raw)))
            }
            _ => Err(Defect::BadPattern(pattern.to_string())),
        }
    }

    fn operand(&mut self, expression: &VerilogExpression) -> Checked<Operand> {
        use VerilogExpression as E;
        let typed = match expression {
            E::Paren(inner) => return self.operand(inner),
            E::Literal(literal) => {
                let (value, bits) = literal_value(literal);
                if bits != 1 {
                    return Ok(Operand::Untyped(value));
                }
                Expr::literal(1, value)
            }
            E::Signal(spelling) => return self.name(spelling),
            E::Cast(inner, width) => self.cast(inner, *width)?,
            E::Binary(a, op, b) => return self.binary(a, op, b),
            E::Unary(op, inner) => self.unary(op, inner)?,
            E::Index(base, index) => self.select(base, index)?,
            E::Slice(base, width, offset) => self.slice(base, *width, offset)?,
            E::IndexReplace(base, index, bit) => self.replace(base, index, bit)?,
            E::Signed(_) | E::Unsigned(_) => return Err(Defect::Unsupported("signed arithmetic")),
        };
        Ok(Operand::Typed(typed))
    }

    fn typed(&mut self, expression: &VerilogExpression, place: &'static str) -> Checked<Expr> {
        match self.operand(expression)? {
            Operand::Typed(expr) => Ok(expr),
            Operand::Untyped(_) => Err(Defect::WidthUnknown(place)),
        }
    }

    fn bit(&mut self, expression: &VerilogExpression, place: &'static str) -> Checked<Expr> {
        let expr = self.typed(expression, place)?;
        if expr.width == 1 { Ok(expr) } else { Err(Defect::NotABit(place)) }
    }

    /// The value of an assignment, at the width of its target.
    fn sized(&mut self, expression: &VerilogExpression, width: usize, target: Var) -> Checked<Expr> {
        match self.operand(expression)? {
            Operand::Typed(expr) => Ok(self.extract(expr, 0, width)),
            Operand::Untyped(value) => {
                check_fit(value, width, || self.symbols.name(target).to_string())?;
                Ok(Expr::literal(width, value))
            }
        }
    }

    /// Bits of an expression, through a temporary where Verilog needs one.
    fn extract(&mut self, expr: Expr, low: usize, width: usize) -> Expr {
        if let Some(part) = expr.extract(low, width) {
            return part;
        }
        let whole = expr.width;
        let stem = match self.target {
            Some(target) => format!("{}_full", self.symbols.name(target)),
            None => "condition_full".to_string(),
        };
        let var = self.symbols.add_temporary(&stem, whole);
        if self.depth > 0 {
            self.defaults.push(Stmt::Assign(var, Part::Whole, Expr::literal(whole, 0)));
        }
        self.pending.push(Stmt::Assign(var, Part::Whole, expr));
        Expr::part(var, whole, low, width)
    }

    fn name(&self, spelling: &str) -> Checked<Operand> {
        if let Some((_, value)) = self.loops.iter().rev().find(|(name, _)| name == spelling) {
            return Ok(Operand::Untyped(*value as u128));
        }
        let raw = resolve(spelling, &self.loops)?;
        match self.symbols.meaning(&raw) {
            Some(Meaning::Value(value)) => Ok(Operand::Typed(value.clone())),
            Some(Meaning::Signal(var)) => {
                let symbol = self.symbols.of(*var);
                match symbol.role {
                    Role::PartInput | Role::PartClock => Err(Defect::PartInputRead(symbol.name.clone())),
                    _ => Ok(Operand::Typed(Expr::var(*var, symbol.width))),
                }
            }
            // A path that is no variant here may be an index expression of loop variables, such as `i + 1`.
            None => match evaluate(spelling, &self.loops) {
                Ok(value) => Ok(Operand::Untyped(value as u128)),
                Err(_) => Err(Defect::UnknownSignal(raw)),
            },
        }
    }

    fn cast(&mut self, inner: &VerilogExpression, width: usize) -> Checked<Expr> {
        if !(1..=WIDTH_MAX).contains(&width) {
            return Err(Defect::BadWidth { name: "a cast".to_string(), width });
        }
        match self.operand(inner)? {
            Operand::Typed(expr) => Ok(self.extract(expr, 0, width)),
            Operand::Untyped(value) => {
                check_fit(value, width, || "a cast".to_string())?;
                Ok(Expr::literal(width, value))
            }
        }
    }

    fn binary(&mut self, a: &VerilogExpression, op: &VerilogOp, b: &VerilogExpression) -> Checked<Operand> {
        let op = match op {
            VerilogOp::Add => Op::Add,
            VerilogOp::Sub => Op::Sub,
            VerilogOp::BitAnd => Op::And,
            VerilogOp::BitOr => Op::Or,
            VerilogOp::BitXor => Op::Xor,
            VerilogOp::Eq => Op::Eq,
            VerilogOp::Ne => Op::Ne,
            VerilogOp::Lt => Op::Lt,
            VerilogOp::Le => Op::Le,
            VerilogOp::Gt => Op::Gt,
            VerilogOp::Ge => Op::Ge,
            VerilogOp::Shl | VerilogOp::Shr => {
                let op = if matches!(op, VerilogOp::Shl) { Op::Shl } else { Op::Shr };
                return self.shift(a, op, b).map(Operand::Typed);
            }
            VerilogOp::LogicalAnd | VerilogOp::LogicalOr => {
                let and = matches!(op, VerilogOp::LogicalAnd);
                let (op, place) = if and { (Op::LogicalAnd, "&&") } else { (Op::LogicalOr, "||") };
                let (a, b) = (self.bit(a, place)?, self.bit(b, place)?);
                return Ok(Operand::Typed(Expr::binary(op, a, b)));
            }
            VerilogOp::Mul => return Err(Defect::Unsupported("multiplication")),
        };
        let (a, b) = match (self.operand(a)?, self.operand(b)?) {
            (Operand::Typed(a), Operand::Typed(b)) => {
                let width = a.width.max(b.width);
                (a.extended(width), b.extended(width))
            }
            (Operand::Typed(a), Operand::Untyped(b)) => {
                let b = fitted(b, a.width)?;
                (a, b)
            }
            (Operand::Untyped(a), Operand::Typed(b)) => (fitted(a, b.width)?, b),
            (Operand::Untyped(a), Operand::Untyped(b)) => {
                let wide = |value| Expr::literal(WIDTH_MAX, value);
                let result = Expr::binary(op, wide(a), wide(b));
                return Ok(match result.as_literal() {
                    Some(value) if !op.is_comparison() => Operand::Untyped(value),
                    _ => Operand::Typed(result),
                });
            }
        };
        Ok(Operand::Typed(Expr::binary(op, a, b)))
    }

    fn shift(&mut self, a: &VerilogExpression, op: Op, b: &VerilogExpression) -> Checked<Expr> {
        let a = self.typed(a, "a shift")?;
        let by = match self.operand(b)? {
            Operand::Typed(by) => by,
            Operand::Untyped(by) => Expr::literal(8, by.min(u128::from(u8::MAX))),
        };
        Ok(Expr::binary(op, a, by))
    }

    fn unary(&mut self, op: &VerilogOpUnary, inner: &VerilogExpression) -> Checked<Expr> {
        let inner = self.typed(inner, "a unary operator")?;
        Ok(match op {
            VerilogOpUnary::Not => inner.invert(),
            VerilogOpUnary::All => inner.reduce(Reduction::And),
            VerilogOpUnary::Any => inner.reduce(Reduction::Or),
            VerilogOpUnary::Xor => inner.reduce(Reduction::Xor),
            VerilogOpUnary::Neg => return Err(Defect::Unsupported("negation")),
        })
    }

    /// An index or offset, as an expression of at most the bits it needs if it is a literal.
    fn offset(&mut self, index: &VerilogExpression) -> Checked<Expr> {
        Ok(match self.operand(index)? {
            Operand::Typed(index) => index,
            Operand::Untyped(value) => Expr::literal(8, value.min(u128::from(u8::MAX))),
        })
    }

    fn select(&mut self, base: &VerilogExpression, index: &VerilogExpression) -> Checked<Expr> {
        let base = self.typed(base, "get_bit")?;
        let index = self.offset(index)?;
        if let Some(at) = index.as_literal() {
            return Ok(self.extract(base, at.min(WIDTH_MAX as u128) as usize, 1));
        }
        if let Some(var) = base.as_var()
            && base.width > 1
            && always_within(&index, base.width)
        {
            return Ok(Expr::select(var, index.extended(index_width(base.width))));
        }
        let one = Expr::binary(Op::Shl, Expr::literal(base.width, 1), index);
        Ok(Expr::binary(Op::And, base, one).reduce(Reduction::Or))
    }

    fn slice(&mut self, base: &VerilogExpression, width: usize, low: &VerilogExpression) -> Checked<Expr> {
        let base = self.typed(base, "get_bits")?;
        let low = self.offset(low)?;
        Ok(match low.as_literal() {
            Some(low) => self.extract(base, low.min(WIDTH_MAX as u128) as usize, width),
            None => self.extract(Expr::binary(Op::Shr, base, low), 0, width),
        })
    }

    fn replace(
        &mut self,
        base: &VerilogExpression,
        index: &VerilogExpression,
        bit: &VerilogExpression,
    ) -> Checked<Expr> {
        let base = self.typed(base, "replace_bit")?;
        let index = self.offset(index)?;
        let bit = self.bit(bit, "replace_bit")?;
        let width = base.width;
        let Some(at) = index.as_literal() else {
            let one = Expr::binary(Op::Shl, Expr::literal(width, 1), index.clone());
            let kept = Expr::binary(Op::And, base, one.invert());
            return Ok(Expr::binary(Op::Or, kept, Expr::binary(Op::Shl, bit.extended(width), index)));
        };
        let at = at.min(WIDTH_MAX as u128) as usize;
        if at >= width {
            return Ok(base);
        }
        let mut parts = vec![];
        if at + 1 < width {
            parts.push(self.extract(base.clone(), at + 1, width - at - 1));
        }
        parts.push(bit);
        if at > 0 {
            parts.push(self.extract(base, 0, at));
        }
        Ok(Expr::concat(parts))
    }
}

/// Whether every value of the index lies within a signal of `width` bits.
fn always_within(index: &Expr, width: usize) -> bool {
    index.width <= 7 && (1 << index.width) <= width
}

/// Bits of an index into a signal of `width` bits, as Verilog tools count them.
fn index_width(width: usize) -> usize {
    (width.max(2) - 1).ilog2() as usize + 1
}

fn check_fit(value: u128, width: usize, place: impl FnOnce() -> String) -> Checked<()> {
    if value <= mask(width) { Ok(()) } else { Err(Defect::LiteralTooWide { value, width, place: place() }) }
}

fn fitted(value: u128, width: usize) -> Checked<Expr> {
    check_fit(value, width, || "the other operand".to_string())?;
    Ok(Expr::literal(width, value))
}
