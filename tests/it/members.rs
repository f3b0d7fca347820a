//! Who may come in, and what they may do there: with real processes and the commands that people type.

use std::io;
use std::process::{Command, Stdio};

use bayou_tests::process::{Peer, bayou};
use serde_json::Value;

type Story = io::Result<()>;

/// Two linked peers; alice began a conversation in which bob is not.
struct Two {
    alice: Peer,
    bob: Peer,
    conversation: String,
}

impl Two {
    fn meet() -> io::Result<Two> {
        let alice = Peer::spawn("alice")?;
        let mut bob = Peer::new("bob")?;
        let conversation = alice.begins("Boats")?;
        bob.serve(&[&alice])?;
        bob.links(&alice)?;
        Ok(Two { alice, bob, conversation })
    }

    /// As [`Two::meet`], with bob in it.
    fn together() -> io::Result<Two> {
        let two = Two::meet()?;
        two.alice.invites(&two.bob, &two.conversation)?;
        Ok(two)
    }

    /// Returns a link, made with these options.
    fn link(&self, options: &[&str]) -> io::Result<String> {
        let made = self.alice.command(&[&["invite", &self.conversation], options].concat())?;
        Ok(text(&made[0], "link"))
    }

    fn members(&self, who: &Peer) -> io::Result<Vec<(String, String)>> {
        let answer = who.command(&["members", &self.conversation])?;
        let members = answer[0]["members"].as_array().into_iter().flatten();
        Ok(members.map(|member| (text(member, "name"), text(member, "role"))).collect())
    }
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("no {field} in {object}")).to_owned()
}

/// Runs a command that is not allowed; its error must say so.
#[track_caller]
fn refused(peer: &Peer, arguments: &[&str], says: &str) {
    let error = peer.command(arguments).expect_err("refused").to_string();
    assert!(error.contains("exit status: 4") && error.contains(says), "{error}");
}

#[test]
fn a_link_lets_in_as_many_as_it_says_and_can_be_withdrawn() -> Story {
    let two = Two::meet()?;
    let mut carol = Peer::new("carol")?;
    carol.serve(&[&two.alice])?;
    let link = two.link(&[])?;
    assert_eq!(text(&two.bob.command(&["join", &link])?[0], "state"), "in");
    refused(&carol, &["join", &link], "used up");

    let withdrawn = two.link(&["--uses", "3", "--expires", "2d", "--role", "reader"])?;
    let listed = two.alice.command(&["invite", "list", &two.conversation])?;
    let invites = listed[0]["invites"].as_array().unwrap();
    assert_eq!((invites.len(), &invites[0]["left"], &invites[0]["role"]), (1, &3.into(), &"reader".into()));
    let id = text(&invites[0], "invite");
    let error = two.alice.command(&["invite", "revoke", &two.conversation, ""]).unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("bayou invite list"), "{error}");
    two.alice.command(&["invite", "revoke", &two.conversation, &id[..8]])?;
    refused(&carol, &["join", &withdrawn], "withdrawn");
    refused(&two.bob, &["invite", &two.conversation], "your role");
    let members = [("alice".into(), "owner".into()), ("bob".into(), "member".into())];
    assert_eq!(two.members(&two.bob)?, members);
    Ok(())
}

#[test]
fn who_has_to_be_approved_waits_for_a_yes() -> Story {
    let two = Two::meet()?;
    let mut carol = Peer::new("carol")?;
    carol.serve(&[&two.alice])?;
    let link = two.link(&["--approve"])?;
    for guest in [&two.bob, &carol] {
        assert_eq!(text(&guest.command(&["join", &link])?[0], "state"), "waiting for an admin to say yes");
        refused(guest, &["send", &two.conversation, "may I?"], "not let in yet");
    }
    let waiting = two.alice.command(&["members", &two.conversation])?;
    assert_eq!(waiting[0]["guests"].as_array().unwrap().len(), 2);
    two.alice.command(&["admit", &two.conversation, "bob"])?;
    two.bob.enters(&two.conversation)?;
    two.bob.says(&two.conversation, "thank you")?;
    // The link was for one; who cannot be let in by it stays a guest until a person says so.
    refused(&two.alice, &["admit", &two.conversation, "carol"], "used up");
    two.alice.command(&["refuse", &two.conversation, "carol"])?;
    carol.hears_of(&two.conversation, "an admin said no")?;
    assert_eq!(two.members(&two.alice)?.len(), 2);
    // A no is about one link.
    let another = two.link(&[])?;
    assert_eq!(text(&carol.command(&["join", &another])?[0], "state"), "in");
    Ok(())
}

#[test]
fn roles_are_given_and_taken() -> Story {
    let mut two = Two::together()?;
    let conversation = two.conversation.clone();
    two.alice.command(&["grant", &conversation, "bob", "reader"])?;
    two.alice.says(&conversation, "only listen")?;
    two.bob.sees(&conversation, "only listen")?;
    refused(&two.bob, &["send", &conversation, "but"], "only read");
    two.alice.command(&["role", &conversation, "bob", "admin"])?;
    two.alice.says(&conversation, "now speak")?;
    two.bob.sees(&conversation, "now speak")?;
    let said = two.bob.says(&conversation, "I say nothing")?;
    two.bob.command(&["set", &conversation, "title", "Ships"])?;
    two.bob.command(&["set", &conversation, "topic", "who rows"])?;
    assert_eq!(text(&two.bob.command(&["conversations"])?[0]["conversations"][0], "topic"), "who rows");
    two.alice.sees(&conversation, "I say nothing")?;
    two.alice.command(&["hide", &said])?;
    assert!(two.alice.timeline(&conversation)?.iter().any(|row| row["hidden"] == true && row["text"] == ""));
    refused(&two.alice, &["leave", &conversation], "hand the conversation over first");
    two.alice.command(&["role", &conversation, "bob", "owner"])?;
    two.alice.command(&["leave", &conversation])?;
    refused(&two.alice, &["send", &conversation, "bye"], "not in this conversation any more");
    refused(&two.alice, &["leave", &conversation], "already");
    Ok(())
}

#[test]
fn who_is_removed_keeps_what_they_had_and_gets_nothing_more() -> Story {
    let mut two = Two::together()?;
    let conversation = two.conversation.clone();
    two.alice.says(&conversation, "for both")?;
    two.bob.sees(&conversation, "for both")?;
    two.bob.stop()?;
    two.alice.command(&["remove", &conversation, "bob"])?;
    two.alice.says(&conversation, "for alice alone")?;
    // Bob has not heard of it yet.
    two.bob.says(&conversation, "written offline")?;
    two.bob.serve(&[&two.alice])?;
    two.bob.links(&two.alice)?;
    two.bob.hears_of(&conversation, "out")?;
    assert_eq!(two.alice.timeline(&conversation)?.len(), 2);
    let texts: Vec<String> = two.bob.timeline(&conversation)?.iter().map(|row| text(row, "text")).collect();
    assert!(texts.contains(&"for both".into()) && !texts.contains(&"for alice alone".into()), "{texts:?}");
    Ok(())
}

#[test]
fn the_phrase_brings_a_user_back_on_another_machine() -> Story {
    let folder = tempfile::tempdir()?;
    let run = |home: &str, arguments: &[&str], input: &str| -> io::Result<Value> {
        let home = folder.path().join(home);
        let mut command = Command::new(bayou()?);
        command.env("BAYOU_HOME", home).args(arguments).args(["--json", "--no-passphrase"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input.as_bytes())?;
        let output = child.wait_with_output()?;
        let printed = if output.status.success() { output.stdout } else { output.stderr };
        serde_json::from_slice(&printed).map_err(io::Error::other)
    };
    let first = run("first", &["init", "--name", "alice"], "")?;
    let phrase = text(&first, "phrase");
    assert_eq!(phrase.split(' ').count(), 24);
    let second = run("second", &["restore", "--name", "alice"], &phrase)?;
    assert_eq!(first["user"], second["user"]);
    assert_ne!(first["device"], second["device"]);
    let mistyped = phrase.replacen(phrase.split(' ').next().unwrap(), "bayou", 1);
    let error = run("third", &["restore", "--name", "alice"], &mistyped)?;
    assert_eq!(error["error"]["code"], -32602, "{error}");
    // One word alone may be one of the message's own.
    let words: Vec<&str> = phrase.split(' ').collect();
    assert!(!words.windows(2).any(|two| error.to_string().contains(&two.join(" "))), "{error}");
    Ok(())
}

#[test]
fn people_make_sure_of_each_other_and_give_each_other_names() -> Story {
    let two = Two::together()?;
    let show = |peer: &Peer, other: &str| peer.command(&["contact", "show", other]).map(|mut shown| shown.remove(0));
    let (alices, bobs) = (show(&two.alice, "bob")?, show(&two.bob, "alice")?);
    let number = text(&alices, "number");
    assert_eq!(number.split(' ').collect::<String>().len(), 60);
    assert_eq!(number, text(&bobs, "number"));
    // A look at one's own screen proves nothing, nor does the code of another pair.
    let error = two.alice.command(&["contact", "verify", &text(&alices, "code")]).unwrap_err().to_string();
    assert!(error.contains("exit status: 2") && error.contains("this very screen"), "{error}");
    let stranger = Peer::new("stranger")?;
    refused(&stranger, &["contact", "verify", &text(&bobs, "code")], "not verified");
    two.alice.command(&["contact", "verify", &text(&bobs, "code")])?;
    two.alice.command(&["contact", "note", "bob", "--name", "Bobby"])?;
    let listed = two.alice.command(&["contact", "list"])?;
    let bob = &listed[0]["contacts"][0];
    assert_eq!((&bob["verified"], &bob["name"], &bob["petname"]), (&true.into(), &"bob".into(), &"Bobby".into()));
    assert!(two.members(&two.alice)?.contains(&("Bobby".into(), "member".into())));
    assert!(two.members(&two.bob)?.contains(&("bob".into(), "member".into())), "a name of one's own is told to nobody");
    let words = |peer: &Peer| peer.command(&["contact", "words", &two.conversation]);
    assert_eq!(words(&two.alice)?, words(&two.bob)?);
    assert_eq!(words(&two.alice)?[0]["words"].as_array().unwrap().len(), 8);
    Ok(())
}
