//! All numbers in the text form of Prometheus.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use bayou_core::net::meeting::{Count, Counts, Kind};

use crate::load::Load;
use crate::mailbox::Tally;

/// What stands before each name.
const PREFIX: &str = "bayou_";

/// Returns the numbers of a node.
pub(crate) fn text(counts: &Counts, tally: &Tally, load: &Load, ready: bool) -> String {
    let mut text = String::new();
    counts.all().iter().chain(&mailbox(tally)).chain(&machine(load, ready)).for_each(|count| add(&mut text, count));
    let version = env!("CARGO_PKG_VERSION");
    let name = "build_info";
    write!(text, "# HELP {PREFIX}{name} Which version runs\n# TYPE {PREFIX}{name} gauge\n").ok();
    writeln!(text, "{PREFIX}{name}{{version=\"{version}\"}} 1").ok();
    text
}

fn add(text: &mut String, count: &Count) {
    let Count { name, help, kind, value } = count;
    let kind = match kind {
        Kind::Total => "counter",
        Kind::Now => "gauge",
    };
    // Writing into a String cannot fail.
    write!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n{PREFIX}{name} {value}\n").ok();
}

fn mailbox(tally: &Tally) -> [Count; 9] {
    let count = |name, help, kind, value: &std::sync::atomic::AtomicU64| Count {
        name,
        help,
        kind,
        value: i64::try_from(value.load(Ordering::Relaxed)).unwrap_or(i64::MAX),
    };
    [
        count("mailbox_topics", "Topics under which envelopes lie", Kind::Now, &tally.topics),
        count("mailbox_envelopes", "Envelopes that are kept", Kind::Now, &tally.envelopes),
        count("mailbox_bytes", "Bytes of the mailbox's files", Kind::Now, &tally.bytes),
        count("mailbox_kept_total", "Envelopes made durable", Kind::Total, &tally.kept),
        count("mailbox_again_total", "Envelopes put again that were there", Kind::Total, &tally.again),
        count("mailbox_handed_out_total", "Envelopes handed out", Kind::Total, &tally.handed_out),
        count("mailbox_expired_total", "Envelopes deleted because their time was over", Kind::Total, &tally.expired),
        count(
            "mailbox_refused_total",
            "Envelopes refused because topic, mailbox or disk is full",
            Kind::Total,
            &tally.refused,
        ),
        count("mailbox_disk_errors_total", "Times that the disk failed", Kind::Total, &tally.disk_errors),
    ]
}

fn machine(load: &Load, ready: bool) -> [Count; 3] {
    let count = |name, help, value| Count { name, help, kind: Kind::Now, value };
    [
        count("memory_bytes", "Memory of this process", i64::try_from(load.memory).unwrap_or(i64::MAX)),
        count("full", "1 while no new reservations are given because the machine is at its limit", load.full.into()),
        count("ready", "1 while /readyz says yes", ready.into()),
    ]
}
