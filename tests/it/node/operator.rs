//! What an operator does: settings, roles, numbers, logs, the doctor.

use bayou_core::net::mailbox::Answer;
use bayou_core::net::visit::Offers;
use bayou_tests::public_node::{PublicNode, bootstrap};

use super::{envelope, put, until, visit, write_key};

fn complaint(arguments: &[&str]) -> String {
    let run = bootstrap(arguments).unwrap();
    assert!(!run.status.success(), "{arguments:?}");
    String::from_utf8(run.stderr).unwrap()
}

#[test]
fn settings_are_checked_and_what_is_wrong_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let printed = bootstrap(&["--print-default-config"]).unwrap().stdout;
    let file = folder.path().join("node.toml");
    std::fs::write(&file, &printed).unwrap();
    let file = file.to_str().unwrap();
    assert!(bootstrap(&["--config", file, "--check-config"]).unwrap().status.success());
    assert!(complaint(&["--config", "/nowhere", "--check-config"]).contains("--print-default-config"));
    let wrong = String::from_utf8(printed).unwrap().replace("relay = true", "relais = true");
    std::fs::write(file, wrong).unwrap();
    let said = complaint(&["--config", file, "--check-config"]);
    assert!(said.contains("unknown field `relais`, expected one of `rendezvous`, `relay`"), "{said}");
    let said = complaint(&["--check-config", "--set", "admission.block=/nowhere"]);
    assert!(said.contains("cannot read /nowhere"), "{said}");
    let home = folder.path().to_str().unwrap();
    let said = complaint(&["--home", home, "--set", "status=203.0.113.1:1", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    assert!(said.contains("(`status`)") && said.contains("choose another port"), "{said}");
    std::fs::create_dir_all(folder.path().join("mail")).unwrap();
    std::fs::write(folder.path().join("mail/20000"), "this is something else").unwrap();
    let said = complaint(&["--home", home, "--set", "status=", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    assert!(said.contains("is no file of this mailbox"), "{said}");
}

#[tokio::test]
async fn roles_are_switched_one_by_one() {
    let all = Offers { rendezvous: true, kademlia: true, relay: true, autonat: true, mailbox: true };
    assert_eq!(visit(1, &PublicNode::start(&[]).unwrap().address()).await.offers(), all);
    for (role, rest) in [
        ("rendezvous", Offers { rendezvous: false, kademlia: false, ..all }),
        ("relay", Offers { relay: false, ..all }),
        ("autonat", Offers { autonat: false, ..all }),
        ("mailbox", Offers { mailbox: false, ..all }),
    ] {
        let node = PublicNode::start(&[&format!("roles.{role}=false")]).unwrap();
        let mut guest = visit(1, &node.address()).await;
        assert_eq!(guest.offers(), rest, "without {role}");
        assert_eq!(guest.reserve().await.is_ok(), role != "relay");
        assert_eq!(node.home().join("mail").exists(), role != "mailbox");
    }
}

#[tokio::test]
async fn numbers_move_and_logs_name_nobody() {
    let mut node = PublicNode::start(&["log.level=debug"]).unwrap();
    let key = write_key(1, 1);
    let mut alice = visit(1, &node.address()).await;
    assert_eq!(alice.reserve().await, Ok(()));
    assert_eq!(put(&mut alice, &key, envelope(1, 1024)).await, Answer::Kept);
    for (name, value) in [
        ("bayou_connections", 1),
        ("bayou_connections_total", 1),
        ("bayou_reservations", 1),
        ("bayou_reservations_total", 1),
        ("bayou_mail_puts_total", 1),
        ("bayou_mailbox_envelopes", 1),
        ("bayou_mailbox_topics", 1),
        ("bayou_ready", 1),
        ("bayou_full", 0),
    ] {
        until(name, || node.number(name) == value).await;
    }
    assert!(node.number("bayou_mailbox_bytes") > 1024 && node.number("bayou_memory_bytes") > 1 << 20);
    drop(alice);
    until("the reservation went with the guest", || node.number("bayou_reservations") == 0).await;
    assert!(node.ask("/nothing").unwrap().starts_with("HTTP/1.1 404"));
    assert!(node.stop().unwrap(), "it stops in order");

    let log = std::fs::read_to_string(node.log()).unwrap();
    assert!(log.lines().count() > 0 && log.lines().all(|line| line.starts_with('{')), "one object a line: {log}");
    for secret in ["127.0.0.1", "12D3Koo", "/ip4/", &key.topic().to_string(), &key.topic().fmt_short()] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

/// Behind a port forward people are given the addresses that the operator named, with the node's name.
#[test]
fn named_addresses_are_printed_with_the_name_of_the_node() {
    let node = PublicNode::start(&["external=[\"/dns4/node.example.org/udp/4001/quic-v1\"]"]).unwrap();
    let address = node.address().0;
    assert!(address.starts_with("/dns4/node.example.org/udp/4001/quic-v1/p2p/12D3"), "{address}");
}

#[test]
fn every_number_of_the_dashboard_exists() {
    let dashboard = include_str!("../../../bootstrap-node/packaging/grafana.json");
    let numbers = PublicNode::start(&[]).unwrap().ask("/metrics").unwrap();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named: std::collections::BTreeSet<&str> =
        dashboard.split(|c| !word(c)).filter(|name| name.starts_with("bayou_")).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(numbers.contains(&format!("# TYPE {name} ")), "{name} is on the dashboard and not told");
    }
}

#[tokio::test]
async fn the_doctor_tells_a_live_node_from_a_dead_one() {
    let mut node = PublicNode::start(&["roles.autonat=false"]).unwrap();
    let address = node.address().0;
    let live = bootstrap(&["doctor", &address]).unwrap();
    let said = String::from_utf8(live.stdout).unwrap();
    assert!(live.status.success(), "{said}");
    for line in [
        "ok   reached: connected in",
        "ok   relay: gives a reservation",
        "ok   mailbox: answers",
        "autonat: not offered",
    ] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
    node.kill9().unwrap();
    let dead = bootstrap(&["doctor", &address, "--json"]).unwrap();
    let said: serde_json::Value = serde_json::from_slice(&dead.stdout).unwrap();
    assert!(!dead.status.success());
    assert_eq!((&said["check"], &said["ok"]), (&"reached".into(), &false.into()));
    assert_eq!(said["says"], "refused: nobody listens there");
    assert!(
        String::from_utf8(bootstrap(&["doctor", "/ip4/127.0.0.1/tcp/1"]).unwrap().stdout)
            .unwrap()
            .contains("must end with /p2p/")
    );
}
