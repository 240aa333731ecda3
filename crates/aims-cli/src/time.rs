//! Times and durations as people write and read them.

use std::time::{Duration, SystemTime};

use aims::keys::{BeforeEpoch, UnixTime};

/// The time of this machine.
pub(crate) fn now() -> Result<UnixTime, BeforeEpoch> {
    SystemTime::now().try_into()
}

/// Seconds since the epoch, and behind them the same time in UTC (RFC 3339), if its year has four digits.
pub(crate) fn date(at: UnixTime) -> String {
    let seconds = at.as_secs();
    if seconds > LAST_SECOND_OF_9999 {
        return seconds.to_string();
    }
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{seconds} ({year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z)")
}

/// Reads `90`, `90s`, `5m` or `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3600),
        _ => (Some(text), 1),
    };
    let seconds = digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|count| count.checked_mul(unit));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "a duration is a number of seconds, or such as 90s, 5m, 1h".into())
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted in eras of 400 years from 0000-03-01, so that the leap day ends a year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Seconds since 1970 of a time in UTC: year, month, day, hour, minute, second. What was before 1970 is 1970; `None` if there
/// is no such day or time.
pub(crate) fn seconds([year, month, day, hour, minute, second]: [u64; 6]) -> Option<u64> {
    // As `civil` counts, backwards.
    let (year_from_march, month_from_march) =
        if month > 2 { (year, month.checked_sub(3)?) } else { (year.checked_sub(1)?, month + 9) };
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468);
    // A day that its month does not have is one of another month.
    if days.is_some_and(|days| civil(days) != (year, month, day)) || month > 12 || day > 31 {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days.map_or(0, |days| days * DAY + hour * 3600 + minute * 60 + second))
}

const DAY: u64 = 24 * 60 * 60;

const LAST_SECOND_OF_9999: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aims::keys::UnixTime;

    use super::{date, duration, seconds};

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "0 (1970-01-01T00:00:00Z)"),
            (951_782_400, "951782400 (2000-02-29T00:00:00Z)"),
            (951_868_800, "951868800 (2000-03-01T00:00:00Z)"),
            (1_735_689_599, "1735689599 (2024-12-31T23:59:59Z)"),
            (4_107_542_400, "4107542400 (2100-03-01T00:00:00Z)"),
            (253_402_300_799, "253402300799 (9999-12-31T23:59:59Z)"),
            (253_402_300_800, "253402300800"),
            (u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(date(UnixTime::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn times_of_the_calendar_are_seconds() {
        for (time, expected) in [
            ([1970, 1, 1, 0, 0, 0], Some(0)),
            ([2000, 2, 29, 0, 0, 0], Some(951_782_400)),
            ([2000, 3, 1, 0, 0, 0], Some(951_868_800)),
            ([2024, 12, 31, 23, 59, 59], Some(1_735_689_599)),
            ([9999, 12, 31, 23, 59, 59], Some(253_402_300_799)),
            ([1950, 1, 1, 0, 0, 0], Some(0)),
            ([2023, 2, 29, 0, 0, 0], None),
            ([2100, 2, 29, 0, 0, 0], None),
            ([2024, 4, 31, 0, 0, 0], None),
            ([2024, 13, 1, 0, 0, 0], None),
            ([2024, 0, 1, 0, 0, 0], None),
            ([2024, 1, 0, 0, 0, 0], None),
            ([2024, 1, 1, 24, 0, 0], None),
            ([2024, 1, 1, 0, 60, 0], None),
            ([2024, 1, 1, 0, 0, 60], None),
            ([0, 1, 1, 0, 0, 0], None),
        ] {
            assert_eq!(seconds(time), expected, "{time:?}");
        }
    }

    #[test]
    fn durations_have_one_unit() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("1h", 3600), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "+1",
            "1d",
            "1h30m",
            " 1",
            "1.5h",
            "1ä",
            "99999999999999999999",
            "9999999999999999999h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
