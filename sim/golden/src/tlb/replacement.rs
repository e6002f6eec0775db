//! Which way a refill takes: tree pseudo-LRU and round-robin, one word of state per set. E-13 to E-19. Owns no entries.
//!
//! A touch in the tree is `state & keep | point` with `point` disjoint from `keep`, so touching the same way twice in a
//! row equals touching it once. The hit cache in front of the TLB rests on that.

use pagewalk_arch::Replacement;

/// The replacement state of all sets of one array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replacer {
    policy: Replacement,
    ways: usize,
    /// Tree-PLRU: bit n is node n, 1 pointing to the upper half of its ways. Round-robin: the next victim.
    state: Vec<u64>,
    touches: Vec<Touch>,
}

/// What a touch of one way does to its set's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    /// Nodes that stay as they are.
    pub keep: u64,
    /// Nodes on the way's path that now point to their upper half.
    pub point: u64,
}

impl Touch {
    /// A touch that changes nothing.
    pub(crate) const NONE: Self = Self { keep: u64::MAX, point: 0 };

    #[inline]
    pub(crate) fn apply(self, state: u64) -> u64 {
        state & self.keep | self.point
    }
}

impl Replacer {
    pub(crate) fn new(policy: Replacement, sets: usize, ways: usize) -> Self {
        let touches = (0..ways)
            .map(|way| match policy {
                Replacement::TreePlru => tree_touch(ways, way),
                Replacement::RoundRobin => Touch::NONE,
            })
            .collect();
        Self { policy, ways, state: vec![0; sets], touches }
    }
    /// E-15, E-18: the way that a refill of `set` takes, valid or not (E-19).
    pub(crate) fn victim(&self, set: usize) -> usize {
        let state = self.state[set];
        match self.policy {
            Replacement::RoundRobin => state as usize,
            Replacement::TreePlru => {
                let (mut node, mut way, mut half): (usize, usize, usize) = (0, 0, self.ways / 2);
                while half > 0 {
                    let upper = state >> node & 1 != 0;
                    way += if upper { half } else { 0 };
                    node = 2 * node + 1 + usize::from(upper);
                    half /= 2;
                }
                way
            }
        }
    }
    /// E-17: a hit of `way`, or a refill of it.
    #[inline]
    pub(crate) fn touch(&mut self, set: usize, way: usize) {
        let state = &mut self.state[set];
        *state = self.touches[way].apply(*state);
    }
    /// E-18: the refill took the victim.
    pub(crate) fn victim_taken(&mut self, set: usize) {
        if self.policy == Replacement::RoundRobin {
            self.state[set] = (self.state[set] + 1) % self.ways as u64;
        }
    }
    /// As after reset.
    pub(crate) fn reset(&mut self, set: usize) {
        self.state[set] = 0;
    }
    /// What a hit of `way` does.
    pub(crate) fn touch_of(&self, way: usize) -> Touch {
        self.touches[way]
    }
    /// A touch that [`Replacer::touch_of`] gave.
    #[inline]
    pub(crate) fn apply(&mut self, set: usize, touch: Touch) {
        self.state[set] = touch.apply(self.state[set]);
    }
    #[cfg(test)]
    fn state(&self, set: usize) -> u64 {
        self.state[set]
    }
}

/// E-14, E-16: every node on the path of `way` points away from it. Node 0 is the root, the children of n are 2n + 1
/// (lower half of the ways) and 2n + 2.
fn tree_touch(ways: usize, way: usize) -> Touch {
    let (mut keep, mut point) = (u64::MAX, 0);
    let (mut node, mut base, mut half) = (0, 0, ways / 2);
    while half > 0 {
        let upper = way >= base + half;
        keep &= !(1 << node);
        point |= u64::from(!upper) << node;
        base += if upper { half } else { 0 };
        node = 2 * node + 1 + usize::from(upper);
        half /= 2;
    }
    Touch { keep, point }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_ways_as_drawn_on_paper() {
        let mut tree = Replacer::new(Replacement::TreePlru, 1, 4);
        assert_eq!(tree.victim(0), 0);
        tree.touch(0, 0); // root and node 1 point up: 0b011
        assert_eq!((tree.state(0), tree.victim(0)), (0b011, 2));
        tree.touch(0, 2); // root points down, node 2 up: 0b110
        assert_eq!((tree.state(0), tree.victim(0)), (0b110, 1));
        tree.touch(0, 1); // root up, node 1 down: 0b101
        assert_eq!((tree.state(0), tree.victim(0)), (0b101, 3));
        tree.touch(0, 3); // root down, node 2 down
        assert_eq!((tree.state(0), tree.victim(0)), (0b000, 0));
    }

    #[test]
    fn the_victim_is_never_the_way_touched_last() {
        for ways in [2, 4, 8, 16, 32, 64] {
            let mut tree = Replacer::new(Replacement::TreePlru, 1, ways);
            let mut random = pagewalk_arch::SplitMix64(ways as u64);
            for _ in 0..1000 {
                let way = random.below(ways as u32) as usize;
                tree.touch(0, way);
                assert_ne!(tree.victim(0), way);
                let once = tree.state(0);
                tree.touch(0, way);
                assert_eq!(tree.state(0), once, "a touch is idempotent");
            }
        }
    }

    #[test]
    fn refilling_victims_visits_every_way() {
        for policy in [Replacement::TreePlru, Replacement::RoundRobin] {
            for ways in [1, 2, 4, 8, 64] {
                let mut replacer = Replacer::new(policy, 2, ways);
                let mut seen = vec![false; ways];
                for _ in 0..ways {
                    let way = replacer.victim(1);
                    assert!(!std::mem::replace(&mut seen[way], true));
                    replacer.victim_taken(1);
                    replacer.touch(1, way);
                }
                assert_eq!(replacer.state(0), 0, "the other set is untouched");
            }
        }
    }

    #[test]
    fn hits_leave_round_robin_alone() {
        let mut replacer = Replacer::new(Replacement::RoundRobin, 1, 4);
        replacer.touch(0, 0);
        assert_eq!(replacer.victim(0), 0);
    }
}
