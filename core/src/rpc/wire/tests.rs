use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::rpc::{
    Alarm, Asked, Asker, Avatar, Base64, Behind, Block, BundleBlock, Contact, Conversation, Device, DeviceStanding,
    Guest, Holder, HomeState, Inline, Invite, InviteOptions, Item, Lock, MailboxStanding, Member, MemberStanding, Node,
    Notice, NoticeKind, PageFrom, Peer, Profile, Quote, QuoteState, Reaction, Row, Setting, Standing, Status, Storage,
    Version, Whereabouts, Words,
};

fn row(id: &str, text: &str) -> Row {
    Row {
        id: id.into(),
        author: "alice".into(),
        user: "ee".repeat(32),
        device: "d0".repeat(32),
        at: 1_790_000_000_000,
        expires: None,
        text: text.into(),
        body: vec![Block::Paragraph { inlines: vec![Inline::Text { text: text.into() }] }],
        reply_to: Some(Quote {
            id: "78".repeat(20),
            state: QuoteState::Here,
            author: "bob".into(),
            user: "eb".repeat(32),
            text: Some("ahoy".into()),
        }),
        edited: true,
        deleted: false,
        hidden: false,
        blocked: false,
        look_alike: true,
        reactions: vec![Reaction { emoji: "👍".into(), by: "bob".into(), user: "eb".repeat(32) }],
        state: "with 1 of 2".into(),
    }
}

fn requests() -> Vec<Request> {
    let (conversation, message) = (String::from("3f9a"), String::from("77d0"));
    vec![
        Request::New { title: "Boats".into() },
        Request::Invite { conversation: conversation.clone(), options: InviteOptions::default() },
        Request::Invites { conversation: conversation.clone() },
        Request::RevokeInvite { conversation: conversation.clone(), invite: "1e".into() },
        Request::Admit { conversation: conversation.clone(), user: "ee".into(), yes: true },
        Request::Members { conversation: conversation.clone() },
        Request::Role { conversation: conversation.clone(), member: "bob".into(), role: "admin".into() },
        Request::Remove { conversation: conversation.clone(), member: "bob".into() },
        Request::Leave { conversation: conversation.clone() },
        Request::Set { conversation: conversation.clone(), setting: Setting::Title("Ships".into()) },
        Request::Hide { message: message.clone(), off: false, erase: true },
        Request::Contacts,
        Request::Contact { user: "bob".into() },
        Request::NoteContact { user: "bob".into(), petname: Some("Bobby".into()), verified: Some(true) },
        Request::VerifyContact { code: "bayou://v/#x".into() },
        Request::Words { conversation: conversation.clone() },
        Request::Devices,
        Request::LinkDevice { offer: "bayou://link/x".into() },
        Request::ConfirmDevice { yes: true },
        Request::MoveRoot { phrase: Words::new("abandon".into()), to: Words::new("ability".into()) },
        Request::RetireDevice { device: "dd".into(), phrase: Some(Words::new("abandon ability".into())) },
        Request::Join { link: "bayou://j/#x".into() },
        Request::send(&conversation, "line\none \"quoted\" \u{1f600}"),
        Request::Edit { message: message.clone(), text: "two".into() },
        Request::Delete { message: message.clone() },
        Request::React { message, emoji: "👍".into(), off: true },
        Request::Log { conversation: conversation.clone(), limit: 20, before: Some("77".into()) },
        Request::Disputed { conversation: conversation.clone(), limit: 20, before: None },
        Request::Notices { conversation: conversation.clone(), after: 5, before: Some(9), limit: 100 },
        Request::ExportBundle { conversation: conversation.clone(), member: Some("bob".into()), all: true },
        Request::ContinueBundle { bundle: 3 },
        Request::ImportBundle { head: Base64(vec![1; 9]), number: 2, last: true, piece: Base64(vec![0, 255]) },
        Request::Follow { conversation: conversation.clone(), limit: 0 },
        Request::Conversations,
        Request::Peers,
        Request::Status,
        Request::Nodes,
        Request::AddNode { address: "/ip4/192.0.2.7/tcp/1/p2p/x".into(), token: Some(Words::new("let me in".into())) },
        Request::RemoveNode { node: "12D3KooWx".into() },
        Request::ConversationStatus { conversation: conversation.clone() },
        Request::MessageStatus { message: "77d0".into() },
        Request::Dial { address: "/ip4/192.0.2.7/tcp/4001".into() },
        Request::Draft { conversation, text: Some("hel".into()) },
        Request::Settings { key: Some("theme".into()), value: Some("dark".into()) },
        Request::Profile { name: Some("Alice".into()), status: Some("rowing".into()), avatar: Some(String::new()) },
        Request::Avatar { user: "bob".into() },
        Request::ContactLink { host: None, replace: true },
        Request::AddContact { link: "bayou://c/#x".into(), message: "it is me".into() },
        Request::Requests,
        Request::AnswerRequest { user: "bob".into(), yes: true },
        Request::ConfirmContact { user: "bob".into() },
        Request::Block { user: "bob".into(), off: false },
    ]
}

fn requests_of_a_page() -> Vec<Request> {
    vec![
        Request::Send {
            conversation: "3f9a".into(),
            text: "two".into(),
            reply_to: Some("77d0".into()),
            id: Some("c1".into()),
        },
        Request::Page { conversation: "3f9a".into(), from: PageFrom::Before("77".into()), limit: 50 },
        Request::Read { conversation: "3f9a".into(), up_to: "77".into() },
        Request::History { message: "77d0".into() },
        Request::Conversation { conversation: "3f9a".into() },
        Request::Watch,
        Request::Storage,
        Request::Qr { text: "bayou://j/#x".into() },
        Request::Home,
        Request::Init { name: "alice".into(), lock: Lock { passphrase: Some(secret()), no_passphrase: false } },
        Request::Restore { name: "alice".into(), phrase: secret(), lock: Lock::default() },
        Request::Unlock { passphrase: secret() },
        Request::OfferDevice,
        Request::AwaitDigits,
        Request::SettleIn { yes: true, lock: Lock { passphrase: None, no_passphrase: true } },
    ]
}

fn secret() -> Words {
    Words::new("abandon ability".into())
}

fn member() -> Member {
    Member {
        user: "ee".repeat(32),
        name: "bob".into(),
        role: "admin".into(),
        devices: vec!["d0".repeat(32)],
        you: false,
        status: "rowing".into(),
        avatar: None,
        verified: true,
        alarm: Some(Alarm::NewDevices),
        blocked: false,
    }
}

fn conversation() -> Conversation {
    Conversation {
        conversation: "3f".repeat(32),
        title: "Boats".into(),
        with: None,
        topic: "who rows".into(),
        history: "all".into(),
        members: vec!["alice".into(), "bob".into()],
        role: Some("admin".into()),
        joining: None,
        disappear: 0,
        mailboxes: vec!["/ip4/192.0.2.7/tcp/4001/p2p/x".into()],
        last_at: Some(1),
        last_text: "hello".into(),
        unread: 3,
        epoch: Some("e0".repeat(32)),
    }
}

fn status() -> Status {
    Status {
        name: "alice".into(),
        user: "ee".repeat(32),
        device: "bb".repeat(32),
        peer: "aa".repeat(32),
        online: true,
        addresses: vec!["/ip4/192.0.2.7/tcp/4001/p2p/x".into()],
        links: 1,
        conversations: 2,
        behind: vec![Behind { conversation: "3f".repeat(32), name: "bob".into(), lacks: 4 }],
        erasing: 2,
        problem: None,
    }
}

fn replies() -> Vec<Reply> {
    let peer = Peer { peer: "aa".repeat(32), name: None, linked: true, address: None, shared: 1 };
    let invite = Invite {
        invite: "1e".repeat(32),
        by: "alice".into(),
        role: "member".into(),
        left: 2,
        expires: 1,
        approve: true,
    };
    let guest = Guest { user: "ee".repeat(32), name: "bob".into() };
    let device =
        Device { device: "dd".repeat(32), this: true, state: "yours".into(), since: 1_780_000_000_000, linked: false };
    vec![
        Reply::Log { conversation: "3f".repeat(32), rows: vec![row("77", "hello")] },
        Reply::Log { conversation: "3f".repeat(32), rows: vec![] },
        Reply::Conversations { conversations: vec![conversation()] },
        Reply::Peers { peers: vec![peer] },
        Reply::Status(Box::new(status())),
        Reply::Standing { standing: Box::new(standing()) },
        Reply::Whereabouts { whereabouts: Box::new(whereabouts()) },
        Reply::Invite { link: "bayou://j/#x".into(), invite: "1e".repeat(32), expires: 1, addresses: 2 },
        Reply::Invites { invites: vec![invite] },
        Reply::Members { conversation: "3f".repeat(32), members: vec![member()], guests: vec![guest] },
        Reply::Joined { conversation: "3f".repeat(32), state: "in".into() },
        Reply::New { conversation: "3f".repeat(32) },
        Reply::Sent { id: "77".repeat(16) },
        Reply::Done { done: true },
        Reply::Devices { devices: vec![device] },
        Reply::Digits { digits: "054 550".into(), device: "dd".repeat(32) },
    ]
}

fn standing() -> Standing {
    let device = DeviceStanding {
        device: "dd".repeat(32),
        peer: Some("aa".repeat(32)),
        linked: true,
        relayed: true,
        round_trip: Some(3),
        addresses: vec!["/ip4/192.0.2.7/tcp/4001".into()],
        seen: Some(5),
        failure: Some("timed out".into()),
        lacks: 12,
        ahead: 1,
        rules_differ: true,
    };
    let (user, name, says) = ("ee".repeat(32), "bob".into(), "linked over a relay, 12 behind".into());
    Standing {
        conversation: "3f".repeat(32),
        title: "Boats".into(),
        members: vec![MemberStanding { user, name, you: false, says, devices: vec![device] }],
        mailboxes: vec![MailboxStanding {
            address: "/ip4/192.0.2.9/tcp/4001".into(),
            named: true,
            reached: false,
            errands: 2,
            problem: Some("the node cannot be reached".into()),
            useless: 1,
            useless_because: Some("it is no envelope".into()),
        }],
        awaited: 1,
        writing: 2,
        asked_again: 3,
        redialled: 4,
        problem: None,
    }
}

fn whereabouts() -> Whereabouts {
    let (user, device, path) = ("ee".repeat(32), "dd".repeat(32), "linked directly".into());
    Whereabouts {
        message: "77".repeat(16),
        conversation: "3f".repeat(32),
        state: "kept".into(),
        kept: true,
        fate: vec!["hidden".into()],
        says: "kept here".into(),
        devices: vec![Holder { user, name: "bob".into(), device, has: Some(false), path }],
    }
}

fn notice() -> Notice {
    let (by, user) = ("alice".into(), "ee".repeat(32));
    let (who, what) = (Some("bob".into()), Some("admin".into()));
    Notice { id: "0e".repeat(32), at: 7, by, user, kind: NoticeKind::Role, who, what }
}

fn asker() -> Asker {
    Asker { user: "ee".repeat(32), name: "bob".into(), message: "it is me".into(), at: 7 }
}

fn asked() -> Asked {
    Asked { user: "ee".repeat(32), message: "it is me".into(), at: 7, state: "looking for them".into() }
}

fn replies_about_the_page() -> Vec<Reply> {
    let items = vec![
        Item::Notice { key: "0a".into(), notice: notice() },
        Item::Row { key: "0b".into(), row: row("77", "hello") },
    ];
    let versions = vec![
        Version { at: 1, text: None, body: vec![] },
        Version { at: 2, text: Some("---".into()), body: vec![Block::Rule] },
    ];
    let storage = Storage { journal: 1, snapshots: 2, index: 3, other: 4 };
    vec![
        Reply::Page { conversation: "3f".repeat(32), items, older: true, newer: false, unread: Some("0b".into()) },
        Reply::History { versions },
        Reply::Listed { listed: Box::new(conversation()) },
        Reply::Storage { storage },
        Reply::Qr { size: 29, path: "M4 4h7v1h-7z".into() },
        Reply::Home { state: HomeState::Locked, name: None, version: "0.1.0".into() },
        Reply::Phrase { phrase: secret() },
        Reply::Offer { offer: "bayou://link/x".into() },
        Reply::Offered { digits: "054 550".into() },
    ]
}

fn replies_about_people() -> Vec<Reply> {
    let (user, name) = ("ee".repeat(32), String::from("bob"));
    let contact = Contact {
        user: user.clone(),
        name: name.clone(),
        petname: Some("Bobby".into()),
        status: "rowing".into(),
        avatar: Some("a0".repeat(32)),
        verified: true,
        alarm: None,
        by_link: true,
        blocked: false,
        shared: 2,
        conversation: None,
    };
    let profile = Profile { user: user.clone(), name, status: String::new(), avatar: None };
    vec![
        Reply::Bundle(BundleBlock { bundle: 3, block: Base64(vec![0, 1, 255]), more: true }),
        Reply::Imported { conversation: "3f".repeat(32), changes: 4, records: 0, early: false },
        Reply::Notices { conversation: "3f".repeat(32), notices: vec![notice()] },
        Reply::Contacts { contacts: vec![contact.clone()] },
        Reply::Contact { contact, number: "01234 56789".into(), code: "bayou://v/#x".into() },
        Reply::Words { words: vec!["abandon".into(), "ability".into()] },
        Reply::Nodes {
            nodes: vec![Node {
                address: "/ip4/192.0.2.7/tcp/4001/p2p/x".into(),
                reachable: true,
                mail: true,
                token: false,
                problem: Some("not reached: nobody listens there".into()),
            }],
        },
        Reply::Draft { conversation: "3f".repeat(32), text: "hel".into() },
        Reply::Profile { profile },
        Reply::Avatar { avatar: Avatar { kind: "image/png".into(), image: "iVBO".into() } },
        Reply::ContactLink { contact_link: "bayou://c/#x".into(), addresses: 2 },
        Reply::Requests { received: vec![asker()], sent: vec![asked()] },
        Reply::Asked { asked: user, conversation: Some("3f".repeat(32)), state: "in".into() },
        Reply::Settings { settings: [("theme".into(), "dark".into())].into() },
    ]
}

fn line(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut lines = Lines::default();
    write(lines.buffer());
    let line = lines.take().unwrap().unwrap();
    assert_eq!(lines.take(), Ok(None), "exactly one line");
    line
}

#[test]
fn every_request_reply_and_event_survives_its_way() {
    for (id, request) in requests().into_iter().chain(requests_of_a_page()).enumerate() {
        let bytes = line(|out| write_call(id as u64, &request, out).unwrap());
        assert_eq!(read_call(&bytes), Ok((CallId::Number(id as u64), request)));
    }
    let failed = Err(RpcError::new(ErrorCode::NotFound, "no such message"));
    let replies = replies().into_iter().chain(replies_about_people()).chain(replies_about_the_page());
    for outcome in replies.map(Ok).chain([failed]) {
        let id = CallId::Text("a".into());
        let bytes = line(|out| write_answer(&id, outcome.clone(), out));
        assert_eq!(read_incoming(&bytes).unwrap(), Incoming::Answer(Some(id), outcome));
    }
    let (conversation, user) = (String::from("3f"), String::from("ee"));
    let guest = Event::Guest { conversation: conversation.clone(), user, name: "bob".into() };
    let joining = Event::Joining { conversation: conversation.clone(), state: "in".into() };
    let noticed = Event::Notice { conversation: conversation.clone(), key: "0a".into(), notice: notice() };
    let begun = Event::Draft { conversation: conversation.clone(), text: "hel".into() };
    let set = Event::Settings { settings: [("theme".into(), "dark".into())].into() };
    let read = Event::Read { conversation: conversation.clone(), up_to: "77".into() };
    let gone = Event::Gone { conversation: conversation.clone(), key: "0b".into(), id: "77".into() };
    let watched = [read, gone, Event::Conversation(Box::new(self::conversation())), Event::Status(Box::new(status()))];
    let row = Event::Row { conversation, key: "0b".into(), row: row("77", "hello") };
    let (user, name, status) = ("ee".repeat(32), String::from("bob"), String::new());
    let shown = Event::Profile { user, name, status, avatar: None };
    let people = [shown, Event::Asker(asker()), Event::Asked(asked())];
    for event in [row, noticed, guest, joining, begun, set, Event::Lagged].into_iter().chain(people).chain(watched) {
        let bytes = line(|out| write_event(&event, out));
        assert_eq!(read_incoming(&bytes).unwrap(), Incoming::Event(event));
    }
}

#[test]
fn every_method_is_known() {
    let name = |request: &Request| serde_json::to_value(request).unwrap()["method"].as_str().unwrap().to_owned();
    let requests = [requests(), requests_of_a_page()].concat();
    let asked: std::collections::BTreeSet<String> = requests.iter().map(name).collect();
    assert_eq!(asked, METHODS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let send = Request::send("3f9a", "hello");
    let call = line(|out| write_call(7, &send, out).unwrap());
    assert_eq!(call, r#"{"jsonrpc":"2.0","id":7,"method":"send","params":{"conversation":"3f9a","text":"hello"}}"#);
    let result = line(|out| write_answer(&CallId::Number(7), Ok(Reply::Sent { id: "77d0".into() }), out));
    assert_eq!(result, r#"{"jsonrpc":"2.0","id":7,"result":{"id":"77d0"}}"#);
    let error = RpcError::new(ErrorCode::NotFound, "no conversation begins with 3f9a");
    let error = line(|out| write_answer(&CallId::Number(7), Err(error), out));
    assert_eq!(
        error,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"no conversation begins with 3f9a"}}"#
    );
    assert_eq!(line(|out| write_event(&Event::Lagged, out)), r#"{"jsonrpc":"2.0","method":"lagged"}"#);
}

#[test]
fn what_is_no_call_is_refused_with_the_codes_of_the_standard() {
    #[track_caller]
    fn check(line: &str, id: Option<CallId>, code: i32) {
        let refused = read_call(line.as_bytes()).unwrap_err();
        assert_eq!((refused.id, refused.code), (id, code), "{}", refused.message);
    }
    let seven = Some(CallId::Number(7));
    check("hello", None, -32700);
    check(r#"{"jsonrpc":"2.0","id":7"#, None, -32700);
    check(r#"[{"jsonrpc":"2.0","id":7,"method":"status"}]"#, None, -32600);
    check(r#"{"jsonrpc":"2.0","method":"status"}"#, None, -32600);
    check(r#"{"jsonrpc":"2.0","id":-1,"method":"status"}"#, None, -32600);
    check(&format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"status"}}"#, "i".repeat(65)), None, -32600);
    check(r#"{"id":7,"method":"status"}"#, seven.clone(), -32600);
    check(r#"{"jsonrpc":"2.0","id":7,"method":"format_disk"}"#, seven.clone(), -32601);
    check(r#"{"jsonrpc":"2.0","id":7,"method":"send","params":{"text":"x"}}"#, seven.clone(), -32602);
    check(r#"{"jsonrpc":"2.0","id":7,"method":"send"}"#, seven, -32602);
}

#[test]
fn parameters_may_come_first_and_be_empty() {
    let first = br#"{"params":{"title":"Boats"},"method":"new","id":"a","jsonrpc":"2.0"}"#;
    assert_eq!(read_call(first), Ok((CallId::Text("a".into()), Request::New { title: "Boats".into() })));
    for empty in ["", r#","params":{}"#, r#","params":[]"#, r#","params":null"#] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"status"{empty}}}"#);
        assert_eq!(read_call(line.as_bytes()), Ok((CallId::Number(1), Request::Status)), "{line}");
    }
}

#[test]
fn a_refusal_stays_short() {
    let long = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"react","params":"{}"}}"#, "x".repeat(MAX_LINE / 2));
    let refused = read_call(long.as_bytes()).unwrap_err();
    assert!(line(|out| refused.write(out)).len() < 1000);
}

#[test]
fn rows_that_do_not_fit_are_left_out_from_the_oldest() {
    let rows: Vec<Row> = (0..1000).map(|n| row(&n.to_string(), &"\u{1}".repeat(8 * 1024))).collect();
    let conversation = String::from("3f");
    let answer = Ok(Reply::Log { conversation: conversation.clone(), rows: rows.clone() });
    let bytes = line(|out| write_answer(&CallId::Number(1), answer, out));
    let Incoming::Answer(_, Ok(Reply::Log { rows: left, .. })) = read_incoming(&bytes).unwrap() else { panic!() };
    assert!(!left.is_empty() && left.len() < 22, "{} rows of 48 KiB", left.len());
    assert!(rows.ends_with(&left));
}

#[test]
fn a_line_is_bounded() {
    let mut lines = Lines::default();
    lines.buffer().extend_from_slice(&vec![b'x'; MAX_LINE]);
    assert_eq!(lines.take(), Ok(None));
    lines.buffer().extend_from_slice(b"\n");
    assert_eq!(lines.take().unwrap().unwrap().len(), MAX_LINE);
    lines.buffer().extend_from_slice(&vec![b'x'; MAX_LINE + 1]);
    assert_eq!(lines.take(), Err(TooLong));
    assert_eq!(lines.take(), Ok(None));
    lines.buffer().extend_from_slice(&vec![b'x'; MAX_LINE + 1]);
    lines.buffer().extend_from_slice(b"\n");
    assert_eq!(lines.take(), Err(TooLong));

    let too_long = Request::New { title: "x".repeat(MAX_LINE) };
    let mut out = BytesMut::from("before");
    assert_eq!(write_call(1, &too_long, &mut out), Err(TooLong));
    assert_eq!(out, "before");
}

/// Random bytes, and random damage to true lines, in random pieces: no panic, and what is read stays bounded.
#[test]
fn foreign_bytes_do_no_harm() {
    let seed = 20_261_123;
    println!("SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut below = move |bound: usize| rng.next_u32() as usize % bound;
    let mut out = BytesMut::new();
    requests().iter().for_each(|request| write_call(1, request, &mut out).unwrap());
    replies().into_iter().for_each(|reply| write_answer(&CallId::Number(1), Ok(reply), &mut out));
    write_event(&Event::Row { conversation: "3f".into(), key: "0b".into(), row: row("77", "hello") }, &mut out);
    let mut understood = 0;
    for _ in 0..2_000 {
        let mut bytes = out.to_vec();
        for _ in 0..below(20) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes[at] = below(256) as u8,
                1 => drop(bytes.splice(at..at, [b'{'; 40])),
                2 => bytes.truncate(at.max(1)),
                _ => drop(bytes.splice(at..at, *b"\"\\u0000\n")),
            }
        }
        let mut lines = Lines::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + below(300)).min(rest.len()));
            lines.buffer().extend_from_slice(piece);
            rest = after;
            while let Ok(Some(line)) = lines.take() {
                assert!(!line.contains(&b'\n') && line.len() <= MAX_LINE);
                understood += usize::from(read_call(&line).is_ok()) + usize::from(read_incoming(&line).is_ok());
            }
        }
    }
    assert!(understood > 2_000, "the damage must leave something whole, else nothing was tried: {understood}");
}
