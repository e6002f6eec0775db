//! Accesses to a region: touch, verify, patterns. Owns which bytes they are and what is written and found there.

use super::World;
use super::access::Answer;
use super::job::Reach;
use super::pattern::Accesses;
use super::worker::byte_for;
use super::{EINVAL, Stop};
use pagewalk_arch::{Access, AccessKind, FRAME_BYTES};
use pagewalk_kernel::workload::{Command, Stride};

impl World<'_> {
    /// Where a region begins, and its bytes.
    pub(super) fn extent(&self, at: usize, region: &str) -> Result<(u64, u64), i64> {
        self.workers[at].region(region).map(|region| (region.at, region.bytes)).ok_or(EINVAL)
    }

    /// What worker `at` is to reach for by `command`, which says so.
    pub(super) fn reach(&self, at: usize, command: &Command) -> Result<Reach, i64> {
        match command {
            Command::Touch { region, write, stride } => {
                let kind = if *write { AccessKind::Store } else { AccessKind::Load };
                self.bytes_of(at, region, stride, kind)
            }
            Command::Verify { region, stride } => {
                let reach = self.bytes_of(at, region, stride, AccessKind::Load)?;
                Ok(Reach { differ: Some(0), ..reach })
            }
            Command::Pattern { region, pattern, count, seed, write } => {
                let (start, bytes) = self.extent(at, region)?;
                if bytes == 0 {
                    return Err(EINVAL);
                }
                let accesses = Box::new(Accesses::new(*pattern, start, bytes, *seed, *write));
                Ok(Reach { start, accesses, left: *count, count: *count, differ: None })
            }
            _ => unreachable!("no other command reaches for a region"),
        }
    }

    /// Single bytes at equal distances.
    fn bytes_of(&self, at: usize, region: &str, stride: &Stride, kind: AccessKind) -> Result<Reach, i64> {
        let (start, bytes) = self.extent(at, region)?;
        let step = stride.step.unwrap_or(FRAME_BYTES);
        let length = stride.bytes.unwrap_or(bytes.saturating_sub(stride.offset));
        let count = stride.count.unwrap_or(length.div_ceil(step));
        let first = start.wrapping_add(stride.offset);
        let address = move |n: u64| first.wrapping_add(n.wrapping_mul(step));
        let accesses = Box::new((0..count).map(move |n| Access::user(address(n), kind)));
        Ok(Reach { start, accesses, left: count, count, differ: None })
    }

    /// Makes the next accesses, at most `most`.
    pub(super) fn carry_on(&mut self, reach: &mut Reach, most: u64) -> Result<(), Stop> {
        let now = most.min(reach.left);
        reach.left -= now;
        let (start, mut differ) = (reach.start, reach.differ);
        let mut accesses = reach.accesses.by_ref().take(usize::try_from(now).unwrap_or(usize::MAX));
        let result = self.access_all(&mut accesses, &mut |world, access, answer| {
            let Answer::At(pa) = answer else { return };
            let byte = byte_for(access.va.0.wrapping_sub(start));
            match &mut differ {
                Some(differ) => *differ += u64::from(world.kernel.load(pa) != byte),
                None if access.kind == AccessKind::Store => world.kernel.store(pa, byte),
                None => {}
            }
        });
        reach.differ = differ;
        result
    }
}
