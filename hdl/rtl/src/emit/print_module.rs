//! A module as text, everything but its name: declarations, logic, instances, storage.

use super::expr::{Expr, Kind, Var};
use super::module::{Logic, Module};
use super::ports::PortDirection;
use super::print_expr::{COLUMNS, ExprPrinter, INDENT, number};
use super::stmt::{Part, Stmt};
use super::symbols::{RegisterPart, Role};
use std::collections::{BTreeMap, BTreeSet};

/// What stands for the name of a module until all uses of all modules are known.
pub(super) fn placeholder(module: usize) -> String {
    format!("\0{module}\0")
}

/// Prints what follows `module <name>`.
pub(super) fn print_body(module: &mut Module) -> String {
    let row = (!module.symbols.rams.is_empty()).then(|| module.symbols.namespace.claim_fresh("initial_row"));
    let unused = module.symbols.namespace.claim_fresh("unused");
    let module = &*module;
    let mut printer = Printer {
        module,
        expr: ExprPrinter::new(&module.symbols),
        procedural: procedural(module),
        out: String::new(),
    };
    printer.ports();
    printer.parameters();
    printer.storage_declarations(row.as_deref());
    printer.net_declarations();
    printer.logic();
    printer.memories(row.as_deref());
    printer.instances();
    printer.registers();
    printer.unread(&unused);
    printer.out.push_str("endmodule\n");
    printer.out
}

/// Signals that a combinational block assigns.
fn procedural(module: &Module) -> BTreeSet<Var> {
    let blocks = module.logic.iter().filter_map(|logic| match logic {
        Logic::Block(vars, _) => Some(vars),
        Logic::Assign(..) => None,
    });
    blocks.flatten().copied().collect()
}

struct Printer<'a> {
    module: &'a Module,
    expr: ExprPrinter<'a>,
    procedural: BTreeSet<Var>,
    out: String,
}

/// `[7:0]`; nothing for a single bit.
fn range(width: usize) -> String {
    if width == 1 { String::new() } else { format!("[{}:0]", width - 1) }
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.out.push_str(&" ".repeat(depth * INDENT));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    fn name(&self, var: Var) -> &str {
        self.module.symbols.name(var)
    }

    /// The clock; checked to be there where something needs it.
    fn clock(&self) -> &str {
        self.module.symbols.clock.map_or("", |clock| self.name(clock))
    }

    fn ports(&mut self) {
        let symbols = &self.module.symbols;
        let ranges = symbols.ports.iter().map(|port| range(port.width).len()).max().unwrap_or(0);
        let is_procedural = |name: &str| self.procedural.iter().any(|var| symbols.name(*var) == name);
        let mut lines = vec![];
        for port in &symbols.ports {
            let direction = match port.direction {
                PortDirection::Input => "input  wire",
                PortDirection::Output if is_procedural(&port.name) => "output reg ",
                PortDirection::Output => "output wire",
            };
            let range = range(port.width);
            let gap = if ranges == 0 { "" } else { " " };
            lines.push(format!("  {direction}{gap}{range:>ranges$} {}", port.name));
        }
        self.out.push_str(&format!(" (\n{}\n);\n", lines.join(",\n")));
    }

    fn parameters(&mut self) {
        let mut parameters: BTreeMap<String, (usize, u128)> = BTreeMap::new();
        self.module.for_each_expr(&mut |expr| collect_parameters(expr, &mut parameters));
        let mut parameters: Vec<_> = parameters.into_iter().collect();
        parameters.sort_by_key(|(name, (_, value))| (name.split('_').next().map(str::to_string), *value));
        if !parameters.is_empty() {
            self.blank();
        }
        for (name, (width, value)) in parameters {
            let range = range(width);
            let gap = if range.is_empty() { "" } else { " " };
            self.line(1, &format!("localparam{gap}{range} {name} = {};", parameter(width, value)));
        }
    }

    fn declarations(&mut self, declared: Vec<(&'static str, usize, String)>) {
        if declared.is_empty() {
            return;
        }
        self.blank();
        let ranges = declared.iter().map(|(_, width, _)| range(*width).len()).max().unwrap_or(0);
        let kinds = declared.iter().map(|(kind, _, _)| kind.len()).max().unwrap_or(0);
        let gap = if ranges == 0 { "" } else { " " };
        for (kind, width, name) in declared {
            self.line(1, &format!("{kind:<kinds$}{gap}{:>ranges$} {name};", range(width)));
        }
    }

    fn storage_declarations(&mut self, row: Option<&str>) {
        let symbols = &self.module.symbols;
        let registers =
            symbols.registers.iter().map(|r| ("reg", symbols.of(r.q).width, symbols.of(r.q).name.clone()));
        self.declarations(registers.collect());
        let rams: Vec<String> = symbols
            .rams
            .iter()
            .map(|ram| {
                let range = range(symbols.of(ram.read_data).width);
                let gap = if range.is_empty() { "" } else { " " };
                match ram.rows {
                    1 => format!("reg{gap}{range} {};", ram.name),
                    rows => format!(
                        "(* ram_style = \"distributed\" *) reg{gap}{range} {} [0:{}];",
                        ram.name,
                        rows - 1
                    ),
                }
            })
            .collect();
        if rams.is_empty() {
            return;
        }
        self.blank();
        for ram in rams {
            self.line(1, &ram);
        }
        if let (Some(row), true) = (row, symbols.rams.iter().any(|ram| ram.rows > 1)) {
            self.line(1, &format!("integer {row};"));
        }
    }

    fn net_declarations(&mut self) {
        let symbols = &self.module.symbols;
        let registers: BTreeSet<Var> = symbols.registers.iter().map(|r| r.q).collect();
        let is_net = |var: &Var| match symbols.of(*var).role {
            Role::Local => self.module.live.contains(var),
            Role::PartInput => self.module.live.contains(var) && !self.module.aliases.contains_key(var),
            Role::PartOutput => self.module.is_part_output(*var) && !registers.contains(var),
            _ => false,
        };
        let nets = symbols.vars().filter(is_net).map(|var| {
            let kind = if self.procedural.contains(&var) { "reg" } else { "wire" };
            (kind, symbols.of(var).width, symbols.of(var).name.clone())
        });
        self.declarations(nets.collect());
    }

    fn logic(&mut self) {
        let mut after_assign = false;
        for logic in &self.module.logic {
            match logic {
                Logic::Assign(var, value) => {
                    if !after_assign {
                        self.blank();
                    }
                    let head = format!("assign {} = ", self.name(*var));
                    let value = self.expr.fitted(value, INDENT + head.len(), 1);
                    self.line(1, &format!("{head}{value};"));
                    after_assign = true;
                }
                Logic::Block(_, block) => {
                    self.blank();
                    self.line(1, "always @* begin");
                    self.block(block, 2);
                    self.line(1, "end");
                    after_assign = false;
                }
            }
        }
    }

    fn block(&mut self, block: &[Stmt], depth: usize) {
        for statement in block {
            match statement {
                Stmt::Assign(..) => {
                    let text = self.assignment(statement, depth * INDENT);
                    self.line(depth, &text);
                }
                Stmt::If(test, then, otherwise) => self.conditional("", test, then, otherwise, depth),
            }
        }
    }

    /// `x = y;`, beginning at `column`.
    fn assignment(&self, statement: &Stmt, column: usize) -> String {
        let Stmt::Assign(target, part, value) = statement else { return String::new() };
        let name = self.name(*target);
        let head = match part {
            Part::Whole => format!("{name} = "),
            Part::Bits(low, 1) => format!("{name}[{low}] = "),
            Part::Bits(low, width) => format!("{name}[{}:{low}] = ", low + width - 1),
        };
        let value = self.expr.fitted(value, column + head.len(), 1);
        format!("{head}{value};")
    }

    /// The block as a single assignment that fits behind `column` on the same line.
    fn short(&self, block: &[Stmt], column: usize) -> Option<String> {
        let [statement @ Stmt::Assign(..)] = block else { return None };
        let text = self.assignment(statement, column);
        (!text.contains('\n') && column + text.len() <= COLUMNS).then_some(text)
    }

    fn conditional(&mut self, before: &str, test: &Expr, then: &[Stmt], otherwise: &[Stmt], depth: usize) {
        let head = format!("{before}if (");
        let test = self.expr.fitted(test, depth * INDENT + head.len(), 8);
        let head = format!("{head}{test})");
        let column = depth * INDENT + head.len() + 1;
        let inline = self.short(then, column).filter(|_| otherwise.is_empty() && before.is_empty());
        if let Some(text) = inline.filter(|_| !head.contains('\n')) {
            self.line(depth, &format!("{head} {text}"));
            return;
        }
        self.line(depth, &format!("{head} begin"));
        self.block(then, depth + 1);
        match otherwise {
            [] => self.line(depth, "end"),
            [Stmt::If(test, then, otherwise)] => self.conditional("end else ", test, then, otherwise, depth),
            _ => {
                self.line(depth, "end else begin");
                self.block(otherwise, depth + 1);
                self.line(depth, "end");
            }
        }
    }

    fn memories(&mut self, row: Option<&str>) {
        let symbols = &self.module.symbols;
        for ram in &symbols.rams {
            let connected = |var| self.expr.flat(&self.module.connection(var));
            let (read, write) = match ram.rows {
                1 => (String::new(), String::new()),
                _ => (
                    format!("[{}]", connected(ram.read_address)),
                    format!("[{}]", connected(ram.write_address)),
                ),
            };
            let name = &ram.name;
            let lines = [
                format!("assign {} = {name}{read};", self.name(ram.read_data)),
                format!("always @(posedge {}) begin", self.clock()),
                format!(
                    "  if ({}) {name}{write} <= {};",
                    connected(ram.write_enable),
                    connected(ram.write_data)
                ),
                "end".to_string(),
            ];
            let zero = number(symbols.of(ram.read_data).width, 0);
            self.blank();
            match row {
                Some(row) if ram.rows > 1 => {
                    let range = format!("{row} = 0; {row} < {}; {row} = {row} + 1", ram.rows);
                    self.line(1, &format!("initial for ({range})"));
                    self.line(2, &format!("{name}[{row}] = {zero};"));
                }
                _ => self.line(1, &format!("initial {name} = {zero};")),
            }
            for line in lines {
                self.line(1, &line);
            }
        }
    }

    fn instances(&mut self) {
        let symbols = &self.module.symbols;
        for instance in &symbols.instances {
            self.blank();
            self.line(1, &format!("{} {} (", placeholder(instance.module), instance.name));
            let last = instance.pins.len().saturating_sub(1);
            for (at, (port, var)) in instance.pins.iter().enumerate() {
                let connected = match symbols.of(*var).role {
                    Role::PartClock => self.clock().to_string(),
                    _ => self.expr.flat(&self.module.connection(*var)),
                };
                let comma = if at == last { "" } else { "," };
                self.line(2, &format!(".{port}({connected}){comma}"));
            }
            self.line(1, ");");
        }
    }

    fn registers(&mut self) {
        let symbols = &self.module.symbols;
        if symbols.registers.is_empty() {
            return;
        }
        self.blank();
        self.line(1, "initial begin");
        for register in &symbols.registers {
            let zero = number(symbols.of(register.q).width, 0);
            self.line(2, &format!("{} = {zero};", symbols.name(register.q)));
        }
        self.line(1, "end");
        self.blank();
        self.line(1, &format!("always @(posedge {}) begin", self.clock()));
        self.register_updates(&symbols.registers);
        self.line(1, "end");
    }

    /// Neighbours with the same enable share one condition.
    fn register_updates(&mut self, registers: &[RegisterPart]) {
        let enable = |r: &RegisterPart| r.en.map(|en| self.module.connection(en));
        let mut at = 0;
        while at < registers.len() {
            let shared = enable(&registers[at]);
            let count = registers[at..].iter().take_while(|r| enable(r) == shared).count();
            let updates: Vec<String> = registers[at..at + count]
                .iter()
                .map(|r| format!("{} <= {};", self.name(r.q), self.expr.flat(&self.module.connection(r.d))))
                .collect();
            match (shared.map(|en| self.expr.flat(&en)), updates.as_slice()) {
                (None, updates) => updates.iter().for_each(|update| self.line(2, update)),
                (Some(en), [update]) => self.line(2, &format!("if ({en}) {update}")),
                (Some(en), updates) => {
                    self.line(2, &format!("if ({en}) begin"));
                    updates.iter().for_each(|update| self.line(3, update));
                    self.line(2, "end");
                }
            }
            at += count;
        }
    }

    /// Names what is not read, so that a lint finding of that kind is a mistake.
    fn unread(&mut self, name: &str) {
        let mut parts = vec![];
        for (var, runs) in self.module.unread() {
            let symbol = self.module.symbols.of(var);
            for (low, count) in runs {
                let whole = count == symbol.width;
                let slice = Expr::slice(var, symbol.width, low, count);
                parts.push(if whole { symbol.name.clone() } else { self.expr.flat(&slice) });
            }
        }
        if parts.is_empty() {
            return;
        }
        self.blank();
        self.line(1, "// Read by nothing.");
        let mut text = format!("wire {name} = &{{1'b0");
        let mut column = INDENT + text.len();
        for part in parts {
            if column + part.len() + 4 > COLUMNS {
                text.push_str(",\n    ");
                column = 4;
            } else {
                text.push_str(", ");
                column += 2;
            }
            text.push_str(&part);
            column += part.len();
        }
        text.push_str("};");
        self.line(1, &text);
    }
}

fn collect_parameters(expr: &Expr, parameters: &mut BTreeMap<String, (usize, u128)>) {
    match &expr.kind {
        Kind::Literal(value, Some(name)) => {
            parameters.insert(name.to_string(), (expr.width, *value));
        }
        Kind::Literal(..) | Kind::Var(_) | Kind::Slice(..) => {}
        Kind::Not(a) | Kind::Reduce(_, a) => collect_parameters(a, parameters),
        Kind::Binary(_, a, b) => [a, b].iter().for_each(|e| collect_parameters(e, parameters)),
        Kind::Concat(elements) => elements.iter().for_each(|e| collect_parameters(e, parameters)),
        Kind::Choose(a, b, c) => [a, b, c].iter().for_each(|e| collect_parameters(e, parameters)),
    }
}

/// The value of a parameter: narrow ones are positions and counts, wide ones are masks.
fn parameter(width: usize, value: u128) -> String {
    if (2..=7).contains(&width) { format!("{width}'d{value}") } else { number(width, value) }
}
