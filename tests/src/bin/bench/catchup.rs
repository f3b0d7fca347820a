//! `catchup`: a peer that was away starts; from its process's start to the last missed message shown.
//!
//! Floor: as many bytes over loopback, kept with one write to disk.

use std::io;
use std::time::Instant;

use bayou_tests::socket::Client;

use crate::{Options, floor, report, scene};

pub(crate) fn run(_: &Options) -> io::Result<()> {
    measure(1_000)?;
    measure(10_000)
}

fn measure(missed: usize) -> io::Result<()> {
    let folder = scene::folder()?;
    let (mut alice, conversation) = scene::host(&folder)?;
    let mut bob = scene::guest(&folder, "bob", &mut alice, &conversation)?;
    let before = bob.timeline(&conversation)?.len();
    bob.stop()?;
    scene::fill(&alice, &conversation, &scene::texts(missed))?;

    let start = Instant::now();
    bob.serve(&[&alice])?;
    let mut shown = Client::connect(&bob.home())?;
    let rows = shown.follow(&conversation, 1000)?;
    let followed = start.elapsed();
    shown.shows_all(&conversation, &rows, before + missed)?;
    let all = start.elapsed();

    let floor = report::ms(floor::transfer(folder.path(), missed)?);
    report::print(&format!("catchup.{missed}"), (report::ms(all), "ms"), (floor, "ms"));
    report::print(&format!("catchup.{missed}.after-start"), (report::ms(all - followed), "ms"), (floor, "ms"));
    Ok(())
}
