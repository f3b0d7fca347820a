//! Durations as people write them: a number and a unit, `90m`, `72h`, `3d` or `2w`.

use std::str::FromStr;

const MINUTES_PER_HOUR: u64 = 60;

/// A duration of whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duration {
    minutes: u64,
}

impl Duration {
    /// Returns the seconds.
    pub(crate) fn seconds(self) -> u32 {
        u32::try_from(self.minutes.saturating_mul(60)).unwrap_or(u32::MAX)
    }

    /// Returns the hours, rounded up.
    pub(crate) fn hours(self) -> u32 {
        u32::try_from(self.minutes.div_ceil(MINUTES_PER_HOUR)).unwrap_or(u32::MAX)
    }
}

impl FromStr for Duration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a time is a number and a unit, for example 90m, 72h, 3d or 2w";
        let unit = text.chars().next_back().ok_or(WRONG)?;
        let minutes = match unit {
            'm' => 1,
            'h' => MINUTES_PER_HOUR,
            'd' => 24 * MINUTES_PER_HOUR,
            'w' => 7 * 24 * MINUTES_PER_HOUR,
            _ => return Err(WRONG),
        };
        let number: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| WRONG)?;
        number.checked_mul(minutes).filter(|minutes| *minutes > 0).map(|minutes| Duration { minutes }).ok_or(WRONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_rounded_up() {
        let hours = |text: &str| text.parse().map(Duration::hours);
        assert_eq!([hours("72h"), hours("3d"), hours("90m"), hours("2w")], [Ok(72), Ok(72), Ok(2), Ok(336)]);
        for wrong in ["", "h", "0d", "-1h", "5", "5x", "1.5h", "99999999999999999999d", "18446744073709551615w", "½d"]
        {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
