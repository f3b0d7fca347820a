//! `throughput`: durable messages a second, from the first send to the last one shown at the other process.
//!
//! Floor: appends a second, each made durable alone. A ratio above 1 is what keeping several at once gains.

use std::io;
use std::thread;
use std::time::Instant;

use bayou_tests::process::Peer;
use bayou_tests::socket::Client;

use crate::floor::Log;
use crate::{Options, report, scene};

const MESSAGES: usize = 20_000;
const APPENDS: u32 = 300;

pub(crate) fn run(_: &Options) -> io::Result<()> {
    measure("throughput.1-sender", 1)?;
    measure("throughput.8-senders", 8)
}

fn measure(name: &str, senders: usize) -> io::Result<()> {
    let folder = scene::folder()?;
    let (mut receiver, conversation) = scene::host(&folder)?;
    let guests = (0..senders).map(|number| scene::guest(&folder, &format!("s{number}"), &mut receiver, &conversation));
    let guests = guests.collect::<io::Result<Vec<Peer>>>()?;
    let mut clients = guests.iter().map(|guest| Client::connect(&guest.home())).collect::<io::Result<Vec<_>>>()?;
    let mut shown = Client::connect(&receiver.home())?;
    shown.follow(&conversation, 0)?;
    let texts = scene::texts(MESSAGES);
    let start = Instant::now();
    thread::scope(|scope| {
        for (client, texts) in clients.iter_mut().zip(texts.chunks(MESSAGES / senders)) {
            scope.spawn(|| client.send_all(&conversation, texts).inspect_err(|e| eprintln!("a sender failed: {e}")));
        }
        shown.shows(&conversation, &[], MESSAGES)
    })?;
    let rate = MESSAGES as f64 / start.elapsed().as_secs_f64();
    let mut log = Log::new(folder.path())?;
    let start = Instant::now();
    (0..APPENDS).try_for_each(|_| log.keep().map(drop))?;
    let floor = f64::from(APPENDS) / start.elapsed().as_secs_f64();
    report::print(name, (rate, "messages/s"), (floor, "messages/s"));
    Ok(())
}
