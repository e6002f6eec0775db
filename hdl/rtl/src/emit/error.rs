//! What can be wrong with a block that is to become Verilog, and what its author can do.

/// A block cannot become Verilog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("module {module}: {defect}")]
pub struct EmitError {
    /// Path of the offending block, from the top, as field names.
    pub module: String,
    /// What is wrong with it.
    pub defect: Defect,
}

/// What is wrong with a kernel, its signals or their names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The top is an array, a bare signal or a storage element.
    #[error("only a single block can be the top; wrap it in a block of its own")]
    NoModule,
    /// A kernel that is not made by `hdl_gen`.
    #[error("its kernel is Verilog text; write it with hdl_gen, storage with the elements of `primitive`")]
    ForeignCode,
    /// A construct of `hdl_gen` without a meaning here.
    #[error("{0} cannot be printed")]
    Unsupported(&'static str),
    /// An operand that names nothing.
    #[error("`{0}` is no signal of this block; name generator parameters with a `Const` field")]
    UnknownSignal(String),
    /// An index that is no constant expression of loop variables.
    #[error(
        "the index `{0}` is not an expression of loop variables and integers with + - * / %, nor a `Const`"
    )]
    BadIndex(String),
    /// A literal that does not fit.
    #[error("the literal {value} does not fit into the {width} bits of {place}")]
    LiteralTooWide {
        /// The literal.
        value: u128,
        /// Bits available.
        width: usize,
        /// Where it is used.
        place: String,
    },
    /// A literal whose width nothing determines.
    #[error("the width of a literal in {0} is not determined; use a `Const`")]
    WidthUnknown(&'static str),
    /// A signal with an unusable width.
    #[error("`{name}` has {width} bits; signals have 1 to 128")]
    BadWidth {
        /// The signal.
        name: String,
        /// Its width in bits.
        width: usize,
    },
    /// A vector where a truth value is needed.
    #[error("{0} needs a single bit; use any(), all() or a comparison")]
    NotABit(&'static str),
    /// An input of a sub-block is read.
    #[error(
        "`{0}` is an input of a sub-block and is read here, where simulation sees its old value; use a Local"
    )]
    PartInputRead(String),
    /// Something that another block or the outside drives is assigned.
    #[error("`{0}` is assigned, but it is driven from elsewhere")]
    NotAssignable(String),
    /// Two signals that are joined in a way in which simulation and Verilog would differ, or neither drives the other.
    #[error(
        "`{0}` and `{1}` cannot be joined: Bundle::join takes the block's own port first and that of a part second, or \
         those of two parts; Through::join takes two of the block's own"
    )]
    NotJoinable(String, String),
    /// A signal that nothing drives.
    #[error("`{0}` is never driven")]
    Undriven(String),
    /// A block that stores something but has no clock.
    #[error("the clock `{0}` comes from nowhere: a block with storage in it `has clock`")]
    NoClock(String),
    /// A variable that keeps its value on some path.
    #[error("`{0}` is not assigned on every path: a latch; assign a default first")]
    Latch(String),
    /// A variable that is read above its assignment by something that is interleaved with it.
    #[error(
        "`{reader}` reads `{name}` above its first assignment although both are computed together; move the assignment up"
    )]
    ReadTooEarly {
        /// The variable.
        name: String,
        /// What reads it.
        reader: String,
    },
    /// Signals that depend on themselves.
    #[error("combinational loop: {}", .0.join(" <- "))]
    CombinationalLoop(Vec<String>),
    /// A name that Verilog reserves.
    #[error("`{0}` is a Verilog keyword; rename the field")]
    Keyword(String),
    /// Two things with one name.
    #[error("two signals, instances or parameters get the name `{0}` in Verilog; rename a field")]
    NameCollision(String),
}

/// Result inside a module, before the module's path is known.
pub(super) type Checked<T> = Result<T, Defect>;
