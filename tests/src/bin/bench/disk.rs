//! `disk`: bytes that a home takes for each message after a clean stop, everything included.
//!
//! Floor: the mean length of the texts themselves.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::{Options, report, scene};

pub(crate) fn run(options: &Options) -> io::Result<()> {
    measure(10_000)?;
    measure(100_000)?;
    if options.big { measure(1_000_000) } else { Ok(()) }
}

fn measure(messages: usize) -> io::Result<()> {
    let folder = scene::folder()?;
    let (mut alice, conversation) = scene::host(&folder)?;
    let texts = scene::texts(messages);
    scene::fill(&alice, &conversation, &texts)?;
    alice.stop()?;
    let each = |bytes: u64| bytes as f64 / messages as f64;
    let words = texts.iter().map(|text| text.len() as u64).sum();
    report::print(&format!("disk.{messages}"), (each(occupied(&alice.home())?), "B"), (each(words), "B"));
    Ok(())
}

/// Returns the bytes that a folder occupies: blocks, not lengths, because an index may reserve what it does not fill.
fn occupied(folder: &Path) -> io::Result<u64> {
    std::fs::read_dir(folder)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let meta = entry.metadata()?;
        let bytes = if meta.is_dir() { occupied(&entry.path())? } else { meta.blocks() * 512 };
        Ok(sum + bytes)
    })
}
