//! Tests of the golden model through its public face. `formats` and `contract` are worked out by hand; `lockstep`,
//! `cuts` and `robustness` draw worlds from seeds and print the seed of a failure.

mod contract;
mod cuts;
mod formats;
mod lockstep;
mod machine;
mod plain_tlb;
mod robustness;
mod world;
mod x86_crate;
