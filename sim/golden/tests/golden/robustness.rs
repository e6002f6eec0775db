//! No input makes the model panic: any PTE, any address, any context, any fence, in any order.

use pagewalk_arch::{
    Access, AccessKind, Asid, Batch, Context, IssueOrder, Mode, OnFault, PagingFormat, PhysAddr, Preset,
    Privilege, TlbFlush, Uniprocessor, VirtAddr,
};
use pagewalk_golden::Golden;
use proptest::prelude::*;

fn access() -> impl Strategy<Value = Access> {
    // Half of the addresses are low, so that some share tables.
    (any::<u64>(), any::<bool>(), 0..3u8, any::<bool>()).prop_map(|(va, low, kind, user)| Access {
        va: VirtAddr(if low { va & 0xff_ffff } else { va }),
        line: 0,
        kind: [AccessKind::Fetch, AccessKind::Load, AccessKind::Store][usize::from(kind)],
        privilege: if user { Privilege::User } else { Privilege::Supervisor },
        bytes: 1,
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    any::<u16>().prop_map(|bits| {
        let bit = |n: u32| bits >> n & 1 != 0;
        Mode {
            sum: bit(0),
            mxr: bit(1),
            adue: bit(2),
            svnapot: bit(3),
            pbmte: bit(4),
            wp: bit(5),
            nxe: bit(6),
            pse: bit(7),
            pge: bit(8),
            smep: bit(9),
            smap: bit(10),
            ac: bit(11),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn garbage_is_translated_or_refused(
        format in 0..8usize,
        preset in 0..5usize,
        overlapped: bool,
        root: u64,
        asid: u16,
        mode in mode(),
        entries in prop::collection::vec((any::<u64>(), any::<u64>()), 0..400),
        accesses in prop::collection::vec(access(), 1..60),
        fence_va: Option<u64>,
        fence_asid: Option<u16>,
        keep_global: bool,
        limit in prop::sample::select(vec![0u64, 5, 0x1000, 1 << 24, 1 << 52, u64::MAX]),
    ) {
        let mut config = Preset::ALL[preset].config(PagingFormat::ALL[format]);
        if overlapped {
            config.timing.issue = IssueOrder::Overlapped;
        }
        let mut golden = Uniprocessor::new(Golden::new(&config).unwrap(), limit);
        let mut bare = Uniprocessor::new(Golden::bare(&config).unwrap(), limit);
        let context = Context { root: PhysAddr(root), asid: Asid(asid), mode };
        for engine in [&mut golden, &mut bare] {
            for &(address, value) in &entries {
                // Garbage in the first tables, at odd addresses too.
                engine.write_pte(PhysAddr(address & 0xf_ffff), value);
                engine.write_pte(PhysAddr(address), value);
            }
            engine.set_context(&context);
        }
        for end in [false, true] {
            // D-13.
            for &on_fault in if overlapped { &[OnFault::Continue][..] } else { &[OnFault::Continue, OnFault::Stop] } {
                let batch = Batch { accesses: &accesses, end, on_fault };
                let mut outcomes = Vec::new();
                let progress = golden.run(&batch, Some(&mut outcomes));
                prop_assert_eq!(progress.consumed, outcomes.len());
                bare.run(&batch, None);
            }
            golden.fence(&TlbFlush { va: fence_va.map(VirtAddr), asid: fence_asid.map(Asid), keep_global });
        }
        for access in &accesses {
            let explained = golden.mmu.explain(&golden.memory.memories()[0], access);
            prop_assert!(!explained.to_string().is_empty());
        }
    }

    /// Whatever the TLB answers, the walk would have answered, as long as tables change only by the walker's hand.
    #[test]
    fn the_timed_model_translates_like_the_bare_one(
        seed: u64,
    ) {
        let mut world = crate::world::World::new(seed);
        let limit = crate::world::MEMORY_LIMIT;
        let mut golden = Uniprocessor::new(Golden::new(&world.config).unwrap(), limit);
        let mut bare = Uniprocessor::new(Golden::bare(&world.config).unwrap(), limit);
        world.set_up(&mut [&mut golden, &mut bare]);
        let accesses = world.accesses(300);
        let batch = Batch { accesses: &accesses, end: true, on_fault: OnFault::Continue };
        // Only the order of a pair's A bits may differ, and A bits change no translation.
        let (mut exact, mut plain) = (Vec::new(), Vec::new());
        golden.run(&batch, Some(&mut exact));
        bare.run(&batch, Some(&mut plain));
        for (exact, plain) in exact.iter().zip(&plain) {
            let essence = |o: &pagewalk_arch::Outcome| (o.va, o.pa, o.fault, o.code, o.page_size, o.memory_type);
            prop_assert_eq!(essence(exact), essence(plain));
        }
    }
}
