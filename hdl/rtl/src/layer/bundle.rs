//! Interfaces and blocks, each signal declared once.
//!
//! Owns the macros [`bundle!`](crate::bundle!) and [`block!`](crate::block!). How bundles are connected is
//! [`super::join`].

/// Declares an interface: two types with the same fields in opposite directions.
///
/// ```
/// use pagewalk_rtl::prelude::*;
///
/// bundle! {
///     /// An answer.
///     pub struct Answer / AnswerIn (width: usize) {
///         /// What it says.
///         out frame: wire(width),
///     }
/// }
/// bundle! {
///     /// A miss on its way to an answer.
///     pub struct Miss / MissIn (width: usize, asids: usize) {
///         /// An access waits.
///         out valid: bit,
///         /// Its page number.
///         out vpn: wire(width),
///         /// Current ASID, where there is one.
///         out asid: wires(asids, 4),
///         /// The answer.
///         in answer: Answer / AnswerIn(width),
///     }
/// }
/// assert_eq!(Miss::new(27, 0).vpn.width(), 27);
/// assert_eq!(MissIn::new(27, 1).asid[0].width(), 4);
/// ```
/// Directions are those of the first type; the second is the other side's. Kinds are `bit`, `wire(width)`, `bits(count)`,
/// `wires(count, width)`, and other bundles with the arguments of their `new`. A field `vpn` of a port `miss` is `miss_vpn`
/// in the Verilog.
#[macro_export]
macro_rules! bundle {
    ($(#[$meta:meta])* $vis:vis struct $own:ident / $other:ident ($($arg:ident: $arg_type:ty),* $(,)?) {
        $($(#[$doc:meta])* $direction:ident $field:ident: $kind:ident $(/ $flipped:ident)? $(($($size:expr),*))?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $own {
            $($(#[$doc])* pub $field: $crate::bundle!(@type $direction $kind $($flipped)?),)*
        }
        $(#[$meta])*
        ///
        /// Seen from the other side.
        #[derive(Clone, Debug)]
        $vis struct $other {
            $($(#[$doc])* pub $field: $crate::bundle!(@flipped $direction $kind $($flipped)?),)*
        }
        impl $own {
            /// The bundle for these arguments.
            #[allow(clippy::new_without_default, reason = "one without arguments is made like every other")]
            pub fn new($($arg: $arg_type),*) -> Self {
                Self { $($field: $crate::bundle!(@new ($direction $kind $($flipped)?) $kind $($($size),*)?),)* }
            }
        }
        impl $other {
            /// The bundle for these arguments.
            #[allow(clippy::new_without_default, reason = "one without arguments is made like every other")]
            pub fn new($($arg: $arg_type),*) -> Self {
                Self { $($field: $crate::bundle!(@flip ($direction $kind $($flipped)?) $kind $($($size),*)?),)* }
            }
        }
        $crate::bundle!(@block $own $($field)*);
        $crate::bundle!(@block $other $($field)*);
        $crate::bundle!(@connect Join join $own $own $($field)*);
        $crate::bundle!(@connect Join join $own $other $($field)*);
        $crate::bundle!(@connect Join join $other $own $($field)*);
        $crate::bundle!(@connect Join join $other $other $($field)*);
        $crate::bundle!(@connect Pass pass $own $other $($field)*);
        $crate::bundle!(@connect Pass pass $other $own $($field)*);
        $crate::bundle!(@flip_all $own $other $($field)*);
        $crate::bundle!(@flip_all $other $own $($field)*);
    };

    (@type in bit) => { Signal<In, Bit> };
    (@type out bit) => { Signal<Out, Bit> };
    (@type in wire) => { $crate::layer::wire::Wire<In> };
    (@type out wire) => { $crate::layer::wire::Wire<Out> };
    (@type in bits) => { $crate::layer::ports::Ports<Signal<In, Bit>> };
    (@type out bits) => { $crate::layer::ports::Ports<Signal<Out, Bit>> };
    (@type in wires) => { $crate::layer::ports::Ports<$crate::layer::wire::Wire<In>> };
    (@type out wires) => { $crate::layer::ports::Ports<$crate::layer::wire::Wire<Out>> };
    (@type out $own:ident $other:ident) => { $own };
    (@type in $own:ident $other:ident) => { $other };
    (@flipped out $($kind:ident)+) => { $crate::bundle!(@type in $($kind)+) };
    (@flipped in $($kind:ident)+) => { $crate::bundle!(@type out $($kind)+) };

    (@new $of:tt bit) => { Default::default() };
    (@new $of:tt wire $width:expr) => { $crate::layer::wire::Wire::new($width) };
    (@new $of:tt bits $count:expr) => { $crate::layer::ports::Ports::of($count, |_| Default::default()) };
    (@new $of:tt wires $count:expr, $width:expr) => {
        $crate::layer::ports::Ports::of($count, |_| $crate::layer::wire::Wire::new($width))
    };
    (@new ($($of:ident)+) $kind:ident $($size:expr),*) => { <$crate::bundle!(@type $($of)+)>::new($($size),*) };
    (@flip (out $($of:ident)+) $kind:ident $($size:expr),*) => {
        $crate::bundle!(@new (in $($of)+) $kind $($size),*)
    };
    (@flip (in $($of:ident)+) $kind:ident $($size:expr),*) => {
        $crate::bundle!(@new (out $($of)+) $kind $($size),*)
    };

    (@block $name:ident $($field:ident)*) => {
        impl Logic for $name {
            fn update(&mut self) {}
        }
        impl Block for $name {
            fn connect_all(&mut self) {}
            #[inline]
            fn update_all(&mut self) {
                $(self.$field.update_all();)*
            }
            #[inline]
            fn has_changed(&self) -> bool {
                false $(|| self.$field.has_changed())*
            }
            fn accept(&self, name: &str, probe: &mut dyn Probe) {
                probe.visit_start_namespace(name, self);
                $(self.$field.accept(stringify!($field), probe);)*
                probe.visit_end_namespace(name, self);
            }
        }
        impl LogicJoin for $name {}
        impl $crate::layer::clock::Clocked for $name {}
        impl $crate::layer::ports::Pins for $name {
            fn visit_pins(
                &mut self,
                name: $crate::layer::ports::PinName<'_>,
                visit: &mut dyn FnMut($crate::layer::ports::PinName<'_>, &mut dyn $crate::layer::ports::Pin),
            ) {
                $($crate::layer::ports::Pins::visit_pins(&mut self.$field, name.field(stringify!($field)), visit);)*
            }
        }
    };

    (@flip_all $own:ident $other:ident $($field:ident)*) => {
        impl $crate::layer::join::Flip for $own {
            type Flipped = $other;
            fn flipped(&self) -> $other {
                $other { $($field: $crate::layer::join::Flip::flipped(&self.$field),)* }
            }
        }
    };

    (@connect $trait:ident $method:ident $a:ident $b:ident $($field:ident)*) => {
        impl $crate::layer::join::$trait<$b> for $a {
            #[inline]
            fn $method(&mut self, other: &mut $b) {
                $($crate::layer::join::$trait::$method(&mut self.$field, &mut other.$field);)*
            }
        }
    };
}

/// Declares a block with its constructor: `name: Type = value`, or `name: Type` for `Default::default()`. One that
/// stores anything, at any depth, `has clock`; one that resets what it stores `has clock, reset`.
///
/// ```
/// use pagewalk_rtl::prelude::*;
///
/// block! {
///     /// Counts what goes by.
///     pub struct Counter(width: usize) has clock, reset;
///     let all = (1 << width) - 1;
///     {
///         /// How many.
///         pub count: Wire<Out> = Wire::new(width),
///         register: Register = Register::new(width),
///         last: Const = Const::new(width, all),
///     }
/// }
/// impl Logic for Counter {
///     #[hdl_gen]
///     fn update(&mut self) {
///         self.register.d.next = self.register.q.val() + 1;
///         if self.register.q.val() == self.last.val() {
///             self.register.d.next = self.last.val();
///         }
///         if self.reset.val() {
///             self.register.d.next = 0.into();
///         }
///         self.count.next = self.register.q.val();
///     }
/// }
/// assert_eq!(Counter::new(4).count.width(), 4);
/// ```
/// `let`s may use the arguments of the constructor `new`, and fields may use both.
#[macro_export]
macro_rules! block {
    ($(#[$meta:meta])* $vis:vis struct $name:ident($($arg:ident: $arg_type:ty),* $(,)?) $(has $($port:ident),+)?;
        $(let $pattern:pat = $value:expr;)*
        { $($(#[$doc:meta])* $field_vis:vis $field:ident: $type:ty $(= $init:expr)?),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(LogicBlock, Clone)]
        $vis struct $name {
            $($(
                #[doc = concat!("The ", stringify!($port), ".")]
                pub $port: $crate::block!(@port $port),
            )+)?
            $($(#[$doc])* $field_vis $field: $type,)*
        }
        impl $name {
            /// The block for these arguments.
            #[allow(clippy::new_without_default, reason = "one without arguments is made like every other")]
            pub fn new($($arg: $arg_type),*) -> Self {
                $(let $pattern = $value;)*
                Self { $($($port: Default::default(),)+)? $($field: $crate::block!(@init $($init)?),)* }
            }
        }
        impl $crate::layer::clock::Clocked for $name {
            fn set_clock(&mut self, level: bool) {
                $($($crate::layer::clock::Clocked::set_clock(&mut self.$port, level);)+)?
                $($crate::layer::clock::Clocked::set_clock(&mut self.$field, level);)*
            }
        }
    };
    (@port clock) => { Signal<In, Clock> };
    (@port reset) => { Signal<In, Bit> };
    (@init) => { Default::default() };
    (@init $init:expr) => { $init };
}
