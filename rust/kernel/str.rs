// SPDX-License-Identifier: GPL-2.0

//! Strings.

#[doc(no_inline)]
pub use ::kernel::str::*;

/// A C string in an array, with its length.
///
/// [`as_c_str`](Self::as_c_str) need not search the array for the NUL. `N` is at most 256, so that
/// the length fits into a byte.
///
/// # Invariants
///
/// The first NUL in `bytes` is at `len`.
///
/// # Examples
///
/// ```
/// use kernel::str::CStrArray;
///
/// let name = CStrArray::new(*b"gpu\0\0\0\0\0").ok_or(EINVAL)?;
/// assert_eq!(name.as_c_str(), c"gpu");
/// assert!(CStrArray::new(*b"gpu").is_none());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct CStrArray<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> CStrArray<N> {
    const FITS: () = assert!(N <= 256, "the length of the string takes a byte");

    /// Makes a string that ends at the first NUL of `bytes`. Returns `None` if `bytes` has no NUL.
    pub fn new(bytes: [u8; N]) -> Option<Self> {
        const { Self::FITS };
        let len = bytes.iter().position(|&byte| byte == 0)?;
        // INVARIANT: `len` is the place of the first NUL. It is below `N`, so a `u8` can hold it.
        Some(Self {
            bytes,
            len: len as u8,
        })
    }

    /// Returns the array, including the bytes after the NUL.
    #[inline]
    pub fn bytes(&self) -> &[u8; N] {
        &self.bytes
    }

    /// Returns the string.
    #[inline]
    pub fn as_c_str(&self) -> &CStr {
        // SAFETY: By the type invariant, `bytes` has a NUL at `len`, which is in bounds, and no NUL
        // before that.
        unsafe {
            CStr::from_bytes_with_nul_unchecked(
                self.bytes.get_unchecked(..usize::from(self.len) + 1),
            )
        }
    }
}
