//! Times of certificates (RFC 5280 §4.1.2.5).

use aims_keys::UnixTime;
use aims_keys::der::{Element, write};

/// Reads `UTCTime` or `GeneralizedTime` in the one form that RFC 5280 allows: to the second, in UTC.
///
/// Times before 1970 are the epoch: what ended then ended long ago.
pub(super) fn read(element: Element<'_>) -> Option<UnixTime> {
    let digits = element.content.strip_suffix(b"Z")?;
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (&year, rest) = digits.split_first_chunk::<2>()?;
            let year = number(&year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (&year, rest) = digits.split_first_chunk::<4>()?;
            (number(&year)?, rest)
        }
        _ => return None,
    };
    let &[m1, m2, d1, d2, h1, h2, n1, n2, s1, s2] = rest else { return None };
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_before(year, month) + day - 1;
    let secs = (days * 24 + hour) * 3600 + minute * 60 + second;
    Some(UnixTime::from_secs(secs.saturating_sub(EPOCH_DAYS * 86_400)))
}

/// Writes a time: until 2049 as `UTCTime`, from then on as `GeneralizedTime`; `None` after the year 9999.
pub(super) fn write_time(time: UnixTime) -> Option<Vec<u8>> {
    let secs = time.as_secs();
    if secs > LAST {
        return None;
    }
    let (mut days, rest) = (secs / 86_400 + EPOCH_DAYS, secs % 86_400);
    // 400 years have 146,097 days: never less than the year sought.
    let mut year = days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    days -= days_before(year, 1);
    let mut month = 1;
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60);
    let tail = format!("{month:02}{:02}{hour:02}{minute:02}{second:02}Z", days + 1);
    match year {
        ..2050 => Some(write(UTC_TIME, &[format!("{:02}{tail}", year % 100).as_bytes()])),
        _ => Some(write(GENERALIZED_TIME, &[format!("{year:04}{tail}").as_bytes()])),
    }
}

/// From the beginning of the year 0 to the first of the month, in the calendar of Gregory.
fn days_before(year: u64, month: u64) -> u64 {
    let leap_days = if year == 0 { 0 } else { (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1 };
    year * 365 + leap_days + (1..month).map(|month| days_of(year, month)).sum::<u64>()
}

fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From the year 0 to 1970.
const EPOCH_DAYS: u64 = 719_528;

/// The end of the year 9999.
const LAST: u64 = 253_402_300_799;
