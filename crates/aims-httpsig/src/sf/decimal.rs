//! Decimals: at most twelve digits, then at most three.

use core::fmt;

use super::WriteError;

/// A decimal number, exactly.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Decimal(i64);

impl Decimal {
    /// So many thousandths.
    ///
    /// # Errors
    ///
    /// [`WriteError::Number`] for more than twelve digits before the point.
    pub fn from_thousandths(thousandths: i64) -> Result<Self, WriteError> {
        if thousandths.unsigned_abs() >= LIMIT { Err(WriteError::Number) } else { Ok(Self(thousandths)) }
    }

    /// In thousandths.
    #[must_use]
    pub fn thousandths(self) -> i64 {
        self.0
    }
}

/// Without zeros at the end, but for one behind the point.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, number) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let fraction = format!("{:03}", number % 1000);
        let fraction = fraction.trim_end_matches('0');
        write!(f, "{sign}{}.{}", number / 1000, if fraction.is_empty() { "0" } else { fraction })
    }
}

/// 10^12, in thousandths.
const LIMIT: u64 = 1_000_000_000_000_000;
