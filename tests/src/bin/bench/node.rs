//! `node`: what a public node carries. Puts and gets a second, reservations a second, and memory for each connection that
//! is held (1,000 for 20 s; with `--big` 5,000 for 10 min). Guests and node share this machine, so the numbers are low.
//!
//! Floors: durable appends, one after the other; echoes on loopback.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bayou_core::id::Address;
use bayou_core::net::mailbox::{Answer, GetRequest, PutRequest, Request};
use bayou_core::net::visit::Visit;
use bayou_tests::public_node::PublicNode;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::floor::{Echo, Log};
use crate::{Options, report, scene};

/// Guests that ask at once; each has a topic of its own.
const GUESTS: u8 = 16;

/// Envelopes that each guest puts: within what one topic and one subnet may at once.
const PUTS: u64 = 100;

/// The size of an envelope.
const ENVELOPE: usize = 1024;

/// Limits are for strangers; here all come from one address.
const WITHOUT_LIMITS: [&str; 6] = [
    "limits.connections=20000",
    "limits.connections_per_subnet=20000",
    "limits.new_connections_per_subnet=1000000",
    "limits.reservations=20000",
    "limits.new_reservations_per_subnet=1000000",
    "mailbox.kib_per_minute_per_subnet=1000000",
];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let folder = scene::folder()?;
    let (mut echo, mut log) = (Echo::start()?, Log::new(folder.path())?);
    let mut floors: Vec<_> = (0..50).map(|_| log.keep()).collect::<io::Result<_>>()?;
    let appends = 1000.0 / report::percentile(&mut floors, 0.5);
    let mut floors: Vec<_> = (0..50).map(|_| echo.once()).collect::<io::Result<_>>()?;
    let echoes = 1000.0 / report::percentile(&mut floors, 0.5);

    let node = PublicNode::start(&WITHOUT_LIMITS)?;
    let runtime = Runtime::new()?;
    let (puts, gets) = runtime.block_on(mail(&node.address()))?;
    report::print("node.puts", (puts, "1/s"), (appends, "1/s"));
    report::print("node.gets", (gets, "1/s"), (echoes, "1/s"));
    let (many, hold) = if options.big { (5000, 600) } else { (1000, 20) };
    let before = node.number("bayou_memory_bytes");
    let (_guests, reservations) = runtime.block_on(hold_all(&node.address(), many))?;
    report::print("node.reservations", (reservations, "1/s"), (echoes, "1/s"));
    std::thread::sleep(Duration::from_secs(hold));
    let held = node.number("bayou_connections");
    let each = (node.number("bayou_memory_bytes") - before) as f64 / 1024.0 / held as f64;
    report::print("node.connections_held", (held as f64, "connections"), (f64::from(many), "connections"));
    report::print("node.memory_per_connection", (each, "KiB"), (f64::NAN, ""));
    Ok(())
}

/// Returns puts and gets a second.
async fn mail(node: &Address) -> io::Result<(f64, f64)> {
    let mut guests = Vec::new();
    for who in 1..=GUESTS {
        guests.push((who, Visit::begin(&[who; 32], node).await.map_err(io::Error::other)?));
    }
    let (guests, put_in) = all(guests, PUTS, |who, node, number| {
        let envelope = number.to_be_bytes().into_iter().cycle().take(ENVELOPE).collect();
        Request::Put(PutRequest::signed(&[who; 32], node, now(), envelope))
    })
    .await?;
    // What is left of what one subnet may at once.
    let gets = 20;
    let (_, got_in) =
        all(guests, gets, |who, node, _| Request::Get(GetRequest::signed(&[who; 32], node, now(), 0))).await?;
    let guests = f64::from(GUESTS);
    Ok((guests * PUTS as f64 / put_in.as_secs_f64(), guests * gets as f64 / got_in.as_secs_f64()))
}

type Guests = Vec<(u8, Visit)>;

/// Lets all guests ask at once, each one request after the other. Returns how long that took.
async fn all(
    guests: Guests,
    requests: u64,
    request: impl Fn(u8, bayou_core::id::PeerId, u64) -> Request + Clone + Send + 'static,
) -> io::Result<(Guests, Duration)> {
    let begin = Instant::now();
    let mut under_way = JoinSet::new();
    for (who, mut visit) in guests {
        let request = request.clone();
        under_way.spawn(async move {
            for number in 0..requests {
                match visit.ask(request(who, visit.node(), number)).await {
                    Ok(Answer::Kept | Answer::Batch(_)) => {}
                    other => return Err(io::Error::other(format!("{other:?}"))),
                }
            }
            Ok((who, visit))
        });
    }
    let guests = under_way.join_all().await.into_iter().collect::<io::Result<_>>()?;
    Ok((guests, begin.elapsed()))
}

/// Makes so many connections, each with a reservation, and holds them while the guests live. Returns reservations a second.
async fn hold_all(node: &Address, many: u32) -> io::Result<(JoinSet<()>, f64)> {
    let begin = Instant::now();
    let mut guests = JoinSet::new();
    for who in 0..many {
        let mut secret = [7; 32];
        secret[..4].copy_from_slice(&who.to_be_bytes());
        let mut visit = Visit::begin(&secret, node).await.map_err(io::Error::other)?;
        visit.reserve().await.map_err(io::Error::other)?;
        guests.spawn(async move { visit.stay().await });
    }
    Ok((guests, f64::from(many) / begin.elapsed().as_secs_f64()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
