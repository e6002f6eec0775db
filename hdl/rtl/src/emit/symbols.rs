//! The symbol table of a module: what its kernel can name.
//!
//! Storage elements belong to the module that holds them. A register `miss_va` contributes the signals `miss_va`,
//! `miss_va_next` and `miss_va_en`, one of a bundle such signals for each field and one enable; a memory `rows` its
//! array and `rows_read_address`, `rows_read_data`, `rows_write_enable`, `rows_write_address`, `rows_write_data`.

use super::design::{RawAtom, Scope};
use super::error::{Checked, Defect};
use super::expr::{Expr, Kind, Var};
use super::names::Namespace;
use super::ports::{Port, PortDirection};
use crate::layer::bits::WIDTH_MAX;
use crate::layer::primitive::Primitive;
use rust_hdl::prelude::AtomKind;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Who drives a signal and who may read it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Port driven from outside.
    Input,
    /// Port driven by the kernel.
    Output,
    /// Driven and read by the kernel.
    Local,
    /// Driven by the kernel for a sub-block or storage element.
    PartInput,
    /// Driven by a sub-block or storage element.
    PartOutput,
    /// Clock of a sub-block or storage element.
    PartClock,
}

/// A signal.
#[derive(Clone, Debug)]
pub(super) struct Symbol {
    /// Its name in Verilog.
    pub name: String,
    /// Its width in bits.
    pub width: usize,
    /// Who drives it.
    pub role: Role,
}

/// A register of the module.
#[derive(Clone, Debug)]
pub(super) struct RegisterPart {
    pub clock: Var,
    pub en: Option<Var>,
    pub d: Var,
    pub q: Var,
}

/// A memory of the module.
#[derive(Clone, Debug)]
pub(super) struct RamPart {
    pub name: String,
    pub rows: usize,
    pub clock: Var,
    pub read_address: Var,
    pub read_data: Var,
    pub write_enable: Var,
    pub write_address: Var,
    pub write_data: Var,
}

/// An instance of another module.
#[derive(Clone, Debug)]
pub(super) struct InstancePart {
    /// Instance name.
    pub name: String,
    /// Position of the module among those already built.
    pub module: usize,
    /// Port name and signal, in the order of the ports.
    pub pins: Vec<(String, Var)>,
}

/// What a raw name stands for.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// A signal.
    Signal(Var),
    /// A constant.
    Value(Expr),
}

/// All that a kernel can name, and the parts it connects.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbols {
    pub table: Vec<Symbol>,
    pub namespace: Namespace,
    pub ports: Vec<Port>,
    pub registers: Vec<RegisterPart>,
    pub rams: Vec<RamPart>,
    pub instances: Vec<InstancePart>,
    /// The input that is the clock of all parts.
    pub clock: Option<Var>,
    meanings: HashMap<String, Meaning>,
}

impl Symbols {
    /// The symbols of a scope. `part_ports` gives module and ports of each part that is no storage element.
    pub fn new(scope: &Scope, part_ports: &[Option<(usize, &[Port])>]) -> Checked<Self> {
        let raw_names =
            scope.atoms.iter().map(|a| a.name.as_str()).chain(scope.parts.iter().map(|p| p.name.as_str()));
        let mut symbols = Self { namespace: Namespace::new(raw_names), ..Self::default() };
        for atom in &scope.atoms {
            symbols.add_atom(atom)?;
        }
        for (part, module) in scope.parts.iter().zip(part_ports) {
            match (part.primitive, module) {
                (Some(Primitive::LutRam { rows }), _) => symbols.add_ram(part, rows)?,
                (Some(_), _) => symbols.add_register(part)?,
                (None, Some((module, ports))) => symbols.add_instance(part, *module, ports)?,
                (None, None) => return Err(Defect::ForeignCode),
            }
        }
        Ok(symbols)
    }

    /// The signal's entry.
    pub fn of(&self, var: Var) -> &Symbol {
        &self.table[var.0]
    }

    /// The signal's Verilog name.
    pub fn name(&self, var: Var) -> &str {
        &self.table[var.0].name
    }

    /// All signals.
    pub fn vars(&self) -> impl Iterator<Item = Var> + use<> {
        (0..self.table.len()).map(Var)
    }

    /// What a resolved raw name means.
    pub fn meaning(&self, raw: &str) -> Option<&Meaning> {
        self.meanings.get(raw)
    }

    /// The signals that a raw name stands for: one with nothing more to its name, or the fields of a bundle or array
    /// with what follows that name, in the order of their declaration.
    pub fn fields(&self, raw: &str) -> Vec<String> {
        let field = |(name, meaning): (&String, &Meaning)| {
            let rest = name.strip_prefix(raw).filter(|rest| rest.is_empty() || rest.starts_with('$'))?;
            match meaning {
                Meaning::Signal(var) => Some((*var, rest.to_string())),
                Meaning::Value(_) => None,
            }
        };
        let fields: BTreeMap<Var, String> = self.meanings.iter().filter_map(field).collect();
        fields.into_values().collect()
    }

    /// A signal that no field stands for, named after `stem`.
    pub fn add_temporary(&mut self, stem: &str, width: usize) -> Var {
        let name = self.namespace.claim_fresh(stem);
        self.table.push(Symbol { name, width, role: Role::Local });
        Var(self.table.len() - 1)
    }

    fn add(&mut self, raw: String, name: String, width: usize, role: Role) -> Checked<Var> {
        if !(1..=WIDTH_MAX).contains(&width) {
            return Err(Defect::BadWidth { name, width });
        }
        let var = Var(self.table.len());
        self.namespace.claim(&name)?;
        self.table.push(Symbol { name, width, role });
        self.meanings.insert(raw, Meaning::Signal(var));
        Ok(var)
    }

    fn add_atom(&mut self, atom: &RawAtom) -> Checked<()> {
        let name = self.namespace.spell(&atom.name);
        let (role, direction) = match atom.kind {
            AtomKind::InputParameter => (Role::Input, Some(PortDirection::Input)),
            AtomKind::OutputParameter => (Role::Output, Some(PortDirection::Output)),
            AtomKind::LocalSignal => (Role::Local, None),
            AtomKind::Constant => return self.add_constant(atom),
            _ => return Err(Defect::Unsupported("a bidirectional signal")),
        };
        if let Some(direction) = direction {
            self.ports.push(Port {
                name: name.clone(),
                direction,
                width: atom.width,
                is_clock: atom.is_clock,
                raw: atom.name.clone(),
            });
        }
        let var = self.add(atom.name.clone(), name, atom.width, role)?;
        if atom.is_clock && (role != Role::Input || self.clock.replace(var).is_some()) {
            return Err(Defect::Unsupported("a clock besides the one that comes from outside"));
        }
        Ok(())
    }

    fn add_constant(&mut self, atom: &RawAtom) -> Checked<()> {
        let mut value = Expr::literal(atom.width, atom.value.unwrap_or(0));
        // Elements of tables stay numbers: their names would say no more than their indices.
        if !atom.name.contains('$') {
            let name = self.namespace.claim_fresh(&atom.name.to_uppercase());
            value.kind = Kind::Literal(atom.value.unwrap_or(0), Some(Rc::from(name)));
        }
        self.meanings.insert(atom.name.clone(), Meaning::Value(value));
        Ok(())
    }

    /// The name of a net at a part's pin; it gives way to a field of that name.
    fn pin_name(&self, name: String) -> String {
        if self.namespace.is_taken(&name) { format!("{name}_pin") } else { name }
    }

    /// Adds the atom `field` of a storage element under the Verilog name `name`.
    fn add_pin(&mut self, part: &Scope, field: &str, name: String) -> Checked<Option<Var>> {
        let Some(atom) = part.atoms.iter().find(|atom| atom.name == field) else { return Ok(None) };
        let role = match (atom.kind, atom.is_clock) {
            (_, true) => Role::PartClock,
            (AtomKind::OutputParameter, _) => Role::PartOutput,
            _ => Role::PartInput,
        };
        let name = if field == "q" || field.starts_with("q$") { name } else { self.pin_name(name) };
        self.add(format!("{}${field}", part.name), name, atom.width, role).map(Some)
    }

    fn add_required_pin(&mut self, part: &Scope, field: &str, name: String) -> Checked<Var> {
        self.add_pin(part, field, name)?.ok_or(Defect::ForeignCode)
    }

    fn add_register(&mut self, part: &Scope) -> Checked<()> {
        let name = self.namespace.spell(&part.name);
        let within = Namespace::new(part.atoms.iter().map(|atom| atom.name.as_str()));
        let mut values = vec![];
        for field in part.atoms.iter().filter_map(|atom| atom.name.strip_prefix('q')) {
            let name = format!("{name}{}", &within.spell(&format!("q{field}"))[1..]);
            let q = self.add_required_pin(part, &format!("q{field}"), name.clone())?;
            let d = self.add_required_pin(part, &format!("d{field}"), format!("{name}_next"))?;
            if self.of(q).role != Role::PartOutput {
                return Err(Defect::Unsupported("a register of a bundle that goes both ways"));
            }
            values.push((q, d));
        }
        let en = self.add_pin(part, "en", format!("{name}_en"))?;
        let clock = self.add_required_pin(part, "clock", format!("{name}_clock"))?;
        self.registers.extend(values.into_iter().map(|(q, d)| RegisterPart { clock, en, d, q }));
        Ok(())
    }

    fn add_ram(&mut self, part: &Scope, rows: usize) -> Checked<()> {
        let name = self.namespace.spell(&part.name);
        self.namespace.claim(&name)?;
        let ram = RamPart {
            rows,
            read_address: self.add_required_pin(part, "read_address", format!("{name}_read_address"))?,
            read_data: self.add_required_pin(part, "read_data", format!("{name}_read_data"))?,
            write_enable: self.add_required_pin(part, "write_enable", format!("{name}_write_enable"))?,
            write_address: self.add_required_pin(part, "write_address", format!("{name}_write_address"))?,
            write_data: self.add_required_pin(part, "write_data", format!("{name}_write_data"))?,
            clock: self.add_required_pin(part, "clock", format!("{name}_clock"))?,
            name,
        };
        self.rams.push(ram);
        Ok(())
    }

    fn add_instance(&mut self, part: &Scope, module: usize, ports: &[Port]) -> Checked<()> {
        let name = self.namespace.spell(&part.name);
        self.namespace.claim(&name)?;
        let mut pins = vec![];
        for port in ports {
            let role = match (port.direction, port.is_clock) {
                (_, true) => Role::PartClock,
                (PortDirection::Input, _) => Role::PartInput,
                (PortDirection::Output, _) => Role::PartOutput,
            };
            let raw = format!("{}${}", part.name, port.raw);
            let net = self.pin_name(format!("{name}_{}", port.name));
            let var = self.add(raw, net, port.width, role)?;
            pins.push((port.name.clone(), var));
        }
        self.instances.push(InstancePart { name, module, pins });
        Ok(())
    }
}
