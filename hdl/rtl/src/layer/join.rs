//! How interfaces are connected: one line each, whatever they consist of.
//!
//! Owns [`Bundle::join`] for kernels and the trait [`Join`] behind it, which every signal, [`super::ports::Ports`] and
//! bundle has. Does not own what a bundle consists of ([`super::bundle`]).

use super::wire::Wire;
use rust_hdl::prelude::*;

/// Something that can be connected to an `Other`.
///
/// Directions say who drives whom: an output drives an input; of two inputs the first is the block's own and drives
/// that of its part; of two outputs the second is the part's and drives the block's own.
pub trait Join<Other> {
    /// Carries the values over.
    fn join(&mut self, other: &mut Other);
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

    /// What `hdl_gen` records for [`Self::join`]: the two names. The emitter knows their fields and directions.
    pub fn join_hdl(name: &str, a: &str, b: &str) -> Vec<ast::VerilogLink> {
        vec![ast::VerilogLink::Bidirectional(ast::VerilogLinkDetails {
            my_name: name.into(),
            owner_name: a.into(),
            other_name: b.into(),
        })]
    }
}

macro_rules! join_signals {
    ($first:ident drives $second:ident) => {
        join_signals!($first, $second: |a, b| b.next = a.val());
    };
    ($first:ident follows $second:ident) => {
        join_signals!($first, $second: |a, b| a.next = b.val());
    };
    ($first:ident, $second:ident: |$a:ident, $b:ident| $drive:expr) => {
        impl<T: Synth> Join<Signal<$second, T>> for Signal<$first, T> {
            #[inline]
            fn join(&mut self, $b: &mut Signal<$second, T>) {
                let $a = self;
                $drive;
            }
        }
        impl Join<Wire<$second>> for Wire<$first> {
            #[inline]
            fn join(&mut self, $b: &mut Wire<$second>) {
                let $a = self;
                $drive;
            }
        }
    };
}
join_signals!(In drives In);
join_signals!(Out drives In);
join_signals!(Out follows Out);
join_signals!(In follows Out);

impl<D: Direction> LogicJoin for Wire<D> {}
