//! Streams of hits, fast. Owns the loop that most accesses of most traces stay in; leaves everything that is not a hit
//! to [`TimedModel::advance`]. Same results as there, which tests prove: only the way to them differs.

use crate::architecture::Architecture;
use crate::rights::combination;
use crate::timed::{Running, TimedModel, hit, hits};
use pagewalk_arch::{Access, Outcome, Side};

impl TimedModel {
    /// Carries out accesses up to the first that misses, or to the last that may be accepted alone. Nothing is in
    /// flight before and after.
    pub(crate) fn stream_hits(&mut self, arch: &mut Architecture, running: &mut Running<'_>) {
        let accesses = &running.accesses[running.next..running.leaders()];
        let touching = self.tlbs.iter().any(|tlb| tlb.is_fully_associative());
        let count = match (running.delivery.list(), touching) {
            (None, false) => self.stream::<false>(arch, accesses, |_| {}),
            (None, true) => self.stream::<true>(arch, accesses, |_| {}),
            (Some(list), false) => self.stream::<false>(arch, accesses, |outcome| list.push(outcome)),
            (Some(list), true) => self.stream::<true>(arch, accesses, |outcome| list.push(outcome)),
        };
        running.next += count;
        running.delivery.delivered_hits(count);
    }

    /// With `TOUCHING`, a TLB is fully associative and every hit touches it.
    #[inline(always)]
    fn stream<const TOUCHING: bool>(
        &mut self,
        arch: &mut Architecture,
        accesses: &[Access],
        mut deliver: impl FnMut(Outcome),
    ) -> usize {
        let mut clock = self.schedule.hit_clock();
        let mut fetches = 0;
        let mut rest = accesses.iter();
        loop {
            while let Some(access) = rest.as_slice().first()
                && self.hit_cache.has_latest(access)
            {
                rest.next();
                clock.accept(access.kind);
                let (side, page) = (access.kind.side() as usize, access.va.page_number());
                fetches += side;
                let answer = *self.hit_cache.answer(side, page);
                let tlb = &mut self.tlbs[side];
                if TOUCHING && tlb.is_fully_associative() {
                    tlb.apply(page, answer.touch);
                }
                let outcome = hit(access, answer.frame, answer.page, answer.memory_type);
                deliver(Outcome { cycle: clock.cycle + 1, latency: 1, ..outcome });
            }
            match rest.as_slice().first() {
                Some(access) if self.make_latest(arch, access) => {}
                _ => break,
            }
        }
        let count = accesses.len() - rest.len();
        if count > 0 {
            self.schedule.after_hits(clock);
            *hits(arch, Side::Instruction) += fetches as u64;
            *hits(arch, Side::Data) += (count - fetches) as u64;
        }
        count
    }

    /// Whether an access to a page that was not the latest of its set hits; then the page is the latest.
    #[inline]
    fn make_latest(&mut self, arch: &Architecture, access: &Access) -> bool {
        let (side, page) = (access.kind.side() as usize, access.va.page_number());
        match self.hit_cache.recall(side, page, combination(access)) {
            Some(touch) => {
                self.tlbs[side].apply(page, touch);
                true
            }
            None => self.look_up(arch, access).is_ok(),
        }
    }
}
