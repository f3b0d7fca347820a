//! Stories with real processes, real disks and real sockets on loopback. Few, because the simulation tells the many.

use std::io;
use std::time::{Duration, Instant};

use bayou_tests::process::Peer;
use bayou_tests::socket::Client;
use serde_json::Value;

type Story = io::Result<()>;

/// Three linked peers who share a conversation.
struct Friends {
    alice: Peer,
    bob: Peer,
    carol: Peer,
    conversation: String,
}

impl Friends {
    fn meet() -> io::Result<Friends> {
        let alice = Peer::spawn("alice")?;
        let (mut bob, mut carol) = (Peer::new("bob")?, Peer::new("carol")?);
        let conversation = alice.begins("three of us")?;
        alice.invites(&bob, &conversation)?;
        alice.invites(&carol, &conversation)?;
        bob.serve(&[&alice])?;
        carol.serve(&[&alice, &bob])?;
        bob.enters(&conversation)?;
        carol.enters(&conversation)?;
        let mut friends = Friends { alice, bob, carol, conversation };
        friends.alice.says(&friends.conversation, "welcome")?;
        friends.all_see("welcome")?;
        Ok(friends)
    }

    /// Ends all processes: the network is gone and the machines were shut down.
    fn part(&mut self) -> io::Result<()> {
        [&mut self.alice, &mut self.bob, &mut self.carol].into_iter().try_for_each(Peer::stop)
    }

    fn meet_again(&mut self) -> io::Result<()> {
        self.carol.serve(&[])?;
        self.alice.serve(&[&self.carol])?;
        self.bob.serve(&[&self.alice, &self.carol])
    }

    fn all_see(&mut self, words: &str) -> io::Result<()> {
        self.all_see_that(words, |row| row["text"] == words)
    }

    fn all_see_that(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> io::Result<()> {
        for peer in [&mut self.alice, &mut self.bob, &mut self.carol] {
            peer.sees_that(&self.conversation, what, &holds)?;
        }
        Ok(())
    }

    /// Returns the timeline that all three have; fails when they do not have the same.
    fn timeline(&self) -> io::Result<Vec<Value>> {
        let alices = self.alice.timeline(&self.conversation)?;
        assert_eq!(alices, self.bob.timeline(&self.conversation)?, "bob's timeline is another");
        assert_eq!(alices, self.carol.timeline(&self.conversation)?, "carol's timeline is another");
        Ok(alices)
    }
}

fn texts(timeline: &[Value]) -> Vec<&str> {
    timeline.iter().map(|row| row["text"].as_str().unwrap()).collect()
}

#[test]
fn what_was_done_apart_is_the_same_for_all_when_they_meet() -> Story {
    let mut friends = Friends::meet()?;
    let conversation = friends.conversation.clone();
    let plan = friends.alice.says(&conversation, "we meet at six")?;
    friends.all_see("we meet at six")?;
    let slip = friends.bob.says(&conversation, "I meant to say this elsewhere")?;
    friends.all_see("I meant to say this elsewhere")?;

    friends.part()?;
    friends.alice.edits(&plan, "we meet at seven")?;
    friends.alice.says(&conversation, "from alice, alone")?;
    friends.bob.deletes(&slip)?;
    friends.bob.reacts(&plan, "👍")?;
    friends.carol.says(&conversation, "from carol, alone")?;
    friends.carol.reacts(&plan, "👍")?;

    friends.meet_again()?;
    friends.all_see("from alice, alone")?;
    friends.all_see("from carol, alone")?;
    friends.all_see_that("bob's deletion", |row| row["id"] == slip && row["deleted"] == true && row["text"] == "")?;
    friends.all_see_that("the edit and two reactions", |row| {
        let by = row["reactions"].as_array().into_iter().flatten().map(|reaction| &reaction["by"]);
        row["id"] == plan && row["text"] == "we meet at seven" && row["edited"] == true && by.eq(["bob", "carol"])
    })?;
    assert_eq!(
        texts(&friends.timeline()?),
        ["welcome", "we meet at seven", "", "from alice, alone", "from carol, alone"]
    );
    Ok(())
}

#[test]
fn a_peer_that_was_killed_comes_back_with_all_that_it_acknowledged() -> Story {
    let mut friends = Friends::meet()?;
    let conversation = friends.conversation.clone();
    for round in 0..3 {
        let said = format!("before kill {round}");
        friends.bob.says(&conversation, &said)?;
        // Killed at once: what was acknowledged must be on disk, whether or not anyone heard it yet.
        friends.bob.kill9()?;
        friends.alice.says(&conversation, &format!("bob missed this {round}"))?;
        friends.bob.serve(&[&friends.alice, &friends.carol])?;
        friends.all_see(&said)?;
        friends.all_see(&format!("bob missed this {round}"))?;
    }
    assert_eq!(friends.timeline()?.len(), 1 + 3 * 2);
    Ok(())
}

#[test]
fn a_peer_that_missed_a_thousand_messages_gets_them_all() -> Story {
    let mut friends = Friends::meet()?;
    let conversation = friends.conversation.clone();
    friends.bob.stop()?;
    let missed: Vec<String> = (0..1000).map(|number| format!("missed {number}")).collect();
    Client::connect(&friends.alice.home())?.send_all(&conversation, &missed)?;

    friends.bob.serve(&[&friends.alice])?;
    let mut bob = Client::connect(&friends.bob.home())?;
    let rows = bob.follow(&conversation, 1000)?;
    // "welcome" is the one that he has already.
    let before = usize::from(rows.iter().any(|row| row["text"] == "welcome"));
    bob.shows(&conversation, &rows, before + 1000)?;
    friends.all_see("missed 999")?;
    assert_eq!(texts(&friends.timeline()?), missed);
    Ok(())
}

#[test]
fn a_second_process_on_the_same_home_is_refused_in_words() -> Story {
    let alice = Peer::spawn("alice")?;
    let refused = alice.command(&["serve", "--no-mdns"]).unwrap_err().to_string();
    assert!(
        refused.contains("already running") && refused.contains("--home") && refused.contains("exit status: 5"),
        "{refused}"
    );
    alice.begins("still serves")?;
    Ok(())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is asked here")]
fn a_peer_that_restarts_under_its_name_is_heard_again_within_two_seconds() -> Story {
    let mut friends = Friends::meet()?;
    let conversation = friends.conversation.clone();
    for round in 0..3 {
        friends.bob.kill9()?;
        let start = Instant::now();
        // Bob dials nobody that he is told of: he remembers alice. She still believes in the connection to the dead bob.
        friends.bob.serve(&[])?;
        let said = format!("are you back? {round}");
        friends.alice.says(&conversation, &said)?;
        friends.bob.sees(&conversation, &said)?;
        let heard = start.elapsed();
        println!("heard {} ms after the restart", heard.as_millis());
        assert!(heard < Duration::from_secs(2), "{heard:?}");
    }
    Ok(())
}

#[test]
fn a_frozen_peer_holds_up_nobody_else() -> Story {
    let mut friends = Friends::meet()?;
    let conversation = friends.conversation.clone();
    friends.carol.freeze()?;
    // More than may wait for her: further frames for her are dropped.
    let texts: Vec<String> = (0..3000).map(|number| format!("{number} {}", "x".repeat(500))).collect();
    let mut bob = friends.bob.client()?;
    let rows = bob.follow(&conversation, 1000)?;
    friends.alice.client()?.send_all(&conversation, &texts)?;
    bob.shows_all(&conversation, &rows, 1 + texts.len())?;
    friends.bob.says(&conversation, "carol is silent")?;
    friends.alice.sees(&conversation, "carol is silent")?;

    friends.carol.thaw()?;
    let mut carol = friends.carol.client()?;
    let rows = carol.follow(&conversation, 1000)?;
    carol.shows_all(&conversation, &rows, 2 + texts.len())?;
    friends.timeline().map(drop)
}

#[test]
fn a_copied_home_and_its_original_both_go_on_and_never_fork() -> Story {
    let mut friends = Friends::meet()?;
    let conversation = friends.conversation.clone();
    friends.alice.says(&conversation, "before the copy")?;
    friends.all_see("before the copy")?;
    friends.alice.stop()?;
    let mut copy = friends.alice.copy()?;
    // Each goes on where both were: the next message of one chain would be two.
    for round in 0..3 {
        friends.alice.says(&conversation, &format!("the original {round}"))?;
        copy.says(&conversation, &format!("the copy {round}"))?;
    }
    copy.serve(&[&friends.bob])?;
    friends.bob.sees(&conversation, "the copy 2")?;
    copy.stop()?;
    friends.alice.serve(&[&friends.bob])?;
    friends.all_see("the original 2")?;
    friends.all_see("the copy 2")?;
    friends.alice.says(&conversation, "the original, in the end")?;
    friends.all_see("the original, in the end")?;
    let timeline = friends.timeline()?;
    assert_eq!(timeline.len(), 2 + 2 * 3 + 1);
    friends.alice.stop()?;
    copy.serve(&[&friends.bob])?;
    copy.sees(&conversation, "the original, in the end")?;
    assert_eq!(copy.timeline(&conversation)?, timeline);
    Ok(())
}
