//! What a benchmark says: one JSON object a line.

use std::io;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::json;

/// Prints a value beside its floor.
pub(crate) fn print(bench: &str, (value, unit): (f64, &str), (floor, floor_unit): (f64, &str)) {
    let ratio = if unit == floor_unit && floor > 0.0 { json!(round(value / floor)) } else { json!(null) };
    let (value, floor) = (round(value), round(floor));
    let line = json!({
        "bench": bench, "value": value, "unit": unit, "floor": floor, "floor_unit": floor_unit, "ratio": ratio,
    });
    println!("{line}");
}

/// Returns the value below which `share` (0 to 1) of them lie.
pub(crate) fn percentile(values: &mut [Duration], share: f64) -> f64 {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().map_or(f64::NAN, ms)
}

/// Returns the processor's time that this process has taken so far. Others who keep the machine busy hardly change it.
pub(crate) fn cpu() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let took = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(took).unwrap_or(0)))
}

/// Returns milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Keeps four digits that count: more would pretend.
fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
