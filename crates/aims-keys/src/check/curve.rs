//! Whether a point is on P-256 or P-384 (JO-KEY-03).
//!
//! *ring* parses a public key only while it verifies, so a point off its curve would be noticed long after the key was
//! loaded, or never. The coordinates are public: nothing here needs to be constant-time.
#![expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: arrays of N limbs, indexed by loops that run from 0 to N"
)]

/// Whether the big-endian coordinates are those of a point of P-256.
pub(crate) fn p256_on_curve(x: &[u8; 32], y: &[u8; 32]) -> bool {
    P256.holds(limbs(x), limbs(y))
}

/// Whether the big-endian coordinates are those of a point of P-384.
pub(crate) fn p384_on_curve(x: &[u8; 48], y: &[u8; 48]) -> bool {
    P384.holds(limbs(x), limbs(y))
}

/// A curve y² = x³ - 3x + b over the prime field of `p`, in Montgomery form with R = 2^(64 N).
/// Numbers are little-endian limbs.
struct Curve<const N: usize> {
    p: [u64; N],
    /// -1/p modulo 2^64.
    n0: u64,
    /// R² modulo p.
    rr: [u64; N],
    /// b R modulo p.
    b: [u64; N],
    /// 3 R modulo p.
    three: [u64; N],
}

impl<const N: usize> Curve<N> {
    fn holds(&self, x: [u64; N], y: [u64; N]) -> bool {
        // A coordinate has one spelling; the point at infinity has none.
        if !is_less(&x, &self.p) || !is_less(&y, &self.p) {
            return false;
        }
        let x = self.multiply(&x, &self.rr);
        let y = self.multiply(&y, &self.rr);
        let square = self.multiply(&x, &x);
        let right = self.add(&self.multiply(&self.subtract(&square, &self.three), &x), &self.b);
        self.multiply(&y, &y) == right
    }

    /// a b / R modulo p (Montgomery, coarsely integrated operand scanning).
    fn multiply(&self, a: &[u64; N], b: &[u64; N]) -> [u64; N] {
        let mut sum = [0_u64; N];
        let mut top = 0_u64;
        for &limb in b {
            let mut carry = 0;
            for i in 0..N {
                (sum[i], carry) = multiply_add(a[i], limb, sum[i], carry);
            }
            let (above, over) = top.overflowing_add(carry);

            let factor = sum[0].wrapping_mul(self.n0);
            let (_, mut carry) = multiply_add(factor, self.p[0], sum[0], 0);
            for i in 1..N {
                (sum[i - 1], carry) = multiply_add(factor, self.p[i], sum[i], carry);
            }
            let (last, over_again) = above.overflowing_add(carry);
            sum[N - 1] = last;
            top = u64::from(over) + u64::from(over_again);
        }
        if top != 0 || !is_less(&sum, &self.p) { wrapping_subtract(&sum, &self.p).0 } else { sum }
    }

    fn add(&self, a: &[u64; N], b: &[u64; N]) -> [u64; N] {
        let mut sum = [0; N];
        let mut carry = false;
        for i in 0..N {
            let (part, over) = a[i].overflowing_add(b[i]);
            let (part, over_again) = part.overflowing_add(u64::from(carry));
            sum[i] = part;
            carry = over || over_again;
        }
        if carry || !is_less(&sum, &self.p) { wrapping_subtract(&sum, &self.p).0 } else { sum }
    }

    fn subtract(&self, a: &[u64; N], b: &[u64; N]) -> [u64; N] {
        let (difference, borrow) = wrapping_subtract(a, b);
        if borrow { self.wrapping_add_p(&difference) } else { difference }
    }

    fn wrapping_add_p(&self, a: &[u64; N]) -> [u64; N] {
        let mut sum = [0; N];
        let mut carry = 0;
        for i in 0..N {
            (sum[i], carry) = multiply_add(1, self.p[i], a[i], carry);
        }
        sum
    }
}

/// a b + c + carry as (low, high); it cannot overflow.
#[expect(clippy::cast_possible_truncation, reason = "the halves of a 128-bit number")]
fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let wide = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(carry);
    (wide as u64, (wide >> 64) as u64)
}

fn wrapping_subtract<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    let mut difference = [0; N];
    let mut borrow = false;
    for i in 0..N {
        let (part, under) = a[i].overflowing_sub(b[i]);
        let (part, under_again) = part.overflowing_sub(u64::from(borrow));
        difference[i] = part;
        borrow = under || under_again;
    }
    (difference, borrow)
}

fn is_less<const N: usize>(a: &[u64; N], b: &[u64; N]) -> bool {
    wrapping_subtract(a, b).1
}

fn limbs<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u64; N] {
    let mut limbs = [0; N];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks(8)) {
        *limb = chunk.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    }
    limbs
}

const P256: Curve<4> = Curve {
    p: [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001],
    n0: 1,
    rr: [3, 0xffff_fffb_ffff_ffff, 0xffff_ffff_ffff_fffe, 0x0000_0004_ffff_fffd],
    b: [0xd89c_df62_29c4_bddf, 0xacf0_05cd_7884_3090, 0xe5a2_20ab_f721_2ed6, 0xdc30_061d_0487_4834],
    three: [3, 0xffff_fffd_0000_0000, 0xffff_ffff_ffff_ffff, 0x0000_0002_ffff_fffc],
};

const P384: Curve<6> = Curve {
    p: [
        0x0000_0000_ffff_ffff,
        0xffff_ffff_0000_0000,
        0xffff_ffff_ffff_fffe,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff,
    ],
    n0: 0x0000_0001_0000_0001,
    rr: [0xffff_fffe_0000_0001, 0x0000_0002_0000_0000, 0xffff_fffe_0000_0000, 0x0000_0002_0000_0000, 1, 0],
    b: [
        0x0811_8871_9d41_2dcc,
        0xf729_add8_7a4c_32ec,
        0x77f2_209b_1920_022e,
        0xe337_4bee_9493_8ae2,
        0xb62b_21f4_1f02_2094,
        0xcd08_114b_604f_bff9,
    ],
    three: [0xffff_fffd_0000_0003, 0x0000_0002_ffff_ffff, 3, 0, 0, 0],
};
