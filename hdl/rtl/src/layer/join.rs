//! How interfaces are connected: one line each, whatever they consist of.
//!
//! Owns [`Bundle::join`] and [`Through::join`] for kernels, and the traits [`Join`], [`Pass`] and [`Flip`] behind them
//! and behind registers of bundles, which every signal, [`super::ports::Ports`] and bundle has. Does not own what a bundle consists of ([`super::bundle`]).

use super::wire::Wire;
use rust_hdl::prelude::{Bit, Block, Direction, In, LogicJoin, Out, Signal, Synth, ast};
use std::fmt::Debug;

/// Something that can be connected to an `Other`.
///
/// Directions say who drives whom: an output drives an input; of two inputs the first is the block's own and drives
/// that of its part; of two outputs the second is the part's and drives the block's own.
pub trait Join<Other> {
    /// Carries the values over.
    fn join(&mut self, other: &mut Other);
}

/// One of a block's own ports that another of its own ports can be passed to: an input drives an output, whichever of
/// the two comes first.
pub trait Pass<Other> {
    /// Carries the values over.
    fn pass(&mut self, other: &mut Other);
}

/// Something of which there is the same in the opposite direction.
pub trait Flip: Block + Clone + Debug {
    /// Its type.
    type Flipped: Block + Clone + Debug + Pass<Self>;
    /// The opposite side of it.
    fn flipped(&self) -> Self::Flipped;
}

/// Connects signals, ports and bundles in a kernel: `Bundle::join(&mut self.request, &mut self.part.request)`.
///
/// The block's own ports come first, those of parts behind; between two parts either may come first. What one of the
/// two lacks, because its configuration has fewer ports of that name, stays as it is.
pub struct Bundle;

impl Bundle {
    /// See [`Bundle`].
    #[inline]
    pub fn join<A: Join<B>, B>(a: &mut A, b: &mut B) {
        a.join(b);
    }

    /// What `hdl_gen` records for [`Self::join`]: the two names. The emitter knows their fields, and refuses them in an
    /// order or direction in which this would not be what [`Self::join`] does.
    pub fn join_hdl(name: &str, a: &str, b: &str) -> Vec<ast::VerilogLink> {
        vec![ast::VerilogLink::Bidirectional(names(name, a, b))]
    }
}

/// Passes an interface through a block: `Through::join(&mut self.from, &mut self.to)` of two of the block's own ports.
pub struct Through;

impl Through {
    /// See [`Through`].
    #[inline]
    pub fn join<A: Pass<B>, B>(a: &mut A, b: &mut B) {
        a.pass(b);
    }

    /// As [`Bundle::join_hdl`].
    pub fn join_hdl(name: &str, a: &str, b: &str) -> Vec<ast::VerilogLink> {
        vec![ast::VerilogLink::Forward(names(name, a, b))]
    }
}

fn names(name: &str, a: &str, b: &str) -> ast::VerilogLinkDetails {
    ast::VerilogLinkDetails { my_name: name.into(), owner_name: a.into(), other_name: b.into() }
}

macro_rules! connect_signals {
    ($trait:ident $method:ident: $first:ident drives $second:ident) => {
        connect_signals!($trait $method $first $second: |a, b| b.next = a.val());
    };
    ($trait:ident $method:ident: $first:ident follows $second:ident) => {
        connect_signals!($trait $method $first $second: |a, b| a.next = b.val());
    };
    ($trait:ident $method:ident $first:ident $second:ident: |$a:ident, $b:ident| $drive:expr) => {
        impl<T: Synth> $trait<Signal<$second, T>> for Signal<$first, T> {
            #[inline]
            fn $method(&mut self, $b: &mut Signal<$second, T>) {
                let $a = self;
                $drive;
            }
        }
        impl $trait<Wire<$second>> for Wire<$first> {
            #[inline]
            fn $method(&mut self, $b: &mut Wire<$second>) {
                let $a = self;
                $drive;
            }
        }
    };
}
connect_signals!(Join join: In drives In);
connect_signals!(Join join: Out drives In);
connect_signals!(Join join: Out follows Out);
connect_signals!(Join join: In follows Out);
connect_signals!(Pass pass: In drives Out);
connect_signals!(Pass pass: Out follows In);

macro_rules! flip_signals {
    ($first:ident $second:ident) => {
        impl Flip for Signal<$first, Bit> {
            type Flipped = Signal<$second, Bit>;
            fn flipped(&self) -> Self::Flipped {
                Default::default()
            }
        }
        impl Flip for Wire<$first> {
            type Flipped = Wire<$second>;
            fn flipped(&self) -> Self::Flipped {
                Wire::new(self.width())
            }
        }
    };
}
flip_signals!(In Out);
flip_signals!(Out In);

impl<D: Direction> LogicJoin for Wire<D> {}
