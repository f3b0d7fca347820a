//! `latency`: from send to shown at the other process, over a link on loopback; 300 messages, 20 ms apart.
//!
//! Floor: half an echo on loopback and two durable appends, because the sender keeps before it tells and the receiver
//! keeps before it shows. Measured in turns with the messages and at the same pace: like them, each finds a machine that
//! was idle for a moment, where one fdatasync takes more than twice the time of one in a row of many.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use bayou_tests::socket::Client;
use serde_json::json;

use crate::floor::{Echo, Log};
use crate::{Options, report, scene};

const MESSAGES: usize = 300;
const SPACING: Duration = Duration::from_millis(20);

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let folder = scene::folder()?;
    let (mut alice, conversation) = scene::host(&folder)?;
    let bob = scene::guest(&folder, "bob", &mut alice, &conversation)?;
    let mut sender = Client::connect(&alice.home())?;
    let mut receiver = Client::connect(&bob.home())?;
    receiver.follow(&conversation, 0)?;
    let (mut echo, mut log) = (Echo::start()?, Log::new(folder.path())?);
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for text in scene::texts(MESSAGES) {
        let start = Instant::now();
        sender.call("send", &json!({ "conversation": conversation, "text": text }))?;
        while receiver.event()?["params"]["row"]["text"] != *text {}
        times.push(start.elapsed());
        thread::sleep(SPACING.saturating_sub(start.elapsed()));
        let start = Instant::now();
        floors.push(echo.once()? / 2 + log.keep()? + log.keep()?);
        // The spacing is part of what is measured: a person's pace, so that every message finds an idle machine.
        thread::sleep(SPACING.saturating_sub(start.elapsed()));
    }
    for (name, share) in [("latency.p50", 0.5), ("latency.p99", 0.99)] {
        let (value, floor) = (report::percentile(&mut times, share), report::percentile(&mut floors, share));
        report::print(name, (value, "ms"), (floor, "ms"));
    }
    Ok(())
}
