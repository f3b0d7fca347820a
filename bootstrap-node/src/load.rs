//! How busy the machine is, as Linux tells it. Elsewhere nothing is known, and the node is never full.

use std::fs;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::config::Full;

/// Pages of memory have this size on the machines that we know.
const PAGE: u64 = 4096;

/// How busy the machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Load {
    /// The load average of the last minute, by core.
    pub(crate) per_core: f64,
    /// Bytes of this process.
    pub(crate) memory: u64,
    /// Whether that is beyond what the operator set.
    pub(crate) full: bool,
}

impl Load {
    /// Looks.
    pub(crate) fn now(limits: Full) -> Load {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get) as f64;
        let average = fs::read_to_string("/proc/loadavg").ok();
        let pages = fs::read_to_string("/proc/self/statm").ok();
        let per_core = average.and_then(|text| first_number::<f64>(&text, 0)).unwrap_or(0.0) / cores;
        let memory = pages.and_then(|text| first_number::<u64>(&text, 1)).unwrap_or(0) * PAGE;
        Load { per_core, memory, full: is_full(limits, per_core, memory) }
    }
}

fn is_full(limits: Full, per_core: f64, memory: u64) -> bool {
    let busy = limits.load_per_core > 0.0 && per_core > limits.load_per_core;
    busy || limits.memory_mib > 0 && memory > limits.memory_mib << 20
}

fn first_number<T: std::str::FromStr>(text: &str, at: usize) -> Option<T> {
    text.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_either_limit_the_node_is_full_and_zero_is_no_limit() {
        let limits = Full { load_per_core: 2.0, memory_mib: 100 };
        assert!(!is_full(limits, 2.0, 100 << 20));
        assert!(is_full(limits, 2.1, 0) && is_full(limits, 0.0, (100 << 20) + 1));
        assert!(!is_full(Full { load_per_core: 0.0, memory_mib: 0 }, 1e9, u64::MAX >> 20));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_how_much_memory_we_have() {
        let load = Load::now(Full { load_per_core: 0.0, memory_mib: 1 });
        assert!(load.memory > 1 << 20 && load.full, "{load:?}");
    }
}
