//! Memory for numbers, aligned so that vector loads never straddle a cache line at its start.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

const LINE: usize = 64;
const HUGE_PAGE: usize = 2 << 20;

/// A fixed number of f32, zero at first, on a 64-byte boundary; large ones ask for huge pages, because random reads
/// over an embedding table otherwise spend their time in page walks.
pub(crate) struct Aligned {
    start: NonNull<f32>,
    layout: Layout,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let bytes = (len * size_of::<f32>()).max(LINE);
        let alignment = if bytes >= 2 * HUGE_PAGE { HUGE_PAGE } else { LINE };
        let layout = Layout::from_size_align(bytes.next_multiple_of(alignment), alignment)
            .expect("sizes of allocations are below isize::MAX");
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start.cast::<f32>()) else { handle_alloc_error(layout) };
        if alignment == HUGE_PAGE {
            // SAFETY: the range is this allocation, whole pages of it; the advice changes no contents.
            unsafe { libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
        }
        Self { start, layout, len }
    }

    /// A copy of `numbers`.
    pub(crate) fn copy_of(numbers: &[f32]) -> Self {
        let mut copy = Self::zeros(numbers.len());
        copy.copy_from_slice(numbers);
        copy
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeros` with this layout, freed once.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `len` initialized f32 that `self` owns.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: `len` initialized f32 that `self` owns, borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Default for Aligned {
    /// Nothing.
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aligned({})", self.len)
    }
}

// SAFETY: plain numbers, owned; shared access is through `&self` alone.
unsafe impl Send for Aligned {}
// SAFETY: as above.
unsafe impl Sync for Aligned {}

/// Asks the processor to have the line of `values[index]` ready soon; nothing happens past the end.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if index < values.len() {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is inside `values`; a prefetch reads nothing that a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().add(index).cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::Aligned;

    #[test]
    fn memory_is_zero_aligned_and_of_the_asked_length() {
        for len in [0, 1, 17, 3 << 20] {
            let numbers = Aligned::zeros(len);
            assert_eq!(numbers.len(), len);
            assert_eq!(numbers.as_ptr() as usize % 64, 0);
            assert!(numbers.iter().all(|&number| number == 0.0));
        }
    }

    #[test]
    fn a_copy_is_independent() {
        let mut numbers = Aligned::copy_of(&[1.0, 2.0]);
        let copy = numbers.clone();
        numbers[0] = 5.0;
        assert_eq!(&copy[..], &[1.0, 2.0]);
    }
}
