//! `flood`: what a member who sends without end costs the others: messages a second between two who wait for each other, with
//! a flooder of each kind, and what the flooded peer grows by.
//!
//! Floor: the same two, with the flooder linked and silent, before and after; so the ratio is what is left of their pace. It is
//! to stay at 0.8 and above.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bayou_tests::flooder::{Flood, Flooder};
use bayou_tests::process::Peer;
use bayou_tests::socket::Client;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::{Options, report, scene};

/// How long each pace is measured.
const TAKE: Duration = Duration::from_secs(4);

pub(crate) fn run(_: &Options) -> io::Result<()> {
    Flood::ALL.into_iter().try_for_each(measure)
}

fn measure(flood: Flood) -> io::Result<()> {
    let folder = scene::folder()?;
    let (mut alice, conversation) = scene::host(&folder)?;
    let bob = scene::guest(&folder, "bob", &mut alice, &conversation)?;
    scene::fill(&alice, &conversation, &scene::texts(1_500))?;
    let invite = alice.command(&["invite", &conversation])?;
    let link = invite.first().and_then(|value| value["link"].as_str()).unwrap_or_default().to_owned();
    let runtime = Runtime::new()?;
    let mut flooder = runtime.block_on(Flooder::enters(&link, &alice.address()?))?;
    let mut pair =
        Pair { bob: Client::connect(&bob.home())?, alice: Client::connect(&alice.home())?, conversation, said: 0 };
    pair.alice.follow(&pair.conversation, 0)?;
    let before = (pair.pace()?, Weight::of(&alice)?);
    let (stop, stopped) = oneshot::channel();
    let flooding = runtime.spawn(async move {
        let sent = flooder.floods(flood, stopped).await;
        (flooder, sent)
    });
    // The first second is the flood's: what is measured is how it goes on.
    pair.pace_for(Duration::from_secs(1))?;
    let during = pair.pace()?;
    let after = Weight::of(&alice)?;
    stop.send(()).ok();
    let (flooder, sent) = runtime.block_on(flooding).map_err(io::Error::other)?;
    drop(flooder);
    let name = format!("flood.{}", flood.name());
    report::print(&name, (during, "messages/s"), (before.0, "messages/s"));
    report::print(&format!("{name}.memory"), (after.memory, "MiB"), (before.1.memory, "MiB"));
    report::print(&format!("{name}.disk"), (after.disk, "MiB"), (before.1.disk, "MiB"));
    println!("{}", json!({ "bench": format!("{name}.sent"), "value": sent, "unit": "frames" }));
    Ok(())
}

/// Bob writes, and writes again when Alice was shown it.
struct Pair {
    bob: Client,
    alice: Client,
    conversation: String,
    said: u64,
}

impl Pair {
    fn pace(&mut self) -> io::Result<f64> {
        self.pace_for(TAKE)
    }

    /// Returns how many messages a second got through.
    fn pace_for(&mut self, time: Duration) -> io::Result<f64> {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < time {
            self.said += 1;
            let text = format!("bob says {}", self.said);
            self.bob.call("send", &json!({ "conversation": self.conversation, "text": text }))?;
            while self.alice.event()?["params"]["row"]["text"] != *text {}
            count += 1;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}

/// What a peer takes.
struct Weight {
    memory: f64,
    disk: f64,
}

impl Weight {
    fn of(peer: &Peer) -> io::Result<Weight> {
        let pid = peer.pid().ok_or_else(|| io::Error::other("it does not run"))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        let memory = kib.map_or(f64::NAN, |kib: f64| kib / 1024.0);
        Ok(Weight { memory, disk: disk(&peer.home())? })
    }
}

/// Returns the MiB that a folder takes.
fn disk(folder: &Path) -> io::Result<f64> {
    let output = Command::new("du").arg("-sk").arg(folder).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let kib = text.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| io::Error::other("du said nothing"))
}
