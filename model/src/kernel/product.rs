//! Single-precision matrix products on one thread, by the BLAS inside libtorch.
//!
//! libtorch's CPU library exports MKL's `sgemm_`: called directly on our own memory a product costs no tensor, no
//! dispatch and no copy of a strided operand.

use std::ffi::{c_char, c_int};

use super::memory::Aligned;

unsafe extern "C" {
    // Column-major C = alpha·op(A)·op(B) + beta·C.
    fn sgemm_(
        transpose_a: *const c_char,
        transpose_b: *const c_char,
        m: *const c_int,
        n: *const c_int,
        k: *const c_int,
        alpha: *const f32,
        a: *const f32,
        a_stride: *const c_int,
        b: *const f32,
        b_stride: *const c_int,
        beta: *const f32,
        c: *mut f32,
        c_stride: *const c_int,
    );
    fn MKL_Set_Num_Threads_Local(threads: c_int) -> c_int;
    fn cblas_sgemm_pack_get_size(operand: c_int, m: c_int, n: c_int, k: c_int) -> usize;
    fn cblas_sgemm_pack(
        layout: c_int,
        operand: c_int,
        transpose: c_int,
        m: c_int,
        n: c_int,
        k: c_int,
        alpha: f32,
        from: *const f32,
        stride: c_int,
        to: *mut f32,
    );
    fn cblas_sgemm_compute(
        layout: c_int,
        transpose_a: c_int,
        transpose_b: c_int,
        m: c_int,
        n: c_int,
        k: c_int,
        a: *const f32,
        a_stride: c_int,
        b: *const f32,
        b_stride: c_int,
        beta: f32,
        c: *mut f32,
        c_stride: c_int,
    );
}

const ROW_MAJOR: c_int = 101;
const NOT_TRANSPOSED: c_int = 111;
const PACKED: c_int = 151;
const SECOND_OPERAND: c_int = 162;

thread_local! {
    static ONE_THREAD: c_int = {
        // SAFETY: sets a number of the calling thread.
        unsafe { MKL_Set_Num_Threads_Local(1) }
    };
}

/// A row-major matrix: row `r` is `numbers[r * stride..][..columns]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

/// A row-major matrix to write.
pub(crate) struct MatrixMut<'a> {
    pub(crate) numbers: &'a mut [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

/// What a product does with what is already in the matrix that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// Replaces it.
    Over,
    /// Adds to it.
    Add,
}

/// `c = a·b`: `[m, k]`·`[k, n]` → `[m, n]`.
pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>, write: Write) {
    assert!(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns, "shapes of a product");
    multiply((a, b'N'), (b, b'N'), a.columns, c, write);
}

/// `c = aᵀ·b`: `[k, m]`ᵀ·`[k, n]` → `[m, n]`.
pub(crate) fn product_transposed_left(a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>, write: Write) {
    assert!(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns, "shapes of a product");
    multiply((a, b'T'), (b, b'N'), a.rows, c, write);
}

/// `c = a·bᵀ`: `[m, k]`·`[n, k]`ᵀ → `[m, n]`.
pub(crate) fn product_transposed_right(a: Matrix<'_>, b: Matrix<'_>, c: MatrixMut<'_>, write: Write) {
    assert!(a.columns == b.columns && c.rows == a.rows && c.columns == b.rows, "shapes of a product");
    multiply((a, b'N'), (b, b'T'), a.columns, c, write);
}

/// Row-major `c = op(a)·op(b)` is column-major `cᵀ = op(b)ᵀ·op(a)ᵀ`, which is what the BLAS is asked for.
fn multiply(a: (Matrix<'_>, u8), b: (Matrix<'_>, u8), inner: usize, c: MatrixMut<'_>, write: Write) {
    let ((a, a_form), (b, b_form)) = (a, b);
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    assert!(inner > 0, "a product sums over something");
    assert_holds(a.numbers.len(), a.rows, a.columns, a.stride);
    assert_holds(b.numbers.len(), b.rows, b.columns, b.stride);
    assert_holds(c.numbers.len(), c.rows, c.columns, c.stride);
    ONE_THREAD.with(|_| ());
    let beta = if write == Write::Add { 1.0 } else { 0.0 };
    // SAFETY: the three matrices lie inside their slices (asserted above), `c` is borrowed mutably and so apart from
    // `a` and `b`, and the dimensions are positive with strides no shorter than a row.
    unsafe {
        sgemm_(
            &b_form.cast_signed(),
            &a_form.cast_signed(),
            &number(c.columns),
            &number(c.rows),
            &number(inner),
            &1.0,
            b.numbers.as_ptr(),
            &number(b.stride),
            a.numbers.as_ptr(),
            &number(a.stride),
            &beta,
            c.numbers.as_mut_ptr(),
            &number(c.stride),
        );
    }
}

/// A second operand in the order in which products of `rows` rows read it, for matrices that are multiplied often.
#[derive(Debug)]
pub(crate) struct Packed {
    numbers: Aligned,
    rows: usize,
    inner: usize,
    columns: usize,
}

impl Packed {
    /// Packs `b` for products with matrices of `rows` rows.
    pub(crate) fn new(b: Matrix<'_>, rows: usize) -> Self {
        assert_holds(b.numbers.len(), b.rows, b.columns, b.stride);
        assert!(rows > 0 && b.rows > 0 && b.columns > 0, "there is something to pack");
        let (m, n, k) = (number(rows), number(b.columns), number(b.rows));
        // SAFETY: asks for a number.
        let bytes = unsafe { cblas_sgemm_pack_get_size(SECOND_OPERAND, m, n, k) };
        let mut numbers = Aligned::zeros(bytes.div_ceil(size_of::<f32>()));
        // SAFETY: `b` lies inside its memory (asserted above), `numbers` has the size that was asked for.
        unsafe {
            cblas_sgemm_pack(
                ROW_MAJOR,
                SECOND_OPERAND,
                NOT_TRANSPOSED,
                m,
                n,
                k,
                1.0,
                b.numbers.as_ptr(),
                number(b.stride),
                numbers.as_mut_ptr(),
            );
        }
        Self { numbers, rows, inner: b.rows, columns: b.columns }
    }

    /// How many rows the first operand has to have.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }
}

/// `c = a·b` with a packed `b`.
pub(crate) fn product_packed(a: Matrix<'_>, b: &Packed, c: MatrixMut<'_>) {
    let fits = a.rows == b.rows && a.columns == b.inner && c.rows == a.rows && c.columns == b.columns;
    assert!(fits, "shapes of a product");
    assert_holds(a.numbers.len(), a.rows, a.columns, a.stride);
    assert_holds(c.numbers.len(), c.rows, c.columns, c.stride);
    ONE_THREAD.with(|_| ());
    // SAFETY: `a` and `c` lie inside their slices, `b` was packed for these shapes, and `c` is borrowed mutably.
    unsafe {
        cblas_sgemm_compute(
            ROW_MAJOR,
            NOT_TRANSPOSED,
            PACKED,
            number(a.rows),
            number(b.columns),
            number(b.inner),
            a.numbers.as_ptr(),
            number(a.stride),
            b.numbers.as_ptr(),
            number(b.columns),
            0.0,
            c.numbers.as_mut_ptr(),
            number(c.stride),
        );
    }
}

fn number(size: usize) -> c_int {
    c_int::try_from(size).expect("matrices have fewer than 2^31 rows and columns")
}

fn assert_holds(len: usize, rows: usize, columns: usize, stride: usize) {
    assert!(stride >= columns && stride > 0, "a row is not longer than the stride");
    assert!(rows == 0 || (rows - 1) * stride + columns <= len, "the matrix lies inside its memory");
}

#[cfg(test)]
mod tests {
    use super::{
        Matrix, MatrixMut, Packed, Write, product, product_packed, product_transposed_left, product_transposed_right,
    };

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16) as f32 / 65536.0 - 0.5)
            .collect()
    }

    /// op(a)·op(b) + c, one number at a time.
    fn reference(
        (a, a_at): (&[f32], impl Fn(usize, usize) -> usize),
        (b, b_at): (&[f32], impl Fn(usize, usize) -> usize),
        (m, k, n): (usize, usize, usize),
        c: impl Fn(usize, usize) -> f32,
    ) -> Vec<f64> {
        let cell = |r: usize, s: usize| {
            (0..k).map(|i| f64::from(a[a_at(r, i)]) * f64::from(b[b_at(i, s)])).sum::<f64>() + f64::from(c(r, s))
        };
        (0..m).flat_map(|r| (0..n).map(move |s| (r, s))).map(|(r, s)| cell(r, s)).collect()
    }

    fn assert_near(c: &[f32], stride: usize, n: usize, expected: &[f64]) {
        for (index, &expected) in expected.iter().enumerate() {
            let found = f64::from(c[index / n * stride + index % n]);
            assert!((found - expected).abs() < 1e-5, "cell {index}: {found} is not {expected}");
        }
    }

    #[test]
    fn products_of_strided_matrices_are_the_sums_they_should_be() {
        let (m, k, n) = (7, 13, 5);
        let (a, b, before) = (numbers(20 * 20, 1), numbers(20 * 20, 2), numbers(20 * 20, 3));
        let matrix = |numbers, rows, columns, stride| Matrix { numbers, rows, columns, stride };
        for write in [Write::Over, Write::Add] {
            let old = |r: usize, s: usize| if write == Write::Add { before[r * 9 + s] } else { 0.0 };
            let mut c = before.clone();
            let to = MatrixMut { numbers: &mut c, rows: m, columns: n, stride: 9 };
            product(matrix(&a, m, k, 14), matrix(&b, k, n, 6), to, write);
            assert_near(&c, 9, n, &reference((&a, |r, i| r * 14 + i), (&b, |i, s| i * 6 + s), (m, k, n), old));

            let mut c = before.clone();
            let to = MatrixMut { numbers: &mut c, rows: m, columns: n, stride: 9 };
            product_transposed_left(matrix(&a, k, m, 8), matrix(&b, k, n, 6), to, write);
            assert_near(&c, 9, n, &reference((&a, |r, i| i * 8 + r), (&b, |i, s| i * 6 + s), (m, k, n), old));

            let mut c = before.clone();
            let to = MatrixMut { numbers: &mut c, rows: m, columns: n, stride: 9 };
            product_transposed_right(matrix(&a, m, k, 14), matrix(&b, n, k, 15), to, write);
            assert_near(&c, 9, n, &reference((&a, |r, i| r * 14 + i), (&b, |i, s| s * 15 + i), (m, k, n), old));
        }
    }

    #[test]
    fn a_packed_product_is_the_plain_one() {
        for (m, k, n) in [(7, 13, 5), (256, 45, 130), (64, 300, 1)] {
            let (a, b) = (numbers(m * (k + 2), 1), numbers(k * (n + 3), 2));
            let a = Matrix { numbers: &a, rows: m, columns: k, stride: k + 2 };
            let b = Matrix { numbers: &b, rows: k, columns: n, stride: n + 3 };
            let (mut plain, mut packed) = (vec![9.0; m * (n + 1)], vec![9.0; m * (n + 1)]);
            product(a, b, MatrixMut { numbers: &mut plain, rows: m, columns: n, stride: n + 1 }, Write::Over);
            let to = MatrixMut { numbers: &mut packed, rows: m, columns: n, stride: n + 1 };
            product_packed(a, &Packed::new(b, m), to);
            for (plain, packed) in plain.iter().zip(&packed) {
                assert!((plain - packed).abs() < 1e-5, "{packed} is not {plain}");
            }
        }
    }

    #[test]
    fn numbers_between_a_rows_end_and_the_stride_are_left_alone() {
        let (a, b) = (numbers(6, 1), numbers(6, 2));
        let mut c = vec![9.0; 8];
        let a = Matrix { numbers: &a, rows: 2, columns: 3, stride: 3 };
        let b = Matrix { numbers: &b, rows: 3, columns: 2, stride: 2 };
        product(a, b, MatrixMut { numbers: &mut c, rows: 2, columns: 2, stride: 4 }, Write::Over);
        assert_eq!((c[2], c[3], c[6], c[7]), (9.0, 9.0, 9.0, 9.0));
    }

    #[test]
    #[should_panic(expected = "inside its memory")]
    fn a_matrix_beyond_its_memory_is_refused() {
        let (a, b, mut c) = (vec![0.0; 5], vec![0.0; 6], vec![0.0; 4]);
        let a = Matrix { numbers: &a, rows: 2, columns: 3, stride: 3 };
        let b = Matrix { numbers: &b, rows: 3, columns: 2, stride: 2 };
        product(a, b, MatrixMut { numbers: &mut c, rows: 2, columns: 2, stride: 2 }, Write::Over);
    }
}
