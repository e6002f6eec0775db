//! Expressions as text: parentheses by structure, never by precedence tables; long ones broken at their operators.

use super::expr::{Expr, Kind, Op, Reduction};
use super::symbols::Symbols;

/// Columns that a line may have.
pub(super) const COLUMNS: usize = 100;

/// Columns of one level of indentation.
pub(super) const INDENT: usize = 2;

/// Prints expressions over the signals of a module.
#[derive(Copy, Clone)]
pub(super) struct ExprPrinter<'a> {
    symbols: &'a Symbols,
}

impl<'a> ExprPrinter<'a> {
    /// A printer for these signals.
    pub fn new(symbols: &'a Symbols) -> Self {
        Self { symbols }
    }

    /// The expression on one line.
    pub fn flat(&self, expr: &Expr) -> String {
        self.broken(expr, 0, 0, usize::MAX)
    }

    /// The expression, beginning at `column` and ending with `reserved` columns to spare, broken where needed.
    pub fn fitted(&self, expr: &Expr, column: usize, reserved: usize) -> String {
        self.broken(expr, column, reserved, COLUMNS)
    }

    fn broken(&self, expr: &Expr, column: usize, reserved: usize, columns: usize) -> String {
        if columns != usize::MAX {
            let flat = self.flat(expr);
            if column + flat.len() + reserved <= columns {
                return flat;
            }
        }
        let inner = |e: &Expr, column: usize| self.broken(e, column, reserved, columns);
        let flat = columns == usize::MAX;
        match &expr.kind {
            Kind::Literal(value, name) => match name {
                Some(name) => name.to_string(),
                None => number(expr.width, *value),
            },
            Kind::Var(var) => self.symbols.name(*var).to_string(),
            Kind::Slice(var, low) if expr.width == 1 => format!("{}[{low}]", self.symbols.name(*var)),
            Kind::Slice(var, low) => {
                format!("{}[{}:{low}]", self.symbols.name(*var), low + expr.width - 1)
            }
            Kind::Not(operand) => {
                let sign = if expr.width == 1 { "!" } else { "~" };
                format!(
                    "{sign}{}",
                    self.operand(operand, column + 1, reserved, columns, is_unary_operand(operand))
                )
            }
            Kind::Reduce(reduction, operand) => {
                let sign = match reduction {
                    Reduction::And => "&",
                    Reduction::Or => "|",
                };
                format!("{sign}{}", self.operand(operand, column + 1, reserved, columns, is_atom(operand)))
            }
            Kind::Binary(op @ (Op::Shl | Op::Shr), value, amount) => {
                let amount = match &amount.kind {
                    Kind::Literal(amount, None) => amount.to_string(),
                    _ => self.operand(amount, 0, 0, usize::MAX, is_unary_operand(amount)),
                };
                let value = self.operand(value, column, reserved + 12, columns, is_unary_operand(value));
                format!("{value} {} {amount}", sign(*op))
            }
            Kind::Binary(op, ..) => {
                let mut operands = vec![];
                collect_chain(expr, *op, &mut operands);
                let texts = operands.iter().enumerate().map(|(at, operand)| {
                    let column = if at == 0 { column } else { column + sign(*op).len() + 1 };
                    self.operand(operand, column, reserved, columns, is_unary_operand(operand))
                });
                let texts: Vec<String> = texts.collect();
                match flat {
                    true => texts.join(&format!(" {} ", sign(*op))),
                    false => texts.join(&format!("\n{}{} ", " ".repeat(column), sign(*op))),
                }
            }
            Kind::Concat(elements) => {
                let texts: Vec<String> = elements.iter().map(|e| inner(e, column + 1)).collect();
                match flat {
                    true => format!("{{{}}}", texts.join(", ")),
                    false => format!("{{{}}}", texts.join(&format!(",\n{}", " ".repeat(column + 1)))),
                }
            }
            Kind::Choose(test, then, otherwise) => {
                let test = self.operand(test, column, reserved, columns, is_unary_operand(test));
                let then_text =
                    self.operand(then, column + 2, reserved, columns, !matches!(then.kind, Kind::Choose(..)));
                let otherwise = inner(otherwise, column + 2);
                match flat {
                    true => format!("{test} ? {then_text} : {otherwise}"),
                    false => {
                        let margin = " ".repeat(column);
                        format!("{test}\n{margin}? {then_text}\n{margin}: {otherwise}")
                    }
                }
            }
        }
    }

    /// An operand, in parentheses unless `bare`.
    fn operand(&self, expr: &Expr, column: usize, reserved: usize, columns: usize, bare: bool) -> String {
        if bare {
            self.broken(expr, column, reserved, columns)
        } else {
            format!("({})", self.broken(expr, column + 1, reserved + 1, columns))
        }
    }
}

/// The operands of a chain of one associative operator, from left to right.
fn collect_chain<'e>(expr: &'e Expr, op: Op, operands: &mut Vec<&'e Expr>) {
    let associative = matches!(op, Op::Add | Op::And | Op::Or | Op::Xor | Op::LogicalAnd | Op::LogicalOr);
    match &expr.kind {
        Kind::Binary(inner, a, b) if *inner == op => {
            for side in [a, b] {
                match &side.kind {
                    Kind::Binary(nested, ..) if associative && *nested == op => {
                        collect_chain(side, op, operands)
                    }
                    _ => operands.push(side),
                }
            }
        }
        _ => operands.push(expr),
    }
}

fn is_atom(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Literal(..) | Kind::Var(_) | Kind::Slice(..) | Kind::Concat(_))
}

/// Whether the expression may stand without parentheses beside an operator.
fn is_unary_operand(expr: &Expr) -> bool {
    is_atom(expr) || matches!(expr.kind, Kind::Not(_))
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::And => "&",
        Op::Or => "|",
        Op::Xor => "^",
        Op::Shl => "<<",
        Op::Shr => ">>",
        Op::LogicalAnd => "&&",
        Op::LogicalOr => "||",
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
    }
}

/// A sized number: binary for a bit, decimal for a digit, hexadecimal otherwise.
pub(super) fn number(width: usize, value: u128) -> String {
    match (width, value) {
        (1, _) => format!("1'b{value}"),
        (_, 0..=9) => format!("{width}'d{value}"),
        _ => format!("{width}'h{value:x}"),
    }
}
