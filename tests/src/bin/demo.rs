//! Three real peers in one terminal: they talk, part, write apart and meet again; then you chat with them.
//!
//! alice, bob and carol are `bayou serve` processes on loopback, each with a home of its own. Nothing is between them.

use std::io::{self, IsTerminal};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bayou_tests::process::{Peer, bayou};
use serde_json::Value;

/// Columns of one person's timeline: three of them fit a terminal of 80.
const WIDTH: usize = 23;

/// How long bob waits for alice's next words.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    match story() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("The timelines differ. That is a bug: please report it.");
            ExitCode::FAILURE
        }
        Err(reason) => {
            eprintln!("The demo stopped: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the story and returns whether all ended with the same timeline.
fn story() -> io::Result<bool> {
    let mut peers = [Peer::new("alice")?, Peer::new("bob")?, Peer::new("carol")?];
    scene("Three peers, each a process with a home of its own. No server.");
    meet(&mut peers)?;
    let conversation = peers[0].begins("garden party")?;
    peers[0].invites(&peers[1], &conversation)?;
    peers[0].invites(&peers[2], &conversation)?;
    told("alice begins “garden party” and invites bob and carol.");

    scene("They talk.");
    let [when, rain, cake] = talk(&mut peers, &conversation)?;

    scene("They lose each other: all three processes end.");
    peers.iter_mut().try_for_each(Peer::stop)?;
    told("alice, bob and carol are offline.");
    write_apart(&peers, &conversation, [&when, &rain, &cake])?;

    scene("They come back and meet.");
    meet(&mut peers)?;
    see_all(&mut peers, &conversation, &cake)?;
    told("Everyone has heard everything.");

    scene("The three timelines:");
    let same = side_by_side(&peers, &conversation)?;
    if same && io::stdin().is_terminal() {
        chat(peers, &conversation)?;
    } else {
        peers.iter_mut().try_for_each(Peer::stop)?;
    }
    Ok(same)
}

/// Starts each peer with the addresses of those before it, and waits for the links.
fn meet(peers: &mut [Peer; 3]) -> io::Result<()> {
    let [alice, bob, carol] = peers;
    alice.serve(&[])?;
    told(&format!("alice listens at {}", short(&alice.address()?)));
    bob.serve(&[alice])?;
    bob.links(alice)?;
    told("bob found alice.");
    carol.serve(&[alice, bob])?;
    carol.links(alice)?;
    carol.links(bob)?;
    told("carol found both.");
    Ok(())
}

/// Says three things, waits until all see them, and returns their ids.
fn talk(peers: &mut [Peer; 3], conversation: &str) -> io::Result<[String; 3]> {
    let lines = ["Saturday at six?", "If it does not rain.", "I bring the cake"];
    let mut ids = Vec::new();
    for (speaker, words) in lines.into_iter().enumerate() {
        ids.push(peers[speaker].says(conversation, words)?);
        for peer in peers.iter_mut() {
            peer.sees(conversation, words)?;
        }
        told(&format!("{}: {words}", peers[speaker].name()));
    }
    ids.try_into().map_err(|_| io::Error::other("three things were not said"))
}

/// What each does while nobody hears it.
fn write_apart(peers: &[Peer; 3], conversation: &str, [when, rain, cake]: [&str; 3]) -> io::Result<()> {
    let [alice, bob, carol] = peers;
    alice.says(conversation, "Eight people are coming.")?;
    alice.edits(when, "Saturday at seven?")?;
    told("alice writes a message and edits an old one.");
    bob.says(conversation, "I have a tent.")?;
    bob.deletes(rain)?;
    bob.reacts(cake, "❤")?;
    told("bob writes a message, deletes an old one and reacts to another's.");
    carol.says(conversation, "Two cakes, then.")?;
    carol.reacts(when, "👍")?;
    told("carol writes a message and reacts.");
    Ok(())
}

/// Waits until each has seen what each did apart.
fn see_all(peers: &mut [Peer; 3], conversation: &str, cake: &str) -> io::Result<()> {
    for peer in peers {
        for words in ["Eight people are coming.", "I have a tent.", "Two cakes, then."] {
            peer.sees(conversation, words)?;
        }
        peer.sees_that(conversation, "alice's edit and carol's reaction to it", |row| {
            row["text"] == "Saturday at seven?" && row["reactions"][0]["by"] == "carol"
        })?;
        peer.sees_that(conversation, "bob's deletion", |row| row["deleted"] == true && row["author"] == "bob")?;
        peer.sees_that(conversation, "bob's reaction", |row| row["id"] == cake && row["reactions"][0]["by"] == "bob")?;
    }
    Ok(())
}

/// Prints the timelines and returns whether they are equal.
fn side_by_side(peers: &[Peer], conversation: &str) -> io::Result<bool> {
    let timelines = peers.iter().map(|peer| peer.timeline(conversation)).collect::<io::Result<Vec<_>>>()?;
    println!("    {}", peers.iter().map(|peer| bold(&fill(peer.name(), WIDTH))).collect::<Vec<_>>().join(" │ "));
    println!("    {}", vec!["─".repeat(WIDTH); peers.len()].join("─┼─"));
    for number in 0..timelines.iter().map(Vec::len).max().unwrap_or(0) {
        let cells = timelines.iter().map(|rows| rows.get(number).map_or_else(Vec::new, |row| wrap(&in_words(row))));
        let cells: Vec<Vec<String>> = cells.collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let parts = cells.iter().map(|cell| fill(cell.get(line).map_or("", String::as_str), WIDTH));
            println!("    {}", parts.collect::<Vec<_>>().join(" │ "));
        }
    }
    let same = timelines.windows(2).all(|pair| pair[0] == pair[1]);
    println!("\n    {}", if same { "Identical, field by field." } else { "They differ!" });
    Ok(same)
}

/// Lets the person at the terminal be alice; bob stays online and answers.
fn chat(peers: [Peer; 3], conversation: &str) -> io::Result<()> {
    scene("Now you are alice. bob and carol are online, and bob answers.");
    told("Type a line and press Enter; /quit or Ctrl-D ends it.");
    println!();
    let [mut alice, bob, mut carol] = peers;
    let over = AtomicBool::new(false);
    let mut bob = thread::scope(|scope| {
        let answering = scope.spawn(|| answer(bob, conversation, &over));
        let mut chat = Command::new(bayou()?);
        let ended = chat.env("BAYOU_HOME", alice.home()).args(["chat", conversation]).status();
        over.store(true, Ordering::Relaxed);
        // One more message, so that bob wakes and sees that it is over.
        alice.says(conversation, "Goodbye!")?;
        ended?;
        answering.join().unwrap_or_else(|_| Err(io::Error::other("bob died")))
    })?;
    [&mut alice, &mut bob, &mut carol].into_iter().try_for_each(Peer::stop)
}

/// Answers each new message of alice's, until it is over.
fn answer(mut bob: Peer, conversation: &str, over: &AtomicBool) -> io::Result<Peer> {
    let mut heard = bob.timeline(conversation)?.len();
    loop {
        let timeline = bob.sees_more(conversation, heard, PATIENCE)?;
        if over.load(Ordering::Relaxed) {
            return Ok(bob);
        }
        for row in timeline.iter().skip(heard).filter(|row| row["author"] == "alice") {
            let words = row["text"].as_str().unwrap_or_default().split_whitespace().count();
            let answer = format!("I hear you: {words} word{}.", if words == 1 { "" } else { "s" });
            bob.says(conversation, &answer)?;
        }
        heard = bob.timeline(conversation)?.len();
    }
}

fn in_words(row: &Value) -> String {
    let text = if row["deleted"] == true { "(deleted)" } else { row["text"].as_str().unwrap_or_default() };
    let edited = if row["edited"] == true { " (edited)" } else { "" };
    let reactions = row["reactions"].as_array().into_iter().flatten();
    let reactions: String =
        reactions.filter_map(|reaction| reaction["emoji"].as_str()).map(|e| format!(" {e}")).collect();
    format!("{}: {text}{edited}{reactions}", row["author"].as_str().unwrap_or_default())
}

/// Breaks a text between words into lines of at most [`WIDTH`] columns; all but the first are indented.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if columns(line) + 1 + columns(word) <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    lines
}

/// Fills a text up to so many columns.
fn fill(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(columns(text)))
}

/// Counts columns. Good enough for what is said here: emoji and Chinese are two columns wide.
fn columns(text: &str) -> usize {
    let wide = |c: char| matches!(c, '⺀'..='퟿' | '豈'..='﫿' | '！'..='｠' | '\u{1f300}'..='\u{1faff}');
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

fn short(address: &str) -> &str {
    address.split("/p2p/").next().unwrap_or(address)
}

fn scene(what: &str) {
    println!("\n{}", bold(what));
}

fn told(what: &str) {
    println!("    {what}");
}

fn bold(text: &str) -> String {
    if io::stdout().is_terminal() { format!("\x1b[1m{text}\x1b[0m") } else { text.into() }
}
