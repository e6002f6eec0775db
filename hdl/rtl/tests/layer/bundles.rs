//! Interfaces: declared once for both sides, nested, with ports that one side lacks; joined to the block's own ports,
//! and part to part.

use crate::bench::{compare, expect_text};
use crate::under_test;
use pagewalk_rtl::emit::{self, Defect};
use pagewalk_rtl::layer::ports::{PinName, Pins};
use pagewalk_rtl::prelude::*;

bundle! {
    /// What an answer says.
    pub struct Answer / AnswerIn (width: usize) {
        /// The sum.
        out sum: wire(width),
        /// Its top bit.
        out top: bit,
    }
}

bundle! {
    /// A question and its answer.
    pub struct Query / QueryIn (width: usize, flags: usize, spaces: usize) {
        /// A question is asked.
        out valid: bit,
        /// It is taken.
        in ready: bit,
        /// The number.
        out number: wire(width),
        /// Modes of the question.
        out flag: bits(flags),
        /// What is added.
        out space: wires(spaces, 4),
        /// The answer.
        in answer: Answer / AnswerIn(width),
    }
}

block! {
    /// Asks.
    struct Asker(width: usize, spaces: usize) has clock;
    {
        go: Wire<In> = Wire::new(width),
        query: Query = Query::new(width, 1, spaces),
        heard: Wire<Out> = Wire::new(width),
        taken: BitRegister,
        _spaces: usize = spaces,
    }
}

impl Logic for Asker {
    #[hdl_gen]
    fn update(&mut self) {
        self.taken.d.next = self.query.ready.val();
        self.query.valid.next = self.go.val().any() && !self.taken.q.val();
        self.query.number.next = self.go.val();
        self.query.flag[0].next = self.go.val().get_bit(1);
        for s in 0..self._spaces {
            self.query.space[s].next = 3.into();
        }
        self.heard.next = self.query.answer.sum.val();
        if self.query.answer.top.val() {
            self.heard.next = 0.into();
        }
    }
}

block! {
    /// Answers; has no use for flags.
    struct Answerer(width: usize, spaces: usize) has clock;
    {
        query: QueryIn = QueryIn::new(width, 0, spaces),
        total: Wire<Local> = Wire::new(width),
        _spaces: usize = spaces,
    }
}

impl Logic for Answerer {
    #[hdl_gen]
    fn update(&mut self) {
        self.query.ready.next = self.query.valid.val();
        self.total.next = self.query.number.val() + 1;
        for s in 0..self._spaces {
            self.total.next = self.total.val() + self.query.space[s].val();
        }
        self.query.answer.sum.next = self.total.val();
        self.query.answer.top.next = self.total.val() > 200;
    }
}

block! {
    /// Joins an asker to an answerer, and leads another answerer out.
    struct Both(width: usize, spaces: usize) has clock;
    {
        go: Wire<In> = Wire::new(width),
        outer: QueryIn = QueryIn::new(width, 0, spaces),
        heard: Wire<Out> = Wire::new(width),
        asker: Asker = Asker::new(width, spaces),
        answerer: Ports<Answerer> = Ports::of(2, |_| Answerer::new(width, spaces)),
    }
}

impl Logic for Both {
    #[hdl_gen]
    fn update(&mut self) {
        Bundle::join(&mut self.go, &mut self.asker.go);
        Bundle::join(&mut self.heard, &mut self.asker.heard);
        Bundle::join(&mut self.asker.query, &mut self.answerer[0].query);
        Bundle::join(&mut self.outer, &mut self.answerer[1].query);
    }
}

impl crate::bench::Pin for QueryIn {
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
        self.valid.drive(source);
        self.number.drive(source);
        self.space.iter_mut().for_each(|space| space.drive(source));
    }
    fn sample(&self, values: &mut Vec<u128>) {
        self.ready.sample(values);
        self.answer.sum.sample(values);
        self.answer.top.sample(values);
    }
}

under_test!(Both: go outer => outer heard);

#[test]
fn joined_bundles_agree_and_read_well() {
    for (spaces, text) in [(1, "bundles.v"), (0, "bundles_bare.v")] {
        let verilog = compare(&format!("bundles{spaces}"), &mut Both::new(8, spaces), 3, 2000);
        expect_text(text, &verilog);
    }
}

#[test]
fn pins_bear_the_names_of_the_verilog() {
    for spaces in [0, 1, 3] {
        let mut query = QueryIn::new(8, 1, spaces);
        let mut visited = vec![];
        query.visit_pins(PinName::of("outer"), &mut |name, pin| {
            visited.push((name.to_string(), pin.direction()))
        });
        let mut both = Both::new(8, spaces);
        both.outer = query;
        let ports = emit::ports(&both).expect("the block is well-formed");
        let ports = ports.iter().filter(|port| port.name.starts_with("outer"));
        assert_eq!(visited, ports.map(|port| (port.name.clone(), port.direction)).collect::<Vec<_>>());
    }
}

bundle! {
    /// What is kept of a question.
    pub struct Kept / KeptIn (width: usize, spaces: usize) {
        /// The number.
        out number: wire(width),
        /// What is added.
        out space: wires(spaces, 4),
        /// An answer from before.
        out answer: Answer / AnswerIn(width),
    }
}

block! {
    /// Keeps a bundle while told to, and the one before it always.
    struct Keeper(width: usize, spaces: usize) has clock;
    {
        load: Signal<In, Bit>,
        offered: KeptIn = KeptIn::new(width, spaces),
        kept: Kept = Kept::new(width, spaces),
        answered: Answer = Answer::new(width),

        held: RegisterEn<Kept> = RegisterEn::of(Kept::new(width, spaces)),
        before: Register<Answer> = Register::of(Answer::new(width)),
    }
}

impl Logic for Keeper {
    #[hdl_gen]
    fn update(&mut self) {
        self.held.en.next = self.load.val();
        Bundle::join(&mut self.offered, &mut self.held.d);
        Bundle::join(&mut self.kept, &mut self.held.q);
        self.before.d.sum.next = self.held.q.answer.sum.val() + 1;
        self.before.d.top.next = self.held.q.answer.top.val();
        Bundle::join(&mut self.answered, &mut self.before.q);
    }
}

impl crate::bench::Pin for KeptIn {
    fn drive(&mut self, source: &mut dyn FnMut(usize) -> u128) {
        self.number.drive(source);
        self.space.drive(source);
        self.answer.sum.drive(source);
        self.answer.top.drive(source);
    }
    fn sample(&self, _: &mut Vec<u128>) {}
}

impl crate::bench::Pin for Kept {
    fn drive(&mut self, _: &mut dyn FnMut(usize) -> u128) {}
    fn sample(&self, values: &mut Vec<u128>) {
        self.number.sample(values);
        self.space.sample(values);
        self.answer.sample(values);
    }
}

impl crate::bench::Pin for Answer {
    fn drive(&mut self, _: &mut dyn FnMut(usize) -> u128) {}
    fn sample(&self, values: &mut Vec<u128>) {
        self.sum.sample(values);
        self.top.sample(values);
    }
}

under_test!(Keeper: load offered => kept answered);

#[test]
fn registers_of_bundles_agree_and_share_one_enable() {
    for spaces in [0, 1, 3] {
        let verilog = compare(&format!("keeper{spaces}"), &mut Keeper::new(8, spaces), 5, 1000);
        assert_eq!(verilog.matches("if (load)").count(), 1, "{verilog}");
        assert!(verilog.contains("held_number <= offered_number;"), "{verilog}");
        assert_eq!(verilog.contains("held_space <= offered_space;"), spaces == 1, "{verilog}");
    }
}

block! {
    /// Keeps what also has a way back.
    struct BothWays() has clock;
    {
        query: RegisterEn<Query> = RegisterEn::of(Query::new(8, 0, 0)),
    }
}

impl Logic for BothWays {
    #[hdl_gen]
    fn update(&mut self) {}
}

#[test]
fn a_register_of_what_goes_both_ways_is_refused() {
    let defect = emit::verilog(&BothWays::new(), "dut", "").expect_err("ready comes back").defect;
    assert_eq!(defect, Defect::Unsupported("a register of a bundle that goes both ways"));
}

/// A block with ports both ways and an answerer, whose kernel joins two names as they must not be.
macro_rules! misjoined {
    ($name:ident: $join:ident $first:ident $($first_part:ident)?, $second:ident $($second_part:ident)?) => {
        block! {
            /// See the macro.
            struct $name() has clock;
            {
                a: QueryIn = QueryIn::new(8, 0, 0),
                b: QueryIn = QueryIn::new(8, 0, 0),
                up: Query = Query::new(8, 0, 0),
                part: Answerer = Answerer::new(8, 0),
            }
        }
        impl Logic for $name {
            #[hdl_gen]
            fn update(&mut self) {
                $join::join(&mut self.$first $(.$first_part)?, &mut self.$second $(.$second_part)?);
            }
        }
    };
}
misjoined!(TwoInputs: Bundle a, b);
misjoined!(PartFirst: Bundle part query, a);
misjoined!(OwnOutput: Bundle a, up);
misjoined!(ThroughPart: Through part query, up);

#[test]
fn joins_that_simulation_and_verilog_would_read_differently_are_refused() {
    let refused = |error: Result<String, emit::EmitError>, a: &str, b: &str| {
        let defect = error.expect_err("the join is wrong").defect;
        assert_eq!(defect, Defect::NotJoinable(format!("{a}$valid"), format!("{b}$valid")));
    };
    refused(emit::verilog(&TwoInputs::new(), "dut", ""), "a", "b");
    refused(emit::verilog(&PartFirst::new(), "dut", ""), "part$query", "a");
    refused(emit::verilog(&OwnOutput::new(), "dut", ""), "a", "up");
    refused(emit::verilog(&ThroughPart::new(), "dut", ""), "part$query", "up");
}
