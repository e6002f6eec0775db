//! The name of a block's module.

use super::design::MODULE_NAME_TYPE;
use crate::layer::wire::fresh_id;
use rust_hdl::prelude::*;

/// A field that names the module of the block that holds it: `<top>_<name>` instead of the path to the block.
///
/// Worth having for blocks that are used in several places. It is no hardware.
#[derive(Clone, Debug)]
pub struct ModuleName {
    name: String,
    id: usize,
}

impl ModuleName {
    /// `name` is part of a Verilog identifier: letters, digits, underscores.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "`{name}` is no module name");
        Self { name, id: fresh_id() }
    }
}

impl Logic for ModuleName {
    fn update(&mut self) {}
}

impl Block for ModuleName {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}

impl Atom for ModuleName {
    fn bits(&self) -> usize {
        1
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        AtomKind::Constant
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor { name: format!("{MODULE_NAME_TYPE}{}", self.name), kind: TypeKind::Bits(1) }
    }
    fn vcd(&self) -> VCDValue {
        VCDValue::from(false)
    }
    fn id(&self) -> usize {
        self.id
    }
    fn verilog(&self) -> VerilogLiteral {
        false.into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}
