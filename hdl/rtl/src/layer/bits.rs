//! Bit vectors whose width is a run-time value.
//!
//! Owns the arithmetic that kernels simulate with: [`Bv`], its operators and the casts [`bits_w`] and [`bits_b`].
//! The emitter ([`crate::emit`]) prints exactly these rules as Verilog; a change here is a change there.
//!
//! The rules, for `width(x)` in 1..=128:
//! * `+ - & | ^` work at the larger width of the two operands, the narrower one zero-extended, and wrap there.
//! * `!x` and `x << n`, `x >> n` have the width of `x`; a shift by at least that width gives 0.
//! * Comparisons zero-extend the narrower operand.
//! * A plain integer is an *untyped literal*. It takes the width of the other operand and must fit into it.
//! * Storing into a [`crate::layer::wire::Wire`] cuts or zero-extends to the width of the wire.

use std::cmp::Ordering;
use std::ops::{Add, BitAnd, BitOr, BitXor, Not, Shl, Shr, Sub};

/// Largest width of a [`Bv`], in bits.
pub const WIDTH_MAX: usize = 128;

/// The `width` low bits set; `width` in 0..=128.
pub const fn mask(width: usize) -> u128 {
    if width >= WIDTH_MAX { u128::MAX } else { (1 << width) - 1 }
}

/// A value of 1 to 128 bits, or an untyped literal (width 0).
#[derive(Copy, Clone, Debug)]
pub struct Bv {
    width: u8,
    value: u128,
}

impl Bv {
    /// The low `width` bits of `value`. Panics unless `width` is in 1..=128.
    #[inline]
    pub fn new(width: usize, value: u128) -> Self {
        assert!((1..=WIDTH_MAX).contains(&width), "a bit vector has 1 to {WIDTH_MAX} bits, not {width}");
        Self { width: width as u8, value: value & mask(width) }
    }

    /// An integer that takes its width from where it is used.
    #[inline]
    pub const fn literal(value: u128) -> Self {
        Self { width: 0, value }
    }

    /// Width in bits; 0 for an untyped literal.
    #[inline]
    pub const fn bits(self) -> usize {
        self.width as usize
    }

    /// The value, zero-extended.
    #[inline]
    pub const fn value(self) -> u128 {
        self.value
    }

    /// The value as an index; bits above the host's `usize` are lost.
    #[inline]
    pub const fn index(self) -> usize {
        self.value as usize
    }

    /// Whether any bit is set.
    #[inline]
    pub const fn any(self) -> bool {
        self.value != 0
    }

    /// Whether every bit is set.
    #[inline]
    pub const fn all(self) -> bool {
        self.value == mask(self.width as usize)
    }

    /// Bit `index`; `false` above the width.
    #[inline]
    pub const fn get_bit(self, index: usize) -> bool {
        index < WIDTH_MAX && (self.value >> index) & 1 != 0
    }

    /// The vector with bit `index` replaced; unchanged if `index` lies above the width.
    #[inline]
    pub const fn replace_bit(self, index: usize, bit: bool) -> Bv {
        if index >= self.width as usize {
            return self;
        }
        Bv { width: self.width, value: (self.value & !(1 << index)) | ((bit as u128) << index) }
    }

    /// Cut or zero-extended to `width` bits. An untyped literal must fit.
    #[inline]
    pub(crate) fn resized(self, width: usize) -> Bv {
        debug_assert!(
            self.width != 0 || self.value <= mask(width),
            "the literal {} does not fit into {width} bits",
            self.value
        );
        Bv::new(width, self.value)
    }

    /// Width at which an operator works on `self` and `other`.
    #[inline]
    fn common_width(self, other: Bv) -> usize {
        let width = self.width.max(other.width) as usize;
        debug_assert!(
            width == 0 || (self.value <= mask(width) && other.value <= mask(width)),
            "a literal does not fit into the {width} bits of the other operand: {} and {}",
            self.value,
            other.value
        );
        if width == 0 { WIDTH_MAX } else { width }
    }

    #[inline]
    fn binary(self, other: Bv, operation: impl Fn(u128, u128) -> u128) -> Bv {
        let value = operation(self.value, other.value) & mask(self.common_width(other));
        Bv { width: self.width.max(other.width), value }
    }

    #[inline]
    fn shifted(self, amount: Bv, operation: impl Fn(u128, u32) -> u128) -> Bv {
        debug_assert!(self.width != 0, "an untyped literal cannot be shifted");
        let value =
            if amount.value >= WIDTH_MAX as u128 { 0 } else { operation(self.value, amount.value as u32) };
        Bv { width: self.width, value: value & mask(self.width as usize) }
    }
}

/// `value` cut or zero-extended to `width` bits.
///
/// The name starts with `bits`, which is how `hdl_gen` recognises a cast. The call itself runs when Verilog is
/// generated, so neither argument may mention a loop variable.
#[inline]
pub fn bits_w(value: Bv, width: usize) -> Bv {
    value.resized(width)
}

/// A truth value as a vector of `width` bits: 0 or 1.
#[inline]
pub fn bits_b(value: bool, width: usize) -> Bv {
    Bv::new(width, u128::from(value))
}

impl Default for Bv {
    fn default() -> Self {
        Bv::literal(0)
    }
}

impl From<bool> for Bv {
    #[inline]
    fn from(value: bool) -> Self {
        Bv::new(1, u128::from(value))
    }
}

macro_rules! untyped_literal_from {
    ($($integer:ty),*) => { $(
        impl From<$integer> for Bv {
            #[inline]
            fn from(value: $integer) -> Self {
                debug_assert!(i128::try_from(value).is_ok_and(|v| v >= 0), "a literal is not negative: {value}");
                Bv::literal(value as u128)
            }
        }
    )* };
}
untyped_literal_from!(i32, u32, u64, usize);

// One implementation per operator for all operands: with several, `(x + 1).any()` would need type annotations.

impl<T: Copy + Into<Bv>> PartialEq<T> for Bv {
    #[inline]
    fn eq(&self, other: &T) -> bool {
        let other = (*other).into();
        self.common_width(other);
        self.value == other.value
    }
}

impl<T: Copy + Into<Bv>> PartialOrd<T> for Bv {
    #[inline]
    fn partial_cmp(&self, other: &T) -> Option<Ordering> {
        let other = (*other).into();
        self.common_width(other);
        self.value.partial_cmp(&other.value)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $through:ident, $operation:expr) => {
        impl<T: Into<Bv>> $trait<T> for Bv {
            type Output = Bv;
            #[inline]
            fn $method(self, other: T) -> Bv {
                self.$through(other.into(), $operation)
            }
        }
    };
}
operator!(Add, add, binary, u128::wrapping_add);
operator!(Sub, sub, binary, u128::wrapping_sub);
operator!(BitAnd, bitand, binary, |a, b| a & b);
operator!(BitOr, bitor, binary, |a, b| a | b);
operator!(BitXor, bitxor, binary, |a, b| a ^ b);
operator!(Shl, shl, shifted, |a, b| a << b);
operator!(Shr, shr, shifted, |a, b| a >> b);

impl Not for Bv {
    type Output = Bv;
    #[inline]
    fn not(self) -> Bv {
        debug_assert!(self.width != 0, "an untyped literal cannot be inverted");
        Bv { width: self.width, value: !self.value & mask(self.width as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_wrap_at_the_larger_width() {
        let (a, b) = (Bv::new(4, 0xf), Bv::new(8, 0xff));
        assert_eq!((a + 1).value(), 0);
        assert_eq!((a + b).bits(), 8);
        assert_eq!((a + b).value(), 0x0e);
        assert_eq!((Bv::new(4, 0) - 1).value(), 0xf);
        assert_eq!((!a).value(), 0);
        assert_eq!((Bv::new(128, 1) - 2).value(), u128::MAX);
    }

    #[test]
    fn shifts_by_the_width_or_more_give_zero() {
        let a = Bv::new(8, 0xa5);
        assert_eq!((a << 8).value(), 0);
        assert_eq!((a >> Bv::new(128, u128::MAX)).value(), 0);
        assert_eq!((a << 4).value(), 0x50);
        assert_eq!((Bv::new(128, 3) << 127).value(), 1 << 127);
    }

    #[test]
    fn bits_beyond_the_width_read_as_zero_and_are_not_written() {
        let a = Bv::new(5, 0x1f);
        assert!(a.get_bit(4) && !a.get_bit(5) && !a.get_bit(500));
        assert_eq!(a.replace_bit(0, false).value(), 0x1e);
        assert_eq!(a.replace_bit(7, true).value(), 0x1f);
    }

    #[test]
    fn reductions() {
        assert!(Bv::new(3, 7).all() && !Bv::new(3, 6).all());
        assert!(Bv::new(128, u128::MAX).all() && !Bv::new(9, 0).any());
    }

    #[test]
    fn casts_cut_and_extend() {
        assert_eq!(bits_w(Bv::new(8, 0xab), 4).value(), 0xb);
        assert_eq!(bits_w(Bv::new(8, 0xab), 64).bits(), 64);
        assert_eq!(bits_b(true, 3).value(), 1);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "does not fit")]
    fn a_literal_that_does_not_fit_is_refused() {
        let _ = Bv::new(4, 3) & 0x1f;
    }
}
