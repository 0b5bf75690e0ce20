// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the functions in `rust/link/unlisted.c`, by parts of the `kernel` crate that call
//! them.
//!
//! Where a module is not linked with that file, the kernel's own functions pass the same tests.

use crate::prelude::*;

#[kunit_tests(rust_link_unlisted)]
mod cases {
    use crate::{
        prelude::*,
        rbtree::{
            Entry,
            RBTree,
            RBTreeNodeReservation, //
        },
        str::kstrtobool, //
    };
    use core::cell::Cell;

    /// Counts how often a value of this type is dropped.
    struct Counted<'a>(&'a Cell<u32>);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    // Trees of all shapes that up to 65 nodes come to, if they are inserted with different strides,
    // and if some are removed.
    #[test]
    fn tree_is_walked_in_order_and_dropped() {
        for size in 0..=65_u32 {
            for stride in [1, 7, 31, 66] {
                let dropped = Cell::new(0);
                let mut tree = RBTree::new();
                for i in 0..size {
                    // 67 is prime, so the keys are different.
                    let key = (i + 1) * stride % 67;
                    let node = RBTreeNodeReservation::new(GFP_KERNEL).unwrap();
                    let Entry::Vacant(place) = tree.entry(key) else {
                        panic!("{key} is in the tree twice");
                    };
                    place.insert(Counted(&dropped), node);
                }
                let mut left = size;
                for key in (0..67).step_by(3) {
                    left -= u32::from(tree.remove(&key).is_some());
                }
                assert_eq!(dropped.get(), size - left);
                let (mut walked, mut last) = (0, 0);
                for (&key, _) in tree.iter() {
                    assert!(key > last);
                    last = key;
                    walked += 1;
                }
                assert_eq!(walked, left);
                drop(tree);
                assert_eq!(dropped.get(), size);
            }
        }
    }

    #[test]
    fn memory_that_grows_keeps_its_contents() {
        let (mut small, mut large) = (KVec::new(), KVVec::new());
        for i in 0..3000_u64 {
            small.push(i, GFP_KERNEL).unwrap();
        }
        // More than kmalloc() can allocate in most kernels.
        large.reserve(1 << 20, GFP_KERNEL).unwrap();
        for i in 0..3000_u64 {
            large.push(i, GFP_KERNEL).unwrap();
        }
        large.reserve(1 << 21, GFP_KERNEL).unwrap();
        assert!((0..3000).eq(small.iter().copied()));
        assert!((0..3000).eq(large.iter().copied()));
    }

    #[test]
    fn memory_that_there_is_not() {
        assert!(KVec::<u64>::with_capacity(1 << 50, GFP_KERNEL | __GFP_NOWARN).is_err());
        assert!(KVVec::<u64>::with_capacity(1 << 50, GFP_KERNEL | __GFP_NOWARN).is_err());
        assert!(KVec::<u64>::with_capacity(0, GFP_KERNEL).is_ok());
    }

    #[test]
    fn switches() {
        for on in [c"1", c"y", c"Yes", c"t", c"T", c"on", c"ON", c"enable"] {
            assert_eq!(kstrtobool(on), Ok(true));
        }
        for off in [c"0", c"n", c"No", c"f", c"F", c"of", c"OFF", c"disable"] {
            assert_eq!(kstrtobool(off), Ok(false));
        }
        for neither in [c"", c"2", c"o", c"x", c" y"] {
            assert_eq!(kstrtobool(neither), Err(EINVAL));
        }
    }
}
