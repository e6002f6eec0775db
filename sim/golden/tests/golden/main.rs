//! Tests of the golden model through its public face. `formats` and `contract` are worked out by hand; `lockstep`,
//! `cuts` and `robustness` draw worlds from seeds and print the seed of a failure.

mod cuts;
mod lockstep;
mod machine;
mod plain_tlb;
mod world;
