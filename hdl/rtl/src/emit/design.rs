//! The design as the block tree shows it: scopes, atoms and kernels, gathered by one walk with a rust-hdl probe.
//!
//! Names stay raw here: `lane$3` is element 3 of the field `lane`.

use crate::layer::primitive::Primitive;
use rust_hdl::prelude::{Atom, AtomKind, Block, Probe, Verilog, VerilogLiteral};

/// An atom of a block: a signal or constant.
#[derive(Clone, Debug)]
pub(super) struct RawAtom {
    /// Raw name within its scope.
    pub name: String,
    /// Input, output, local, constant.
    pub kind: AtomKind,
    /// Width in bits.
    pub width: usize,
    /// Value, for constants.
    pub value: Option<u128>,
    /// Whether it carries a clock.
    pub is_clock: bool,
}

/// A block with everything below it.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Raw field name.
    pub name: String,
    /// Signals and constants, in the order of the fields.
    pub atoms: Vec<RawAtom>,
    /// Sub-blocks, storage elements too, in the order of the fields.
    pub parts: Vec<Scope>,
    /// The kernel.
    pub code: Verilog,
    /// The storage element that the block is, if it is one.
    pub primitive: Option<Primitive>,
}

/// All scopes at the top of `block`: one for a block, none for a signal, several for an array.
pub(super) fn gather(block: &dyn Block, name: &str) -> Vec<Scope> {
    let root =
        Scope { name: String::new(), atoms: vec![], parts: vec![], code: Verilog::Empty, primitive: None };
    let mut gatherer = Gatherer { open: vec![root], namespaces: vec![vec![]] };
    block.accept(name, &mut gatherer);
    gatherer.open.swap_remove(0).parts
}

/// The stack of open scopes; a scope moves into its parent when it ends.
struct Gatherer {
    open: Vec<Scope>,
    namespaces: Vec<Vec<String>>,
}

impl Probe for Gatherer {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        let code = node.hdl();
        let primitive = Primitive::of(&code);
        self.open.push(Scope { name: name.to_string(), atoms: vec![], parts: vec![], code, primitive });
        self.namespaces.push(vec![]);
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.namespaces.pop();
        if let Some(scope) = self.open.pop()
            && let Some(parent) = self.open.last_mut()
        {
            parent.parts.push(scope);
        }
    }

    fn visit_start_namespace(&mut self, name: &str, _node: &dyn Block) {
        if let Some(namespace) = self.namespaces.last_mut() {
            namespace.push(name.to_string());
        }
    }

    fn visit_end_namespace(&mut self, _name: &str, _node: &dyn Block) {
        if let Some(namespace) = self.namespaces.last_mut() {
            namespace.pop();
        }
    }

    fn visit_atom(&mut self, name: &str, signal: &dyn Atom) {
        let (Some(scope), Some(namespace)) = (self.open.last_mut(), self.namespaces.last()) else { return };
        let descriptor = signal.descriptor();
        let mut path = namespace.clone();
        path.push(name.to_string());
        scope.atoms.push(RawAtom {
            name: path.join("$"),
            kind: signal.kind(),
            width: signal.bits(),
            value: (signal.kind() == AtomKind::Constant).then(|| literal_value(&signal.verilog()).0),
            is_clock: descriptor.name == "clock",
        });
    }
}

/// Value and declared width of a literal. rust-hdl shows both in its text only.
pub(super) fn literal_value(literal: &VerilogLiteral) -> (u128, usize) {
    let text = format!("{literal:x}");
    let (bits, digits) = text.split_once("'h").unwrap_or(("0", "0"));
    (u128::from_str_radix(digits, 16).unwrap_or(0), bits.parse().unwrap_or(0))
}
