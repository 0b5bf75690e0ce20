// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the boxes' memory: each size and alignment, for each allocator.

use crate::prelude::*;

#[kunit_tests(rust_rcu_layout)]
mod cases {
    use super::super::fixtures::{
        Here,
        Noisy, //
    };
    use crate::{
        alloc::allocator::{
            KVmalloc,
            Kmalloc,
            Vmalloc, //
        },
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            rcu::{
                synchronize_rcu,
                CallbackBarrier,
                Published,
                RcuAllocator,
                RcuBox,
                RcuFreeBox, //
            },
        },
        types::ForeignOwnable,
    };
    use core::mem::align_of;
    use pin_init::{
        init_zeroed,
        Zeroable, //
    };

    /// How many values of `boxes_of()` have been dropped.
    static DROPPED: Atomic<u32> = Atomic::new(0);

    #[derive(Zeroable)]
    #[repr(C, align(256))]
    struct Aligned([u8; 256]);

    #[derive(Zeroable)]
    #[repr(C, align(4096))]
    struct PageAligned([u8; 4096]);

    /// A type that is larger than a slab object may be.
    type Large = [u64; 4096];

    /// Returns whether the value of a box is aligned, and is at the same address after the box was
    /// passed to the C side and back.
    fn sound<T, B>(boxed: B, address: impl Fn(&B) -> *const T) -> bool
    where
        B: ForeignOwnable,
    {
        let value = address(&boxed);
        let ptr = boxed.into_foreign();
        let aligned = value.addr() % align_of::<T>() == 0 && ptr.addr() % B::FOREIGN_ALIGN == 0;
        // SAFETY: `ptr` is from `into_foreign`, and is passed to `from_foreign` once.
        let back = unsafe { B::from_foreign(ptr) };
        aligned && address(&back) == value
    }

    /// Makes and drops one box of each kind. Two are freed without a callback, one with a callback.
    /// Returns whether all are sound.
    fn boxes_of<T, A>(barrier: &CallbackBarrier) -> bool
    where
        T: Zeroable + Send + Sync + 'static,
        A: RcuAllocator,
    {
        let free: RcuFreeBox<Published<T>, A> =
            RcuFreeBox::pin_init(Published::pin_new(init_zeroed()), GFP_KERNEL).unwrap();
        let plain: RcuBox<T, A> = RcuBox::pin_init(init_zeroed(), GFP_KERNEL).unwrap();
        let noisy = Noisy::new(init_zeroed(), &DROPPED);
        let noisy: RcuBox<Noisy<T>, A> =
            RcuBox::pin_init_with_barrier(noisy, &barrier.token(), GFP_KERNEL).unwrap();
        sound(free, |free| &raw const ***free)
            && sound(plain, |plain| &raw const **plain)
            && sound(noisy, |noisy| &raw const noisy.value)
    }

    fn boxes_in<A: RcuAllocator>() -> bool {
        // SAFETY: The barrier is dropped at the end of this function.
        let barrier = unsafe { CallbackBarrier::new::<Here>() }.unwrap();
        let before = DROPPED.load(Relaxed);
        let sound = boxes_of::<(), A>(&barrier)
            && boxes_of::<u8, A>(&barrier)
            && boxes_of::<Aligned, A>(&barrier)
            && boxes_of::<PageAligned, A>(&barrier)
            && boxes_of::<[u64; 600], A>(&barrier)
            && boxes_of::<Large, A>(&barrier);
        drop(barrier);
        sound && DROPPED.load(Relaxed) == before + 6
    }

    // Hazard 11: for some of these sizes, the compiler would move the head behind the value.
    // kvfree_rcu() would then free a wrong address.
    #[test]
    fn hazard_11_each_layout_in_kmalloc() {
        assert!(boxes_in::<Kmalloc>());
    }

    #[test]
    fn hazard_11_each_layout_in_vmalloc() {
        assert!(boxes_in::<Vmalloc>());
    }

    #[test]
    fn hazard_11_each_layout_in_kvmalloc() {
        assert!(boxes_in::<KVmalloc>());
    }

    fn many<A: RcuAllocator>(count: usize) -> Result {
        for _ in 0..count {
            let free = Published::<Large>::pin_new(init_zeroed());
            drop(RcuFreeBox::<_, A>::pin_init(free, GFP_KERNEL)?);
            drop(RcuBox::<Large, A>::pin_init(init_zeroed(), GFP_KERNEL)?);
        }
        Ok(())
    }

    // These boxes are too large for a slab. kvfree_rcu() stores their addresses in a page of
    // pointers. If there is no page, it queues their heads. tests/low_memory/run ensures that there
    // is no page, and counts the boxes.
    #[test]
    fn large_boxes_when_memory_is_short() {
        assert!(many::<Kmalloc>(50).is_ok());
        assert!(many::<Vmalloc>(50).is_ok());
        assert!(many::<KVmalloc>(50).is_ok());
        synchronize_rcu();
    }
}
