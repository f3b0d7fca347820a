//! Who comes in, and what is thrown at the door.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use bayou_core::net::mailbox::{Answer, Refusal};
use bayou_core::net::{peer_of, with_peer};
use bayou_tests::certificate::Certificate;
use bayou_tests::dice::Dice;
use bayou_tests::public_node::{PublicNode, bootstrap};
use nix::sys::signal::Signal;

use super::{envelope, get_all, put, try_visit, until, visit, write_key};

/// Returns a peer's id as an operator writes it.
fn name_of(who: u8) -> String {
    let address = with_peer(&bayou_core::id::Address("/ip4/192.0.2.1/tcp/1".into()), peer_of(&[who; 32]));
    address.0.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_block_list_is_read_again_on_sighup() {
    let list = tempfile::NamedTempFile::new().unwrap();
    let node = PublicNode::start(&[&format!("admission.block={}", list.path().display())]).unwrap();
    let mut alice = visit(1, &node.address()).await;
    visit(2, &node.address()).await;
    std::fs::write(list.path(), format!("{} # spam\n", name_of(1))).unwrap();
    node.signal(Signal::SIGHUP).unwrap();
    alice.stay().await;
    assert!(try_visit(1, &node.address()).await.is_err());
    visit(2, &node.address()).await;
    assert!(node.number("bayou_refused_blocked_total") > 0);

    std::fs::write(list.path(), "this is nobody\n").unwrap();
    node.signal(Signal::SIGHUP).unwrap();
    until("the complaint", || std::fs::read_to_string(node.log()).unwrap().contains("line 1: expected a peer id"))
        .await;
    assert!(try_visit(1, &node.address()).await.is_err(), "a list that is not understood changes nothing");

    std::fs::write(list.path(), "127.0.0.0/8\n").unwrap();
    node.signal(Signal::SIGHUP).unwrap();
    until("nobody is left", || node.number("bayou_connections") == 0).await;
    assert!(try_visit(2, &node.address()).await.is_err());
    std::fs::write(list.path(), "").unwrap();
    node.signal(Signal::SIGHUP).unwrap();
    let mut back = try_visit(1, &node.address()).await;
    while back.is_err() {
        back = try_visit(1, &node.address()).await;
    }
}

#[tokio::test]
async fn with_an_allow_list_only_who_is_on_it_comes_in() {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), name_of(1)).unwrap();
    let node = PublicNode::start(&[&format!("admission.allow={}", list.path().display())]).unwrap();
    visit(1, &node.address()).await;
    assert!(try_visit(2, &node.address()).await.is_err());
}

#[tokio::test]
async fn with_tokens_only_who_shows_one_is_served() {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "0123456789abcdef\n").unwrap();
    let node = PublicNode::start(&[&format!("admission.tokens={}", list.path().display())]).unwrap();
    let key = write_key(1, 1);
    let mut alice = visit(1, &node.address()).await;
    assert_eq!(put(&mut alice, &key, envelope(1, 256)).await, Answer::Refused(Refusal::Token));
    assert!(alice.reserve().await.is_err());
    assert!(alice.show(b"0123456789abcdeX").await.is_err());
    assert_eq!(alice.show(b"0123456789abcdef").await, Ok(()));
    assert_eq!(put(&mut alice, &key, envelope(1, 256)).await, Answer::Kept);
    assert_eq!(alice.reserve().await, Ok(()));
    let doctor = |arguments: &[&str]| String::from_utf8(bootstrap(arguments).unwrap().stdout).unwrap();
    let address = node.address().0;
    assert!(doctor(&["doctor", &address]).contains("serves only who shows one"));
    assert!(doctor(&["doctor", &address, "--token", "0123456789abcdef"]).contains("ok   token: accepted"));
    // Who shows none is sent away after ten seconds; who did may stay.
    visit(2, &node.address()).await.stay().await;
    assert_eq!(get_all(&mut alice, &key).await.len(), 1);
}

#[tokio::test]
async fn a_node_that_drains_gives_nothing_new_and_hands_out_what_it_has() {
    let node = PublicNode::start(&[]).unwrap();
    let key = write_key(1, 1);
    let (mut alice, mut bob) = (visit(1, &node.address()).await, visit(2, &node.address()).await);
    assert_eq!(put(&mut alice, &key, envelope(1, 256)).await, Answer::Kept);
    assert!(node.ask("/readyz").unwrap().starts_with("HTTP/1.1 200"));
    node.signal(Signal::SIGUSR1).unwrap();
    until("it says that it drains", || node.ask("/readyz").unwrap().contains("503")).await;
    assert!(node.ask("/healthz").unwrap().starts_with("HTTP/1.1 200"), "it is well");
    assert_eq!(put(&mut alice, &key, envelope(2, 256)).await, Answer::Refused(Refusal::Draining));
    assert!(bob.reserve().await.is_err());
    assert_eq!(get_all(&mut bob, &key).await.len(), 1);
    assert_eq!(node.number("bayou_reservations_refused_total"), 1);
    node.signal(Signal::SIGUSR2).unwrap();
    until("it is open again", || node.ask("/readyz").unwrap().contains("200 OK")).await;
    assert_eq!(visit(3, &node.address()).await.reserve().await, Ok(()));
}

#[tokio::test]
async fn one_subnet_has_so_many_connections_and_so_many_a_minute() {
    let node = PublicNode::start(&["limits.connections_per_subnet=3"]).unwrap();
    let mut guests = Vec::new();
    for who in 1..=3 {
        guests.push(visit(who, &node.address()).await);
    }
    assert!(try_visit(4, &node.address()).await.is_err());
    assert_eq!((node.number("bayou_connections"), node.number("bayou_refused_busy_total")), (3, 1));
    drop(guests);
    until("they are gone", || node.number("bayou_connections") == 0).await;
    visit(4, &node.address()).await;

    let node = PublicNode::start(&["limits.new_connections_per_subnet=1"]).unwrap();
    for who in 1..=4 {
        visit(who, &node.address()).await;
    }
    assert!(try_visit(5, &node.address()).await.is_err());
    assert_eq!(node.number("bayou_refused_rate_total"), 1);
}

/// Every port, with bytes that mean nothing, half of something, and nothing at all.
#[tokio::test]
async fn hostile_bytes_on_every_port_are_refused_and_the_node_stays_up() {
    let ways = ["tcp/0", "tcp/0/ws", "tcp/0/tls/ws", "udp/0/quic-v1"].map(|way| format!("\"/ip4/127.0.0.1/{way}\""));
    let ways = format!("listen=[{}]", ways.join(","));
    let certificate = Certificate::of(&["127.0.0.1"]).unwrap();
    let [chain, key] = certificate.settings();
    let node = PublicNode::start(&[&ways, &chain, &key, "limits.new_connections_per_subnet=10000"]).unwrap();
    let mut dice = Dice::new(1, 1);
    let ports = open_ports(&node);
    let seeds: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"\x13/multistream/1.0.0\n\x07/noise\n",
        b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ];
    for round in 0..60 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        bytes.extend((0..dice.below(2000)).map(|_| dice.below(256) as u8));
        for port in &ports.0 {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", *port)) else { panic!("port {port} is closed") };
            // It may have hung up in the middle.
            stream.write_all(&bytes).ok();
            if dice.one_in(2) {
                stream.shutdown(std::net::Shutdown::Write).ok();
            }
        }
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for port in &ports.1 {
            socket.send_to(&bytes, ("127.0.0.1", *port)).unwrap();
        }
    }
    let mut status = TcpStream::connect(node.status_address()).unwrap();
    status.write_all(&vec![b'x'; 100_000]).ok();
    // What it answers, if it does, is no matter.
    status.read_to_end(&mut Vec::new()).ok();
    let key = write_key(1, 1);
    let mut alice = visit(1, &node.address()).await;
    assert_eq!(put(&mut alice, &key, envelope(1, 256)).await, Answer::Kept);
    until("all of it was counted as failed", || node.number("bayou_failed_total") >= 60).await;
    let log = std::fs::read_to_string(node.log()).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

/// Returns the TCP and UDP ports at which a process listens, without that of its status.
fn open_ports(node: &PublicNode) -> (Vec<u16>, Vec<u16>) {
    let status: u16 = node.status_address().rsplit(':').next().unwrap().parse().unwrap();
    let fds = std::fs::read_dir(format!("/proc/{}/fd", node.pid().unwrap())).unwrap();
    let inodes: Vec<String> = fds
        .filter_map(|fd| {
            std::fs::read_link(fd.ok()?.path())
                .ok()?
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')
                .map(str::to_owned)
        })
        .collect();
    let ports = |table: &str, listens: &str| -> Vec<u16> {
        let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap();
        let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ours = rows.filter(|row| row[3] == listens && inodes.iter().any(|inode| inode == row[9]));
        ours.map(|row| u16::from_str_radix(row[1].rsplit(':').next().unwrap(), 16).unwrap())
            .filter(|p| *p != status)
            .collect()
    };
    let found = (ports("tcp", "0A"), ports("udp", "07"));
    assert_eq!((found.0.len(), found.1.len()), (3, 1), "{found:?}");
    found
}
