// SPDX-License-Identifier: GPL-2.0

//! Strings.

#[doc(no_inline)]
pub use ::kernel::str::*;

/// A C string in an array, with its length.
///
/// [`as_c_str`](Self::as_c_str) need not search the array for the NUL. The length takes no room of
/// its own: the last byte of the array, which no string needs but for its NUL, has the number of
/// bytes that are left. `N` is at most 256, so that a byte can hold this number.
///
/// # Invariants
///
/// `bytes[N - 1]` is at most `N - 1`. `bytes[N - 1 - bytes[N - 1]]` is the first NUL in `bytes`.
/// All bytes between it and the last one are zero.
///
/// # Examples
///
/// ```
/// use kernel::str::CStrArray;
///
/// let name = CStrArray::new(*b"gpu\0\0\0\0\0").ok_or(EINVAL)?;
/// assert_eq!(name.as_c_str(), c"gpu");
/// assert_eq!(name.bytes(), *b"gpu\0\0\0\0\0");
/// let full = CStrArray::new(*b"display\0").ok_or(EINVAL)?;
/// assert_eq!(full.as_c_str(), c"display");
/// assert!(CStrArray::new(*b"gpu").is_none());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct CStrArray<const N: usize> {
    bytes: [u8; N],
}

impl<const N: usize> CStrArray<N> {
    const FITS: () = assert!(N <= 256, "the number of bytes that are left takes a byte");

    /// Makes a string that ends at the first NUL of `bytes`. The bytes after it become zero.
    ///
    /// Returns `None` if `bytes` has no NUL.
    pub fn new(mut bytes: [u8; N]) -> Option<Self> {
        const { Self::FITS };
        let len = bytes.iter().position(|&byte| byte == 0)?;
        for byte in bytes.iter_mut().skip(len) {
            *byte = 0;
        }
        // INVARIANT: The first NUL is at `len`, which is below `N`. If it is the last byte, the
        // number of bytes that are left is 0. Otherwise the last byte comes after the first NUL.
        *bytes.last_mut()? = (N - 1 - len) as u8;
        Some(Self { bytes })
    }

    /// Returns the length of the string, without its NUL.
    #[inline]
    fn len(&self) -> usize {
        // By the type invariant, there is a last byte, and it is at most `N - 1`.
        N - 1 - usize::from(self.bytes[N - 1])
    }

    /// Returns the array, in which all bytes after the string are zero.
    #[inline]
    pub fn bytes(&self) -> [u8; N] {
        let mut bytes = self.bytes;
        bytes[N - 1] = 0;
        bytes
    }

    /// Returns the string.
    #[inline]
    pub fn as_c_str(&self) -> &CStr {
        // SAFETY: By the type invariant, `bytes` has a NUL at `len()`, which is in bounds, and no
        // NUL before that.
        unsafe { CStr::from_bytes_with_nul_unchecked(self.bytes.get_unchecked(..self.len() + 1)) }
    }
}
