//! The timing of the world around the MMU: how fast memory answers, when the core takes responses.
//! Both engines of a lockstep draw from the same streams, so the cycle prediction holds under random stalls too.
//! Owns the streams; what they cost is the timing contract (hdl/CONTRACT.md).

use serde::{Deserialize, Serialize};

/// SplitMix64: a full-period generator whose whole state is one word. Good enough for stimulus, same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number in `0..bound`; the bias is below 2⁻³².
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// How page-table memory answers the walker, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum MemoryTiming {
    /// Every transaction is taken at once and answered after `latency` cycles (≥ 1).
    Fixed {
        /// Cycles from the accepted request to its response.
        latency: u32,
    },
    /// Every transaction draws a ready delay of `0..=ready_delay_max` and a latency of `1..=latency_max`.
    Random {
        /// Seed of the stream.
        seed: u64,
        /// Longest latency in cycles, ≥ 1.
        latency_max: u32,
        /// Longest time that `mem_req_ready` stays low, in cycles.
        ready_delay_max: u32,
    },
}

/// What one memory transaction costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyDraw {
    /// Cycles for which `mem_req_valid` is high and `mem_req_ready` low before the request is taken.
    pub ready_delay: u32,
    /// Cycles from the cycle in which the request is taken to the cycle of the response; ≥ 1.
    pub latency: u32,
}

/// The draws of a run, one per memory transaction (reads and compare-and-swaps alike) in the walker's order.
#[derive(Clone, Debug)]
pub struct LatencyStream {
    timing: MemoryTiming,
    rng: SplitMix64,
}

impl LatencyStream {
    /// The stream from its beginning.
    pub fn new(timing: MemoryTiming) -> Self {
        let seed = match timing {
            MemoryTiming::Fixed { .. } => 0,
            MemoryTiming::Random { seed, .. } => seed,
        };
        Self { timing, rng: SplitMix64(seed) }
    }
    /// The next transaction's draw.
    #[inline]
    pub fn draw(&mut self) -> LatencyDraw {
        match self.timing {
            MemoryTiming::Fixed { latency } => LatencyDraw { ready_delay: 0, latency },
            MemoryTiming::Random { latency_max, ready_delay_max, .. } => LatencyDraw {
                ready_delay: self.rng.below(ready_delay_max + 1),
                latency: 1 + self.rng.below(latency_max),
            },
        }
    }
}

/// The driver's rule for when the next access of the trace may be accepted; hdl/CONTRACT.md, "The driver".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueOrder {
    /// An in-order core: nothing is issued while an older access waits for a walk.
    #[default]
    Blocking,
    /// Both sides run on by themselves in trace order of acceptance; for stress, faults do not stop it.
    Overlapped,
}

/// Cycles in the period of a [`StallPattern`].
pub const STALL_PERIOD: usize = 4096;

/// A periodic pattern of cycles in which one side of the *driver* is stalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StallPattern {
    bits: Box<[u64; STALL_PERIOD / 64]>,
    never: bool,
}

impl StallPattern {
    /// A pattern that stalls in about `percent` of all cycles (at most 90), never in all of them.
    pub fn new(seed: u64, percent: u32) -> Self {
        let mut rng = SplitMix64(seed);
        let mut bits = Box::new([0u64; STALL_PERIOD / 64]);
        for cycle in 0..STALL_PERIOD {
            let stalled = rng.below(100) < percent.min(90);
            bits[cycle / 64] |= u64::from(stalled) << (cycle % 64);
        }
        bits[0] &= !1;
        Self { bits, never: percent == 0 }
    }
    /// Whether the side is stalled in `cycle`.
    #[inline]
    pub fn stalled(&self, cycle: u64) -> bool {
        let at = cycle as usize % STALL_PERIOD;
        (self.bits[at / 64] >> (at % 64)) & 1 != 0
    }
    /// Whether it is stalled in no cycle at all: the fast path of a model.
    #[inline]
    pub fn is_never(&self) -> bool {
        self.never
    }
    /// The first cycle at or after `cycle` that is not stalled.
    #[inline]
    pub fn next_free(&self, mut cycle: u64) -> u64 {
        if !self.never {
            while self.stalled(cycle) {
                cycle += 1;
            }
        }
        cycle
    }
}

/// Everything about time that is not the MMU itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimingConfig {
    /// Page-table memory.
    pub memory: MemoryTiming,
    /// When accesses are issued.
    pub issue: IssueOrder,
    /// Percentage of cycles in which the core does not take a response (`resp_ready` low), per side.
    pub response_stall_percent: u32,
    /// Percentage of cycles in which the core issues no request, per side.
    pub request_stall_percent: u32,
    /// Seed of the stall patterns.
    pub stall_seed: u64,
}

impl Default for TimingConfig {
    fn default() -> Self {
        Self {
            memory: MemoryTiming::Fixed { latency: 8 },
            issue: IssueOrder::Blocking,
            response_stall_percent: 0,
            request_stall_percent: 0,
            stall_seed: 1,
        }
    }
}

impl TimingConfig {
    /// Cycles in which `side` does not take responses.
    pub fn response_stalls(&self, side: crate::Side) -> StallPattern {
        StallPattern::new(self.stall_seed ^ (0x5245_5350 + side as u64), self.response_stall_percent)
    }
    /// Cycles in which `side` issues no request.
    pub fn request_stalls(&self, side: crate::Side) -> StallPattern {
        StallPattern::new(self.stall_seed ^ (0x5245_5155 + side as u64), self.request_stall_percent)
    }
}
