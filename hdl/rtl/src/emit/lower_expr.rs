//! From the expressions that `hdl_gen` records to typed ones: names resolved, literals sized, widths made equal.
//!
//! Every rule of [`crate::layer::bits`] has its counterpart here. Where Verilog needs a signal to express what Rust
//! computes (a variable shift that is cut), a temporary is assigned just above the statement.

use super::design::literal_value;
use super::error::{Checked, Defect};
use super::expr::{Expr, Op, Reduction, Var};
use super::index::{LoopVariables, evaluate, resolve};
use super::stmt::{Part, Stmt};
use super::symbols::{Meaning, Role, Symbols};
use crate::layer::bits::{WIDTH_MAX, mask};
use rust_hdl::prelude::ast::{VerilogExpression, VerilogOp, VerilogOpUnary};

/// What lowering knows while it walks a kernel.
pub(super) struct Lowering<'a> {
    pub symbols: &'a mut Symbols,
    pub loops: LoopVariables,
    /// What the current statement assigns.
    pub target: Option<Var>,
    /// Number of conditionals around the current statement.
    pub depth: usize,
    /// Temporaries to assign above the current statement.
    pub pending: Vec<Stmt>,
    /// Defaults of temporaries that are assigned inside conditionals.
    pub defaults: Vec<Stmt>,
}

/// An operand: a typed expression, or a literal that still lacks a width.
pub(super) enum Operand {
    Typed(Expr),
    Untyped(u128),
}

impl Lowering<'_> {
    /// An expression, typed if its operands determine a width.
    pub fn operand(&mut self, expression: &VerilogExpression) -> Checked<Operand> {
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
            E::IndexReplace(base, index, bit) => self.replace(base, index, bit)?,
            E::Slice(..) => return Err(Defect::Unsupported("get_bits; use a shift and bits_w")),
            E::Signed(_) | E::Unsigned(_) => return Err(Defect::Unsupported("signed arithmetic")),
        };
        Ok(Operand::Typed(typed))
    }

    /// An expression that must have a width.
    pub fn typed(&mut self, expression: &VerilogExpression, place: &'static str) -> Checked<Expr> {
        match self.operand(expression)? {
            Operand::Typed(expr) => Ok(expr),
            Operand::Untyped(_) => Err(Defect::WidthUnknown(place)),
        }
    }

    /// A truth value.
    pub fn bit(&mut self, expression: &VerilogExpression, place: &'static str) -> Checked<Expr> {
        let expr = self.typed(expression, place)?;
        if expr.width == 1 { Ok(expr) } else { Err(Defect::NotABit(place)) }
    }

    /// The value of an assignment, at the width of its target.
    pub fn sized(&mut self, expression: &VerilogExpression, width: usize, target: Var) -> Checked<Expr> {
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
            // What names nothing here may be an index expression of loop variables, such as `i + 1`.
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
            VerilogOpUnary::Xor => return Err(Defect::Unsupported("xor()")),
            VerilogOpUnary::Neg => return Err(Defect::Unsupported("negation")),
        })
    }

    /// The bit that an index means: an integer, an expression of loop variables or a constant.
    pub fn position(&mut self, index: &VerilogExpression) -> Checked<usize> {
        let at = match self.operand(index)? {
            Operand::Untyped(at) => Some(at),
            Operand::Typed(expr) => expr.as_literal(),
        };
        let at = at.ok_or_else(|| Defect::BadIndex("a signal".to_string()))?;
        Ok(usize::try_from(at).unwrap_or(WIDTH_MAX).min(WIDTH_MAX))
    }

    fn select(&mut self, base: &VerilogExpression, index: &VerilogExpression) -> Checked<Expr> {
        let base = self.typed(base, "get_bit")?;
        let at = self.position(index)?;
        Ok(self.extract(base, at, 1))
    }

    fn replace(
        &mut self,
        base: &VerilogExpression,
        index: &VerilogExpression,
        bit: &VerilogExpression,
    ) -> Checked<Expr> {
        let base = self.typed(base, "replace_bit")?;
        let at = self.position(index)?;
        let bit = self.bit(bit, "replace_bit")?;
        let width = base.width;
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

/// Fails if a literal does not fit.
pub(super) fn check_fit(value: u128, width: usize, place: impl FnOnce() -> String) -> Checked<()> {
    if value <= mask(width) { Ok(()) } else { Err(Defect::LiteralTooWide { value, width, place: place() }) }
}

/// A literal beside an operand of `width` bits.
fn fitted(value: u128, width: usize) -> Checked<Expr> {
    check_fit(value, width, || "the other operand".to_string())?;
    Ok(Expr::literal(width, value))
}
