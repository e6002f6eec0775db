//! Where each signal of a module gets its value from: latches, combinational loops, dead signals, undriven signals.

use super::error::{Checked, Defect};
use super::expr::{Expr, Var};
use super::stmt::{Part, Stmt};
use super::symbols::{Role, Symbols};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

/// For each output port of a module, the input ports that it depends on without a register in between.
pub(super) type PathsThrough = BTreeMap<String, BTreeSet<String>>;

/// For each signal, other signals.
type Edges = BTreeMap<Var, BTreeSet<Var>>;

/// The signals that each signal gets its value from within the cycle.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Settled values that the settled value depends on. What a signal held in between is resolved: `x = 0; y = x;
    /// x = y;` is no loop.
    depends: Edges,
    /// Signals that its assignments mention.
    mentions: Edges,
    driven: BTreeSet<Var>,
}

/// What is known of a signal at a point of the kernel.
#[derive(Clone)]
struct Known {
    /// Settled values that the present value depends on.
    depends: Rc<BTreeSet<Var>>,
    /// Whether it has been assigned on every path to this point.
    definite: bool,
}

type State = BTreeMap<Var, Known>;

impl Flow {
    /// Analyses a kernel. Fails on latches.
    pub fn new(body: &[Stmt], symbols: &Symbols) -> Checked<Self> {
        let mut walk = Walk { symbols, mentions: Edges::new(), conditions: vec![] };
        let mut state = State::new();
        walk.block(body, &mut state, &Rc::default())?;
        if let Some(latch) = state.iter().find(|(_, known)| !known.definite) {
            return Err(Defect::Latch(symbols.name(*latch.0).to_string()));
        }
        let driven = state.keys().copied().collect();
        let depends = state.into_iter().map(|(var, known)| (var, (*known.depends).clone())).collect();
        Ok(Self { depends, mentions: walk.mentions, driven })
    }

    /// Adds what goes through the parts of the module: the read ports of memories and the paths of instances.
    pub fn add_parts(&mut self, symbols: &Symbols, paths: &[&PathsThrough]) {
        for ram in symbols.rams.iter().filter(|ram| ram.rows > 1) {
            for edges in [&mut self.depends, &mut self.mentions] {
                edges.entry(ram.read_data).or_default().insert(ram.read_address);
            }
        }
        for (instance, paths) in symbols.instances.iter().zip(paths) {
            let pins: HashMap<&str, Var> =
                instance.pins.iter().map(|(name, var)| (name.as_str(), *var)).collect();
            for (output, inputs) in paths.iter() {
                let inputs = inputs.iter().map(|input| pins[input.as_str()]);
                let inputs: BTreeSet<Var> = inputs.collect();
                for edges in [&mut self.depends, &mut self.mentions] {
                    edges.entry(pins[output.as_str()]).or_default().extend(&inputs);
                }
            }
        }
    }

    /// Fails if a signal depends on itself within a cycle.
    pub fn check_loops(&self, symbols: &Symbols) -> Checked<()> {
        let mut done = BTreeSet::new();
        for &start in self.depends.keys() {
            let mut path = vec![];
            if let Some(cycle) = self.find_cycle(start, &mut path, &mut done) {
                let names = self.spell_out(&cycle).into_iter().map(|var| symbols.name(var).to_string());
                return Err(Defect::CombinationalLoop(names.collect()));
            }
        }
        Ok(())
    }

    /// The cycle with the signals that lie between its members in the kernel's text.
    fn spell_out(&self, cycle: &[Var]) -> Vec<Var> {
        let mut path = vec![cycle[0]];
        for pair in cycle.windows(2) {
            path.extend(shortest_path(&self.mentions, pair[0], pair[1]).unwrap_or_else(|| vec![pair[1]]));
        }
        path
    }

    fn find_cycle(&self, var: Var, path: &mut Vec<Var>, done: &mut BTreeSet<Var>) -> Option<Vec<Var>> {
        if let Some(at) = path.iter().position(|seen| *seen == var) {
            let mut cycle = path[at..].to_vec();
            cycle.push(var);
            return Some(cycle);
        }
        if done.contains(&var) {
            return None;
        }
        path.push(var);
        let found =
            self.depends.get(&var).into_iter().flatten().find_map(|&v| self.find_cycle(v, path, done));
        path.pop();
        done.insert(var);
        found
    }

    /// The paths from the inputs of the module to its outputs.
    pub fn paths_through(&self, symbols: &Symbols) -> PathsThrough {
        let outputs = symbols.vars().filter(|var| symbols.of(*var).role == Role::Output);
        outputs
            .map(|output| {
                let reached = closure(&self.depends, [output]);
                let inputs = reached.iter().filter(|var| symbols.of(**var).role == Role::Input);
                (
                    symbols.name(output).to_string(),
                    inputs.map(|input| symbols.name(*input).to_string()).collect(),
                )
            })
            .collect()
    }

    /// The signals that the outputs depend on, over any number of cycles.
    pub fn live(&self, symbols: &Symbols) -> BTreeSet<Var> {
        let outputs = symbols.vars().filter(|var| symbols.of(*var).role == Role::Output);
        let mut live = closure(&self.mentions, outputs);
        loop {
            let mut roots = vec![];
            for register in symbols.registers.iter().filter(|r| live.contains(&r.q)) {
                roots.extend([register.clock, register.d]);
                roots.extend(register.en);
            }
            for ram in symbols.rams.iter().filter(|ram| live.contains(&ram.read_data)) {
                roots.extend([ram.clock, ram.write_enable, ram.write_data]);
                if ram.rows > 1 {
                    roots.extend([ram.read_address, ram.write_address]);
                }
            }
            for instance in &symbols.instances {
                if instance.pins.iter().any(|(_, var)| is_live_output(symbols, &live, *var)) {
                    let inputs = instance.pins.iter().map(|(_, var)| *var);
                    roots.extend(inputs.filter(|var| symbols.of(*var).role != Role::PartOutput));
                }
            }
            let before = live.len();
            live.extend(closure(&self.mentions, roots));
            if live.len() == before {
                return live;
            }
        }
    }

    /// Fails if something live that the kernel must drive is not driven.
    pub fn check_driven(&self, symbols: &Symbols, live: &BTreeSet<Var>) -> Checked<()> {
        for &var in live {
            let symbol = symbols.of(var);
            match symbol.role {
                Role::PartClock if symbols.clock.is_none() => {
                    return Err(Defect::NoClock(symbol.name.clone()));
                }
                Role::Local | Role::Output | Role::PartInput if !self.driven.contains(&var) => {
                    return Err(Defect::Undriven(symbol.name.clone()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The signals on the shortest way along the edges, without the first.
fn shortest_path(edges: &Edges, from: Var, to: Var) -> Option<Vec<Var>> {
    let mut came_from = BTreeMap::new();
    let mut open = VecDeque::from([from]);
    while let Some(var) = open.pop_front() {
        for &next in edges.get(&var).into_iter().flatten() {
            if came_from.contains_key(&next) {
                continue;
            }
            came_from.insert(next, var);
            if next == to {
                let mut path = vec![to];
                while came_from[&path[path.len() - 1]] != from {
                    path.push(came_from[&path[path.len() - 1]]);
                }
                path.reverse();
                return Some(path);
            }
            open.push_back(next);
        }
    }
    None
}

/// All signals that edges lead to from the roots, themselves included.
fn closure(edges: &Edges, roots: impl IntoIterator<Item = Var>) -> BTreeSet<Var> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<Var> = roots.into_iter().collect();
    while let Some(var) = open.pop() {
        if reached.insert(var) {
            open.extend(edges.get(&var).into_iter().flatten());
        }
    }
    reached
}

/// Whether the signal is a live output of a part.
pub(super) fn is_live_output(symbols: &Symbols, live: &BTreeSet<Var>, var: Var) -> bool {
    symbols.of(var).role == Role::PartOutput && live.contains(&var)
}

struct Walk<'a> {
    symbols: &'a Symbols,
    mentions: Edges,
    /// Signals in the conditions around the current statement.
    conditions: Vec<Var>,
}

impl Walk<'_> {
    fn block(&mut self, body: &[Stmt], state: &mut State, above: &Rc<BTreeSet<Var>>) -> Checked<()> {
        for statement in body {
            match statement {
                Stmt::Assign(target, part, value) => self.assign(*target, part, value, state, above)?,
                Stmt::If(test, ..) => {
                    let mut conditions = (**above).clone();
                    self.reads(test, state, &mut conditions)?;
                    let outside = self.conditions.len();
                    test.for_each_read(&mut |var, _, _| self.conditions.push(var));
                    self.branches(statement, state, &Rc::new(conditions))?;
                    self.conditions.truncate(outside);
                }
            }
        }
        Ok(())
    }

    fn assign(
        &mut self,
        target: Var,
        part: &Part,
        value: &Expr,
        state: &mut State,
        above: &Rc<BTreeSet<Var>>,
    ) -> Checked<()> {
        let mut depends = (**above).clone();
        self.reads(value, state, &mut depends)?;
        if part.is_partial() {
            self.read(target, state, &mut depends)?;
        }
        let mentions = self.mentions.entry(target).or_default();
        mentions.extend(&self.conditions);
        value.for_each_read(&mut |var, _, _| {
            mentions.insert(var);
        });
        state.insert(target, Known { depends: Rc::new(depends), definite: true });
        Ok(())
    }

    fn branches(&mut self, statement: &Stmt, state: &mut State, above: &Rc<BTreeSet<Var>>) -> Checked<()> {
        let mut ends = vec![];
        for block in statement.inside().1 {
            let mut end = state.clone();
            self.block(block, &mut end, above)?;
            ends.push(end);
        }
        *state = join(&ends);
        Ok(())
    }

    fn reads(&mut self, expr: &Expr, state: &State, depends: &mut BTreeSet<Var>) -> Checked<()> {
        let mut read = BTreeSet::new();
        expr.for_each_read(&mut |var, _, _| {
            read.insert(var);
        });
        read.into_iter().try_for_each(|var| self.read(var, state, depends))
    }

    fn read(&mut self, var: Var, state: &State, depends: &mut BTreeSet<Var>) -> Checked<()> {
        match state.get(&var) {
            Some(known) if !known.definite => {
                return Err(Defect::Latch(self.symbols.name(var).to_string()));
            }
            Some(known) => depends.extend(known.depends.iter().copied()),
            None => {
                depends.insert(var);
            }
        }
        Ok(())
    }
}

/// What is known where branches meet.
fn join(ends: &[State]) -> State {
    let mut joined = State::new();
    let vars: BTreeSet<Var> = ends.iter().flat_map(|end| end.keys().copied()).collect();
    for var in vars {
        let known: Vec<&Known> = ends.iter().filter_map(|end| end.get(&var)).collect();
        let definite = known.len() == ends.len() && known.iter().all(|k| k.definite);
        let depends = if known.iter().all(|k| Rc::ptr_eq(&k.depends, &known[0].depends)) {
            known[0].depends.clone()
        } else {
            Rc::new(known.iter().flat_map(|k| k.depends.iter().copied()).collect())
        };
        joined.insert(var, Known { depends, definite });
    }
    joined
}
