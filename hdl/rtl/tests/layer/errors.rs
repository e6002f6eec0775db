//! Every mistake of a block's author that can be seen is an error that names the culprit.

use pagewalk_rtl::emit::{self, Defect};
use pagewalk_rtl::prelude::*;

/// A block with one output, one input, one local and one register, and a kernel.
macro_rules! kernel {
    ($name:ident, $($kernel:tt)*) => {
        #[derive(LogicBlock)]
        struct $name {
            clock: Signal<In, Clock>,
            a: Wire<In>,
            flag: Signal<In, Bit>,
            x: Wire<Out>,
            y: Wire<Local>,
            z: Wire<Local>,
            r: Register,
            c: Const,
            _n: usize,
        }

        impl $name {
            fn defect() -> Defect {
                let mut block = Self {
                    clock: Default::default(),
                    a: Wire::new(8),
                    flag: Default::default(),
                    x: Wire::new(8),
                    y: Wire::new(8),
                    z: Wire::new(8),
                    r: Register::new(8),
                    c: Const::new(8, 3),
                    _n: 3,
                };
                block.connect_all();
                emit::verilog(&block, "dut", "").expect_err("the kernel is wrong").defect
            }
        }

        impl Logic for $name {
            $($kernel)*
        }
    };
}

kernel!(
    Latch,
    #[hdl_gen]
    fn update(&mut self) {
        if self.flag.val() {
            self.x.next = self.a.val();
        }
    }
);

kernel!(
    Match,
    #[hdl_gen]
    fn update(&mut self) {
        match self.a.val().index() {
            1 => self.x.next = 0.into(),
            _ => self.x.next = 1.into(),
        }
    }
);

kernel!(
    VariableIndex,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.a.val();
        if self.a.val().get_bit(self.a.val().index()) {
            self.x.next = 0.into();
        }
    }
);

kernel!(
    ReadBehindBranch,
    #[hdl_gen]
    fn update(&mut self) {
        if self.flag.val() {
            self.y.next = self.a.val();
        }
        self.x.next = self.y.val();
        self.y.next = 0.into();
    }
);

kernel!(
    Loop,
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.z.val() + 1;
        self.z.next = self.y.val();
        self.x.next = self.z.val();
    }
);

kernel!(
    LoopOnItself,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.x.val() + 1;
    }
);

kernel!(
    Undriven,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.y.val();
    }
);

kernel!(
    NoOperand,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.a.val() + self._n;
    }
);

kernel!(
    InputAssigned,
    #[hdl_gen]
    fn update(&mut self) {
        self.a.next = 0.into();
        self.x.next = self.a.val();
    }
);

kernel!(
    ConstantTooWide,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.a.val() & 0x1ff;
    }
);

kernel!(
    AssignedTooWide,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = 256.into();
    }
);

kernel!(
    PartInputRead,
    #[hdl_gen]
    fn update(&mut self) {
        self.r.d.next = self.a.val();
        self.x.next = self.r.d.val() + self.r.q.val();
    }
);

kernel!(
    BadIndex,
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.a.val();
        for i in 0..2 {
            if self.flag.val() {
                self.x.next = self.x.val().replace_bit(i, true) >> (i + self._n);
            }
        }
    }
);

#[test]
fn mistakes_are_named() {
    let name = || "x".to_string();
    assert_eq!(Latch::defect(), Defect::Latch(name()));
    assert_eq!(Match::defect(), Defect::Unsupported("a match"));
    assert_eq!(VariableIndex::defect(), Defect::BadIndex("a signal".into()));
    assert_eq!(ReadBehindBranch::defect(), Defect::Latch("y".into()));
    assert_eq!(Loop::defect(), Defect::CombinationalLoop(vec!["z".into(), "y".into(), "z".into()]));
    assert_eq!(LoopOnItself::defect(), Defect::CombinationalLoop(vec![name(), name()]));
    assert_eq!(Undriven::defect(), Defect::Undriven("y".into()));
    assert_eq!(NoOperand::defect(), Defect::UnknownSignal("_n".into()));
    assert_eq!(InputAssigned::defect(), Defect::NotAssignable("a".into()));
    let place = "the other operand".to_string();
    assert_eq!(ConstantTooWide::defect(), Defect::LiteralTooWide { value: 0x1ff, width: 8, place });
    assert_eq!(AssignedTooWide::defect(), Defect::LiteralTooWide { value: 256, width: 8, place: name() });
    assert_eq!(PartInputRead::defect(), Defect::PartInputRead("r_next".into()));
    assert_eq!(BadIndex::defect(), Defect::UnknownSignal("_n".into()));
}

/// Two variables that are computed together, one of them read above its assignment.
#[derive(LogicBlock)]
struct TooEarly {
    a: Wire<In>,
    x: Wire<Out>,
    y: Wire<Out>,
    z: Wire<Local>,
}

impl Logic for TooEarly {
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.a.val();
        self.y.next = self.z.val() ^ self.x.val();
        self.x.next = !self.x.val();
        self.z.next = self.a.val();
        self.z.next = self.z.val() + self.x.val();
        self.x.next = self.x.val() & 7;
    }
}

#[test]
fn a_read_above_the_assignment_is_refused_where_order_matters() {
    let wire = || Wire::new(4);
    let mut block = TooEarly { a: Wire::new(4), x: Wire::new(4), y: Wire::new(4), z: wire() };
    block.connect_all();
    let defect = emit::verilog(&block, "dut", "").expect_err("y must be computed with x and z").defect;
    assert_eq!(defect, Defect::ReadTooEarly { name: "z".into(), reader: "y".into() });
}

block! {
    /// A register, and no clock for it.
    struct NoClock();
    {
        a: Signal<In, Bit>,
        x: Signal<Out, Bit>,
        r: BitRegister,
    }
}

impl Logic for NoClock {
    #[hdl_gen]
    fn update(&mut self) {
        self.r.d.next = self.a.val();
        self.x.next = self.r.q.val();
    }
}

block! {
    /// Two clocks.
    struct TwoClocks() has clock;
    {
        other: Signal<In, Clock>,
        part: NoStorage = NoStorage::new(),
    }
}

block! {
    /// Whether its clock is driven is not its affair.
    struct NoStorage() has clock;
    {
        a: Signal<In, Bit>,
    }
}

impl Logic for NoStorage {
    #[hdl_gen]
    fn update(&mut self) {}
}

impl Logic for TwoClocks {
    #[hdl_gen]
    fn update(&mut self) {
        self.part.clock.next = self.other.val();
    }
}

#[test]
fn storage_has_the_clock_of_the_block_and_no_other() {
    let defect = |verilog: Result<String, emit::EmitError>| verilog.expect_err("a clock is wrong").defect;
    assert_eq!(defect(emit::verilog(&NoClock::new(), "dut", "")), Defect::NoClock("r_clock".into()));
    let second = Defect::Unsupported("a clock besides the one that comes from outside");
    assert_eq!(defect(emit::verilog(&TwoClocks::new(), "dut", "")), second);
}

/// Names that Verilog does not take.
#[derive(LogicBlock)]
struct Names {
    table: Wire<In>,
    x: Wire<Out>,
}

impl Logic for Names {
    #[hdl_gen]
    fn update(&mut self) {
        self.x.next = self.table.val();
    }
}

#[derive(LogicBlock)]
struct Collision {
    x: Vec<Wire<In>>,
    x_1: Wire<In>,
    y: Wire<Out>,
}

impl Logic for Collision {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.x[1].val() & self.x_1.val();
    }
}

/// A loop that only shows across the boundary of a part.
#[derive(LogicBlock)]
struct Around {
    x: Wire<Out>,
    part: Through,
}

#[derive(LogicBlock)]
struct Through {
    enters: Wire<In>,
    leaves: Wire<Out>,
}

impl Logic for Through {
    #[hdl_gen]
    fn update(&mut self) {
        self.leaves.next = !self.enters.val();
    }
}

impl Logic for Around {
    #[hdl_gen]
    fn update(&mut self) {
        self.part.enters.next = self.part.leaves.val();
        self.x.next = self.part.leaves.val();
    }
}

#[test]
fn names_and_hierarchies_are_checked() {
    let names = Names { table: Wire::new(1), x: Wire::new(1) };
    let keyword = Defect::Keyword("table".into());
    assert_eq!(emit::verilog(&names, "dut", "").expect_err("a keyword").defect, keyword);
    assert_eq!(emit::ports(&names).expect_err("a keyword").defect, keyword);
    let fine = TooEarly { a: Wire::new(1), x: Wire::new(1), y: Wire::new(1), z: Wire::new(1) };
    assert_eq!(
        emit::verilog(&fine, "module", "").expect_err("a keyword").defect,
        Defect::Keyword("module".into())
    );

    let x = vec![Wire::new(1), Wire::new(1)];
    let collision = Collision { x, x_1: Wire::new(1), y: Wire::new(1) };
    let defect = emit::verilog(&collision, "dut", "").expect_err("one name twice").defect;
    assert_eq!(defect, Defect::NameCollision("x_1".into()));

    let part = || Through { enters: Wire::new(2), leaves: Wire::new(2) };
    let around = Around { x: Wire::new(2), part: part() };
    let error = emit::verilog(&around, "dut", "").expect_err("a loop through the part");
    assert_eq!(error.module, "dut");
    assert!(matches!(error.defect, Defect::CombinationalLoop(_)), "{error}");

    let several = vec![part(), part()];
    assert_eq!(emit::verilog(&several, "dut", "").expect_err("no single block").defect, Defect::NoModule);
    assert_eq!(emit::verilog(&Register::new(4), "dut", "").expect_err("no block").defect, Defect::NoModule);
}
