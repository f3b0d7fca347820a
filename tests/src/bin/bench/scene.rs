//! What the benchmarks have in common: where homes stand, what people write, and peers that are linked.

use std::io;
use std::path::PathBuf;

use bayou_tests::process::Peer;
use bayou_tests::socket::Client;
use tempfile::TempDir;

/// Returns a folder on the disk that this program is built on: temporary folders are often memory, where keeping is free.
pub(crate) fn folder() -> io::Result<TempDir> {
    let me = std::env::current_exe()?;
    let beside = me.parent().map(PathBuf::from).unwrap_or_default();
    tempfile::Builder::new().prefix("b").tempdir_in(beside)
}

/// Returns chat-like texts of 20 to 200 bytes, the same each time, each with its number so that all differ.
pub(crate) fn texts(count: usize) -> Vec<String> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        // xorshift64: what is drawn matters little, that it is the same each time matters.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap_or(0) % below
    };
    (0..count)
        .map(|number| {
            // Short ones are more frequent, as in chat.
            let length = 20 + draw(90) + draw(2) * draw(80);
            let mut text = number.to_string();
            while text.len() < length {
                text.push(' ');
                text.push_str(WORDS[draw(WORDS.len())]);
            }
            text
        })
        .collect()
}

/// Fills a conversation through the socket of the peer that serves it.
pub(crate) fn fill(peer: &Peer, conversation: &str, texts: &[String]) -> io::Result<()> {
    Client::connect(&peer.home())?.send_all(conversation, texts)
}

/// Returns a peer who serves, and a conversation of theirs.
pub(crate) fn host(folder: &TempDir) -> io::Result<(Peer, String)> {
    let mut alice = Peer::new_in(folder.path(), "alice")?;
    alice.serve(&[])?;
    let conversation = alice.begins("bench")?;
    Ok((alice, conversation))
}

/// Returns a peer who joined the conversation and is linked with its host: a first message came through.
pub(crate) fn guest(folder: &TempDir, name: &str, host: &mut Peer, conversation: &str) -> io::Result<Peer> {
    let mut guest = Peer::new_in(folder.path(), name)?;
    host.invites(&guest, conversation)?;
    guest.serve(&[host])?;
    guest.enters(conversation)?;
    let hello = format!("{name} is here");
    guest.says(conversation, &hello)?;
    host.sees(conversation, &hello)?;
    let welcome = format!("welcome, {name}");
    host.says(conversation, &welcome)?;
    guest.sees(conversation, &welcome)?;
    Ok(guest)
}

const WORDS: &[&str] = &[
    "yes",
    "no",
    "the",
    "a",
    "we",
    "you",
    "they",
    "meet",
    "at",
    "seven",
    "eight",
    "tomorrow",
    "today",
    "later",
    "maybe",
    "train",
    "station",
    "bring",
    "cake",
    "coffee",
    "tent",
    "rain",
    "sun",
    "garden",
    "river",
    "boat",
    "water",
    "house",
    "key",
    "door",
    "call",
    "write",
    "read",
    "sent",
    "found",
    "lost",
    "again",
    "never",
    "always",
    "why",
    "because",
    "and",
    "or",
    "but",
    "so",
    "then",
    "here",
    "there",
    "good",
    "bad",
    "fine",
    "great",
    "thanks",
    "please",
    "sorry",
    "ok",
    "明天",
    "今天",
    "我们",
    "你们",
    "火车站",
    "咖啡",
    "下雨",
    "花园",
    "几点",
    "好的",
    "谢谢",
    "为什么",
    "因为",
    "再见",
];
