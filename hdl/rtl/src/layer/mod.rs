//! Run-time widths over rust-hdl: values ([`bits`]), signals ([`wire`]), ports that may be absent ([`ports`]), storage
//! ([`primitive`]) and its [`clock`], and how interfaces are declared ([`bundle`]) and connected ([`join`]). Owns no block
//! of the MMU.

pub mod bits;
pub mod bundle;
pub mod clock;
pub mod join;
pub mod ports;
pub mod primitive;
pub mod wire;
