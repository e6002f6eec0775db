//! From the syntax tree that `hdl_gen` records to typed statements: loops unrolled, names resolved, widths made equal.
//!
//! Owns statements; [`super::lower_expr`] owns expressions.

use super::design::literal_value;
use super::error::{Checked, Defect};
use super::expr::{Expr, Var};
use super::index::{LoopVariables, parse_integer, resolve};
use super::lower_expr::{Operand, always_within, check_fit, index_width};
use super::stmt::{Arm, Part, Stmt};
use super::symbols::{Meaning, Role, Symbols};
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
    clocks: HashMap<Var, Var>,
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
            VerilogStatement::Link(links) => {
                return links.iter().try_for_each(|link| match link {
                    VerilogLink::Bidirectional(names) => self.join(names, out),
                    VerilogLink::Forward(_) | VerilogLink::Backward(_) => {
                        Err(Defect::Unsupported("a link of rust-hdl's own; use Bundle::join"))
                    }
                });
            }
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

    /// Joins two signals, or two bundles field by field; see [`crate::layer::join`].
    fn join(&mut self, names: &VerilogLinkDetails, out: &mut Vec<Stmt>) -> Checked<()> {
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
            let (a, b) = (format!("{first}{field}"), format!("{second}{field}"));
            let (target, value) = match (self.is_driven_here(&a)?, self.is_driven_here(&b)?) {
                (true, false) => (a, b),
                (false, true) => (b, a),
                _ => return Err(Defect::NotJoinable(a, b)),
            };
            let signal = VerilogExpression::Signal;
            out.extend(self.assignment(&signal(target), &signal(value))?);
        }
        Ok(())
    }

    /// Whether the kernel drives the signal, rather than the outside or a part.
    fn is_driven_here(&self, raw: &str) -> Checked<bool> {
        let var = self.target(&VerilogExpression::Signal(raw.to_string()))?;
        Ok(matches!(self.symbols.of(var).role, Role::Output | Role::PartInput | Role::PartClock))
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
}

/// Whether the field of a bundle lies in an array, of which one side may have fewer elements.
fn is_element(field: &str) -> bool {
    field.split('$').any(|part| part.parse::<usize>().is_ok())
}
