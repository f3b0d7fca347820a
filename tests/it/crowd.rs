//! Conversations with more members than links: the machine alone, whole engines, and real processes.

use std::io;
use std::time::Instant;

use bayou_core::rpc::{InviteOptions, Reply, Request, Setting};
use bayou_tests::process::Peer;
use bayou_tests::sim::scenario::Scenario;
use bayou_tests::socket::Client;
use bayou_tests::world::{Who, World};
use serde_json::{Value, json};

#[test]
fn gossip_brings_everything_to_all_in_few_copies_and_hops() {
    let calm = |name| Scenario { authors: 15, ..Scenario::calm(name, 150, 350) };
    let scenarios = [
        Scenario::calm("twelve", 12, 300),
        Scenario { crashes: Some(1), ..calm("who crash") },
        Scenario { breaks: Some(1), parted_ms: Some((190_000, 210_000)), ..calm("whose links break") },
    ];
    for scenario in scenarios {
        let outcome = scenario.run(1);
        println!("{outcome}");
        assert_eq!(scenario.complaint(&outcome), None, "{outcome:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let scenario = Scenario { crashes: Some(1), ..Scenario::calm("again", 40, 250) };
    let run = |seed| format!("{:?}", scenario.run(seed));
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

/// Everyone knows the first, who invited them, and nobody else.
fn crowd(members: usize) -> (World, Vec<Who>) {
    let mut world = World::new(11);
    world.dials = true;
    let who: Vec<Who> = (0..members).map(|n| world.person(&format!("member {n}"))).collect();
    let Ok(Reply::New { conversation }) = world.does(who[0], Request::New { title: "all of us".into() }) else {
        panic!("no conversation")
    };
    let options = InviteOptions { uses: 1000, hours: 8784, ..InviteOptions::default() };
    let Ok(Reply::Invite { link, .. }) = world.does(who[0], Request::Invite { conversation, options }) else {
        panic!("no link")
    };
    world.invites.push(link.clone());
    for other in &who[1..] {
        world.joins(*other, &link);
        world.link(who[0], *other);
        world.run(500);
    }
    world.run(90_000);
    (world, who)
}

fn links(world: &World, who: Who) -> usize {
    world.network.links().iter().filter(|(a, b)| *a == who || *b == who).count()
}

#[test]
fn whole_peers_keep_few_links_and_miss_nothing() {
    let (mut world, who) = crowd(24);
    let counts: Vec<usize> = who.iter().map(|who| links(&world, *who)).collect();
    println!("links: {counts:?}");
    assert!(counts.iter().all(|count| (6..=16).contains(count)), "{counts:?}");

    // Each author's first message finds its ways; then one copy each is enough.
    for (round, most) in [(0, 5.0), (1, 2.0), (2, 1.5)] {
        let before = world.pushed;
        for author in &who[..4] {
            world.says(*author, &format!("round {round}"));
            world.run(3_000);
        }
        let copies = (world.pushed - before) as f64 / (4 * (who.len() - 1)) as f64;
        println!("round {round}: {copies:.2} copies");
        assert!((1.0..=most).contains(&copies), "round {round}: {copies}");
        assert_eq!(world.disagreement(), None, "within three seconds");
    }

    for gone in &who[10..15] {
        world.crash(*gone, 20_000);
    }
    for author in &who[..4] {
        world.says(*author, "while some are away");
        world.run(1_000);
    }
    world.run(90_000);
    assert_eq!(world.disagreement(), None);
    let seen = world.sees(who[12]);
    assert_eq!(seen.matches("while some are away").count(), 4, "{seen}");
}

#[test]
fn of_a_large_conversation_only_what_few_have_is_mailed() {
    let (mut world, who) = crowd(16);
    let (author, reader) = (who[1], who[2]);
    let node = world.mailboxes.open(1);
    let setting = Setting::Mailboxes(vec![node.clone()]);
    let conversation = world.conversation(0);
    world.does(who[0], Request::Set { conversation, setting }).expect("the owner may");
    world.run(60_000);

    let before = world.mailboxes.node(&node).put;
    world.says(author, "many are here");
    world.run(60_000);
    assert_eq!(world.mailboxes.node(&node).put, before, "enough others have it");
    let said = state(&mut world, author, "many are here");
    let having: Option<u32> = said.strip_prefix("with at least ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    assert!(having.is_some_and(|having| having >= 6), "{said}");

    let others: Vec<Who> = who.iter().copied().filter(|other| *other != author).collect();
    others.iter().for_each(|other| world.crash(*other, u64::MAX / 4));
    world.says(author, "nobody is here");
    world.run(10_000);
    assert_eq!(state(&mut world, author, "nobody is here"), "with a mailbox");
    world.crash(author, u64::MAX / 4);
    world.start(reader);
    world.run(10_000);
    let seen = world.sees(reader);
    assert!(seen.contains("nobody is here"), "{seen}");
}

/// Returns what is told of the state of somebody's message.
fn state(world: &mut World, who: Who, text: &str) -> String {
    let request = Request::Log { conversation: world.conversation(0), limit: 1000, before: None };
    let Ok(Reply::Log { rows, .. }) = world.does(who, request) else { panic!("no log") };
    rows.into_iter().find(|row| row.text == text).expect("it is there").state
}

/// Who takes part in the story with real processes.
const MEMBERS: usize = 50;

#[test]
fn fifty_processes_miss_nothing_though_ten_are_killed() -> io::Result<()> {
    let begin = now();
    let hub = Peer::spawn("member 0")?;
    let conversation = hub.begins("all of us")?;
    let invite = hub.command(&["invite", &conversation, "--uses", "100"])?;
    let link = invite.last().and_then(|said| said["link"].as_str()).expect("a link").to_owned();
    let mut peers = vec![hub];
    for n in 1..MEMBERS {
        let mut peer = Peer::new(&format!("member {n}"))?;
        peer.command(&["join", &link])?;
        peer.serve(&[&peers[0]])?;
        peer.enters(&conversation)?;
        peers.push(peer);
    }
    println!("{MEMBERS} are in after {:?}", begin.elapsed());

    let mut clients: Vec<Following> =
        peers.iter().map(|peer| Following::new(peer, &conversation)).collect::<Result<_, _>>()?;
    for author in (0..MEMBERS).step_by(10) {
        let said: Vec<String> = (0..4).map(|n| format!("{n} from {author}")).collect();
        clients[author].client.send_all(&conversation, &said)?;
    }
    all_show(&mut clients, &conversation, 20)?;
    println!("20 messages are with all after {:?}", begin.elapsed());

    // Every fifth but the authors and the first.
    let killed: Vec<usize> = (3..MEMBERS).step_by(5).collect();
    assert_eq!(killed.len(), 10);
    killed.iter().try_for_each(|n| peers[*n].kill9())?;
    clients[0].client.send_all(&conversation, &["while ten are away".into()])?;
    for n in &killed {
        peers[*n].serve(&[])?;
        clients[*n] = Following::new(&peers[*n], &conversation)?;
        clients[*n].client.send_all(&conversation, &[format!("{n} is back")])?;
    }
    all_show(&mut clients, &conversation, 31)?;
    let links: Vec<usize> = clients.iter_mut().map(Following::links).collect::<Result<_, _>>()?;
    println!("31 messages are with all after {:?}; links of each: {links:?}", begin.elapsed());
    Ok(())
}

/// Somebody who looks at the conversation.
struct Following {
    client: Client,
    rows: Vec<Value>,
}

impl Following {
    fn new(peer: &Peer, conversation: &str) -> io::Result<Following> {
        let mut client = peer.client()?;
        let rows = client.follow(conversation, 1000)?;
        Ok(Following { client, rows })
    }

    fn links(&mut self) -> io::Result<usize> {
        let peers = self.client.call("peers", &json!({}))?;
        Ok(peers["peers"].as_array().into_iter().flatten().filter(|peer| peer["linked"] == true).count())
    }
}

/// Waits until everyone shows so many messages.
fn all_show(clients: &mut [Following], conversation: &str, count: usize) -> io::Result<()> {
    for (n, Following { client, rows }) in clients.iter_mut().enumerate() {
        client.shows(conversation, rows, count).map_err(|e| io::Error::new(e.kind(), format!("member {n}: {e}")))?;
        *rows = client.follow(conversation, 1000)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long a story took is told to a person and decides nothing")]
fn now() -> Instant {
    Instant::now()
}
