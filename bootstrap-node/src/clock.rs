//! The node's one clock: requests to its mailbox are signed for now, and envelopes stay for so many days.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "the program's one place that reads the clock")]
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
