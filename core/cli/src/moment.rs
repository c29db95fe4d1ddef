//! Times: the clock of this machine, and moments as a person at a terminal reads them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Milliseconds since 1970 as `2026-11-21 14:05`, in the time zone of this machine.
pub(crate) fn local(at_ms: u64) -> String {
    format(at_ms, TimeZone::system())
}

/// The clock of this machine, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

fn format(at_ms: u64, zone: TimeZone) -> String {
    let moment = i64::try_from(at_ms).ok().and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    // A time beyond what calendars hold comes from a broken clock; the message is shown all the same.
    moment.map_or_else(|| "?".to_owned(), |moment| moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_minute_and_a_broken_one_does_no_harm() {
        assert_eq!(format(1_795_269_900_000, TimeZone::UTC), "2026-11-21 14:05");
        assert_eq!(format(u64::MAX, TimeZone::UTC), "?");
    }
}
