//! Typed expressions, in which every node's Verilog self-determined width equals its width in the Rust simulation.
//!
//! Verilog evaluates at the width of the context; the Rust simulation at the width of the operands. Here no context
//! is ever wider than the expression in it: widening is a concatenation with zeros, whose elements Verilog evaluates
//! at their own width, and narrowing moves inwards ([`Expr::extract`]) until it is a part-select of a signal.
//!
//! The constructors fold constants, so that unrolled loops and absent features leave nothing behind.

use crate::layer::bits::mask;
use std::rc::Rc;

/// A signal of a module: an index into its symbol table.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Var(pub usize);

/// An expression of 1 to 128 bits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    /// Width in bits.
    pub width: usize,
    /// What it is.
    pub kind: Kind,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A number, with the name of a parameter of exactly that width and value, if it has one.
    Literal(u128, Option<Rc<str>>),
    /// A whole signal.
    Var(Var),
    /// A constant part-select that begins at this bit and is narrower than the signal.
    Slice(Var, usize),
    /// Inversion.
    Not(Box<Expr>),
    /// Reduction to one bit.
    Reduce(Reduction, Box<Expr>),
    /// Two operands of equal width, but for shifts.
    Binary(Op, Box<Expr>, Box<Expr>),
    /// Elements, the most significant first.
    Concat(Vec<Expr>),
    /// The second if the first is set, else the third.
    Choose(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// A reduction operator.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Reduction {
    And,
    Or,
}

/// A binary operator.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    LogicalAnd,
    LogicalOr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    /// Whether the result is one bit whatever the operands.
    pub fn is_comparison(self) -> bool {
        matches!(self, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge)
    }

    fn is_shift(self) -> bool {
        matches!(self, Op::Shl | Op::Shr)
    }

    /// The operator on numbers of `width` bits.
    fn apply(self, width: usize, a: u128, b: u128) -> u128 {
        let shift = u32::try_from(b).ok();
        let value = match self {
            Op::Add => a.wrapping_add(b),
            Op::Sub => a.wrapping_sub(b),
            Op::And => a & b,
            Op::Or => a | b,
            Op::Xor => a ^ b,
            Op::Shl => shift.and_then(|s| a.checked_shl(s)).unwrap_or(0),
            Op::Shr => shift.and_then(|s| a.checked_shr(s)).unwrap_or(0),
            Op::LogicalAnd => u128::from(a != 0 && b != 0),
            Op::LogicalOr => u128::from(a != 0 || b != 0),
            Op::Eq => u128::from(a == b),
            Op::Ne => u128::from(a != b),
            Op::Lt => u128::from(a < b),
            Op::Le => u128::from(a <= b),
            Op::Gt => u128::from(a > b),
            Op::Ge => u128::from(a >= b),
        };
        value & mask(width)
    }
}

impl Expr {
    /// The low `width` bits of a number.
    pub fn literal(width: usize, value: u128) -> Self {
        Self { width, kind: Kind::Literal(value & mask(width), None) }
    }

    /// A whole signal.
    pub fn var(var: Var, width: usize) -> Self {
        Self { width, kind: Kind::Var(var) }
    }

    /// The number, if it is one.
    pub fn as_literal(&self) -> Option<u128> {
        match self.kind {
            Kind::Literal(value, _) => Some(value),
            _ => None,
        }
    }

    /// The signal, if it is a whole one.
    pub fn as_var(&self) -> Option<Var> {
        match self.kind {
            Kind::Var(var) => Some(var),
            _ => None,
        }
    }

    fn is_zero(&self) -> bool {
        self.as_literal() == Some(0)
    }

    fn is_ones(&self) -> bool {
        self.as_literal() == Some(mask(self.width))
    }

    /// Inversion.
    pub fn invert(self) -> Self {
        let width = self.width;
        match self.kind {
            Kind::Literal(value, _) => Self::literal(width, !value),
            Kind::Not(inner) => *inner,
            _ => Self { width, kind: Kind::Not(Box::new(self)) },
        }
    }

    /// Reduction to one bit.
    pub fn reduce(self, reduction: Reduction) -> Self {
        if self.width == 1 {
            return self;
        }
        match self.as_literal() {
            Some(value) => Self::literal(
                1,
                u128::from(match reduction {
                    Reduction::And => value == mask(self.width),
                    Reduction::Or => value != 0,
                }),
            ),
            None => Self { width: 1, kind: Kind::Reduce(reduction, Box::new(self)) },
        }
    }

    /// A binary operator. Operands have equal widths, but for the amount of a shift.
    pub fn binary(op: Op, a: Expr, b: Expr) -> Self {
        debug_assert!(op.is_shift() || a.width == b.width, "{op:?} of {} and {} bits", a.width, b.width);
        let width = if op.is_comparison() { 1 } else { a.width };
        if let (Some(x), Some(y)) = (a.as_literal(), b.as_literal()) {
            return Self::literal(width, op.apply(width, x, y));
        }
        let top = mask(a.width);
        match op {
            Op::Add | Op::Or | Op::Xor | Op::LogicalOr if b.is_zero() => return a,
            Op::Add | Op::Or | Op::Xor | Op::LogicalOr if a.is_zero() => return b,
            Op::And | Op::LogicalAnd if b.is_ones() => return a,
            Op::And | Op::LogicalAnd if a.is_ones() => return b,
            Op::And | Op::LogicalAnd if a.is_zero() || b.is_zero() => return Self::literal(width, 0),
            Op::Or | Op::LogicalOr if a.is_ones() || b.is_ones() => return Self::literal(width, top),
            Op::Sub | Op::Shl | Op::Shr if b.is_zero() => return a,
            Op::Shl | Op::Shr if a.is_zero() => return a,
            Op::Shl | Op::Shr if b.as_literal().is_some_and(|by| by >= width as u128) => {
                return Self::literal(width, 0);
            }
            Op::Lt if b.is_zero() || a.is_ones() => return Self::literal(1, 0),
            Op::Ge if b.is_zero() || a.is_ones() => return Self::literal(1, 1),
            Op::Gt if b.is_ones() || a.is_zero() => return Self::literal(1, 0),
            Op::Le if b.is_ones() || a.is_zero() => return Self::literal(1, 1),
            _ => {}
        }
        Self { width, kind: Kind::Binary(op, Box::new(a), Box::new(b)) }
    }

    /// Elements side by side, the most significant first.
    pub fn concat(elements: impl IntoIterator<Item = Expr>) -> Self {
        let mut flat: Vec<Expr> = vec![];
        for element in elements {
            let parts = match element.kind {
                Kind::Concat(parts) => parts,
                _ => vec![element],
            };
            for part in parts {
                let merged = flat.last().and_then(|last| last.beside(&part));
                match merged {
                    Some(merged) => {
                        flat.pop();
                        flat.push(merged);
                    }
                    None => flat.push(part),
                }
            }
        }
        if flat.len() == 1 {
            return flat.swap_remove(0);
        }
        Self { width: flat.iter().map(|e| e.width).sum(), kind: Kind::Concat(flat) }
    }

    /// One expression for `self` above `low`, where there is one.
    fn beside(&self, low: &Expr) -> Option<Expr> {
        let width = self.width + low.width;
        match (&self.kind, &low.kind) {
            (Kind::Literal(high, _), Kind::Literal(value, _)) => {
                Some(Self::literal(width, (high << low.width) | value))
            }
            _ => None,
        }
    }

    /// `then` if `test` is set, else `otherwise`.
    pub fn choose(test: Expr, then: Expr, otherwise: Expr) -> Self {
        debug_assert!(test.width == 1 && then.width == otherwise.width);
        match test.as_literal() {
            Some(0) => otherwise,
            Some(_) => then,
            None if then == otherwise => then,
            None if then.width == 1 && then.is_ones() => Self::binary(Op::LogicalOr, test, otherwise),
            None if then.width == 1 && then.is_zero() => {
                Self::binary(Op::LogicalAnd, test.invert(), otherwise)
            }
            None if then.width == 1 && otherwise.is_zero() => Self::binary(Op::LogicalAnd, test, then),
            None if then.width == 1 && otherwise.is_ones() => {
                Self::binary(Op::LogicalOr, test.invert(), then)
            }
            None => Self {
                width: then.width,
                kind: Kind::Choose(Box::new(test), Box::new(then), Box::new(otherwise)),
            },
        }
    }

    /// Zero-extended to `width`, which is at least that of the expression.
    pub fn extended(self, width: usize) -> Self {
        match width.checked_sub(self.width) {
            None | Some(0) => self,
            Some(more) => Self::concat([Self::literal(more, 0), self]),
        }
    }

    /// Bits `low` to `low + width` of a signal.
    pub fn slice(var: Var, var_width: usize, low: usize, width: usize) -> Self {
        if low == 0 && width == var_width {
            return Self::var(var, var_width);
        }
        Self { width, kind: Kind::Slice(var, low) }
    }

    /// Bits `low` to `low + width` of a signal of `var_width` bits, with zeros above it.
    pub fn part(var: Var, var_width: usize, low: usize, width: usize) -> Self {
        if low >= var_width {
            return Self::literal(width, 0);
        }
        Self::slice(var, var_width, low, width.min(var_width - low)).extended(width)
    }

    /// Bits `low` to `low + width`, with zeros above the expression.
    ///
    /// `None` if Verilog can only express that through a signal that holds the whole expression: the carries into
    /// the middle of a sum, and the variable shift to the right.
    pub fn extract(&self, low: usize, width: usize) -> Option<Self> {
        if low >= self.width {
            return Some(Self::literal(width, 0));
        }
        let present = width.min(self.width - low);
        if present < width {
            return Some(self.extract(low, present)?.extended(width));
        }
        if low == 0 && width == self.width {
            return Some(self.clone());
        }
        Some(match &self.kind {
            Kind::Literal(value, _) => Self::literal(width, value >> low),
            Kind::Var(var) => Self::slice(*var, self.width, low, width),
            Kind::Slice(var, from) => Self { width, kind: Kind::Slice(*var, from + low) },
            Kind::Not(inner) => inner.extract(low, width)?.invert(),
            Kind::Binary(op @ (Op::And | Op::Or | Op::Xor), a, b) => {
                Self::binary(*op, a.extract(low, width)?, b.extract(low, width)?)
            }
            Kind::Binary(op @ (Op::Add | Op::Sub), a, b) if low == 0 => {
                Self::binary(*op, a.extract(0, width)?, b.extract(0, width)?)
            }
            Kind::Binary(Op::Shr, a, by) => {
                let by = usize::try_from(by.as_literal()?).ok()?;
                a.extract(low + by, width)?
            }
            Kind::Binary(Op::Shl, a, by) if low == 0 => {
                Self::binary(Op::Shl, a.extract(0, width)?, (**by).clone())
            }
            Kind::Binary(Op::Shl, a, by) => {
                let by = usize::try_from(by.as_literal()?).ok()?;
                let zeros = by.saturating_sub(low).min(width);
                let below = low.saturating_sub(by);
                match width - zeros {
                    0 => Self::literal(width, 0),
                    from_a if zeros == 0 => a.extract(below, from_a)?,
                    from_a => Self::concat([a.extract(0, from_a)?, Self::literal(zeros, 0)]),
                }
            }
            Kind::Choose(test, then, otherwise) => {
                Self::choose((**test).clone(), then.extract(low, width)?, otherwise.extract(low, width)?)
            }
            Kind::Concat(elements) => Self::extract_from_concat(elements, low, width)?,
            Kind::Reduce(..) | Kind::Binary(..) => return None,
        })
    }

    fn extract_from_concat(elements: &[Expr], low: usize, width: usize) -> Option<Self> {
        let mut parts = vec![];
        let mut base = 0;
        for element in elements.iter().rev() {
            let end = base + element.width;
            let (from, to) = (low.max(base), (low + width).min(end));
            if from < to {
                parts.push(element.extract(from - base, to - from)?);
            }
            base = end;
        }
        Some(Self::concat(parts.into_iter().rev()))
    }

    /// Visits every signal that the expression reads, with the bits read: lowest and count.
    pub fn for_each_read(&self, visit: &mut impl FnMut(Var, usize, usize)) {
        match &self.kind {
            Kind::Literal(..) => {}
            Kind::Var(var) => visit(*var, 0, self.width),
            Kind::Slice(var, low) => visit(*var, *low, self.width),
            Kind::Not(a) | Kind::Reduce(_, a) => a.for_each_read(visit),
            Kind::Binary(_, a, b) => {
                a.for_each_read(visit);
                b.for_each_read(visit);
            }
            Kind::Concat(elements) => elements.iter().for_each(|e| e.for_each_read(visit)),
            Kind::Choose(a, b, c) => [a, b, c].iter().for_each(|e| e.for_each_read(visit)),
        }
    }

    /// Whether the expression reads the signal.
    pub fn reads(&self, var: Var) -> bool {
        let mut found = false;
        self.for_each_read(&mut |read, _, _| found |= read == var);
        found
    }

    /// Number of operators and operands.
    pub fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Literal(..) | Kind::Var(_) | Kind::Slice(..) => 0,
            Kind::Not(a) | Kind::Reduce(_, a) => a.size(),
            Kind::Binary(_, a, b) => a.size() + b.size(),
            Kind::Concat(elements) => elements.iter().map(Expr::size).sum(),
            Kind::Choose(a, b, c) => a.size() + b.size() + c.size(),
        }
    }

    /// The expression with `value` in place of `var`; `None` if that cannot be expressed.
    pub fn substitute(&self, var: Var, value: &Expr) -> Option<Self> {
        let replace = |e: &Expr| e.substitute(var, value);
        Some(match &self.kind {
            Kind::Var(v) if *v == var => value.clone(),
            Kind::Slice(v, low) if *v == var => value.extract(*low, self.width)?,
            Kind::Literal(..) | Kind::Var(_) | Kind::Slice(..) => self.clone(),
            Kind::Not(a) => replace(a)?.invert(),
            Kind::Reduce(reduction, a) => replace(a)?.reduce(*reduction),
            Kind::Binary(op, a, b) => Self::binary(*op, replace(a)?, replace(b)?),
            Kind::Concat(elements) => Self::concat(elements.iter().map(replace).collect::<Option<Vec<_>>>()?),
            Kind::Choose(a, b, c) => Self::choose(replace(a)?, replace(b)?, replace(c)?),
        })
    }
}
