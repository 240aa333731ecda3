/// A JSON number as written; its value is computed when asked for, and exactly.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    pub(super) fn new(written: &'a str) -> Self {
        Self(written)
    }

    /// The number as written.
    #[must_use]
    pub fn as_written(self) -> &'a str {
        self.0
    }

    /// The value, if it is written as a plain integer (no fraction, exponent or sign) that fits.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The value, if it is written as an integer (no fraction or exponent) that fits; `-0` is 0.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest IEEE 754 double; always finite, the reader refuses what is not.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The largest integer that is not above the value, if it fits: for NumericDate (JO-CLM-02).
    ///
    /// Fractions and exponents are computed on the decimal digits, without rounding: `1.5e9` is 1500000000 and
    /// `1799999999.99999999` is 1799999999. Values below zero have none (`-0.0` is 0).
    #[must_use]
    pub fn floor_u64(self) -> Option<u64> {
        let (mantissa, exponent) = match self.0.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, clamped(exponent)),
            None => (self.0, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().all(|digit| digit == b'0') {
            return Some(0);
        }
        if negative {
            return None;
        }

        // The point moves by the exponent; in front of the first digit there is nothing left of the value.
        let point = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
        let places = usize::try_from(point).unwrap_or(0);
        digits().chain(std::iter::repeat(b'0')).take(places).try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
        })
    }
}

/// The value of the digits of an exponent, held within what any number of digits can make up for.
fn clamped(exponent: &str) -> i64 {
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let size = digits.bytes().fold(0_i64, |size, digit| {
        size.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    sign * size
}
