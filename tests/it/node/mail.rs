//! The mailbox: what was acknowledged is there, for who holds the key, and bounded for everyone.

use bayou_core::envelope::Sealed;
use bayou_core::id::Topic;
use bayou_core::net::mailbox::{Answer, MAX_ENVELOPE, MIN_ENVELOPE, PutRequest, Refusal, Request, id_of, topic_of};
use bayou_tests::disk::SmallDisk;
use bayou_tests::public_node::PublicNode;

use super::{envelope, get, get_all, now, put, visit, write_key};

#[test]
fn the_rooms_that_do_not_know_each_other_agree_on_topics_and_names() {
    let key = write_key(1, 20_000);
    assert_eq!(topic_of(&key.public()), key.topic());
    assert_ne!(topic_of(&key.public()), Topic([0; 16]));
    for size in [MIN_ENVELOPE, MAX_ENVELOPE] {
        let mut bytes = envelope(7, size);
        bytes[..2].copy_from_slice(&[1, 1]);
        let sealed = Sealed::parse(bytes.clone()).expect("the smallest and the largest of both rooms");
        assert_eq!((id_of(&bytes), sealed.bytes()), (sealed.id(), bytes.as_slice()));
    }
}

#[tokio::test]
async fn what_one_member_puts_another_gets_once_and_in_order() {
    let node = PublicNode::start(&[]).unwrap();
    let (today, tomorrow) = (write_key(1, 1), write_key(1, 2));
    let (mut alice, mut bob) = (visit(1, &node.address()).await, visit(2, &node.address()).await);
    let put_all: Vec<_> = (0..60).map(|n| envelope(n, if n % 2 == 0 { 256 } else { MAX_ENVELOPE })).collect();
    for envelope in &put_all {
        assert_eq!(put(&mut alice, &today, envelope.clone()).await, Answer::Kept);
    }
    assert_eq!(put(&mut alice, &today, put_all[7].clone()).await, Answer::Kept, "twice is once");
    let first = get(&mut bob, &today, 0).await;
    assert!(first.more && first.envelopes.iter().map(Vec::len).sum::<usize>() <= 1024 * 1024);
    assert_eq!(get_all(&mut bob, &today).await, put_all);
    assert_eq!(get_all(&mut bob, &tomorrow).await, [[0; 0]; 0], "another day, another topic");

    assert_eq!(put(&mut alice, &today, envelope(60, 256)).await, Answer::Kept);
    let (mut after, mut more) = (first.cursor, Vec::new());
    loop {
        let batch = get(&mut bob, &today, after).await;
        (after, more) = (batch.cursor, [more, batch.envelopes].concat());
        if !batch.more {
            break;
        }
    }
    assert_eq!([first.envelopes, more].concat().len(), 61);
    assert_eq!(get(&mut bob, &today, after).await.envelopes, [[0; 0]; 0]);
    assert_eq!((node.number("bayou_mailbox_kept_total"), node.number("bayou_mailbox_again_total")), (61, 1));
}

/// Kills the node at once after an answer, while other puts are under way: 50 rounds in one home.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let mut node = PublicNode::start(&[]).unwrap();
    let key = write_key(1, 1);
    let mut acknowledged = Vec::new();
    for round in 0..50 {
        let (mut alice, mut other) = (visit(1, &node.address()).await, visit(2, &node.address()).await);
        let under_way = tokio::spawn(async move {
            for number in 0.. {
                let asked = Request::Put(PutRequest::signed(&[9; 32], other.node(), now(), envelope(number, 4096)));
                if other.ask(asked).await.is_err() {
                    return;
                }
            }
        });
        for number in 0..3 {
            let new = envelope(round * 10 + number, 256 << number);
            assert_eq!(put(&mut alice, &key, new.clone()).await, Answer::Kept);
            acknowledged.push(new);
        }
        node.kill9().unwrap();
        under_way.abort();
        node.restart(&[]).unwrap();
    }
    let mut bob = visit(3, &node.address()).await;
    assert_eq!(get_all(&mut bob, &key).await, acknowledged);
}

#[tokio::test]
async fn a_torn_end_and_a_damaged_byte_cost_nothing_else() {
    let mut node = PublicNode::start(&[]).unwrap();
    let key = write_key(1, 1);
    let all: Vec<_> = (0..5).map(|number| envelope(number, 256)).collect();
    let mut alice = visit(1, &node.address()).await;
    for envelope in &all {
        assert_eq!(put(&mut alice, &key, envelope.clone()).await, Answer::Kept);
    }
    assert!(node.stop().unwrap(), "it stops in order");
    let files = std::fs::read_dir(node.home().join("mail")).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|file| !file.ends_with("begun")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let frame = (bytes.len() - 13) / 5;
    bytes[13 + frame + 100] ^= 1;
    bytes.extend(&bytes.clone()[13..13 + frame - 1]);
    std::fs::write(&file, &bytes).unwrap();

    node.restart(&[]).unwrap();
    let mut bob = visit(2, &node.address()).await;
    let without_second: Vec<_> = [0, 2, 3, 4].map(|at: usize| all[at].clone()).into();
    assert_eq!(get_all(&mut bob, &key).await, without_second);
    assert_eq!(put(&mut bob, &key, all[1].clone()).await, Answer::Kept);
    assert_eq!(get_all(&mut bob, &key).await.len(), 5);
}

#[tokio::test]
async fn outsiders_are_refused_and_quotas_hold() {
    let node = PublicNode::start(&["mailbox.topic_mib=1", "mailbox.disk_mib=2"]).unwrap();
    let (key, other, third) = (write_key(1, 1), write_key(2, 1), write_key(3, 1));
    let mut alice = visit(1, &node.address()).await;
    let mut forged = PutRequest::signed(&[9; 32], alice.node(), now(), envelope(1, 256));
    forged.key = key.public();
    assert_eq!(alice.ask(Request::Put(forged)).await, Ok(Answer::Refused(Refusal::Signature)));
    let stale = PutRequest::signed(&[9; 32], alice.node(), now() - 11 * 60 * 1000, envelope(1, 256));
    assert!(matches!(alice.ask(Request::Put(stale)).await, Ok(Answer::Refused(Refusal::Clock(_)))));

    let fill = async |alice: &mut _, key, from: u64| {
        for number in from.. {
            let answer = put(alice, key, envelope(number, MAX_ENVELOPE)).await;
            if answer != Answer::Kept {
                return (number - from, answer);
            }
        }
        unreachable!()
    };
    assert_eq!(fill(&mut alice, &key, 0).await, (16, Answer::Refused(Refusal::TopicFull)));
    assert_eq!(fill(&mut alice, &other, 100).await, (15, Answer::Refused(Refusal::NodeFull)));
    assert_eq!(put(&mut alice, &third, envelope(1, MAX_ENVELOPE)).await, Answer::Refused(Refusal::NodeFull));
    assert_eq!(get_all(&mut alice, &key).await.len(), 16, "what is there is handed out");
    assert_eq!(node.number("bayou_mail_unsigned_total"), 1);
    assert_eq!(node.number("bayou_mail_clock_total"), 1);
    assert_eq!(node.number("bayou_mailbox_refused_total"), 3);
}

#[tokio::test]
async fn one_topic_takes_so_many_puts_at_once_and_gets_go_on() {
    let node = PublicNode::start(&[]).unwrap();
    let key = write_key(1, 1);
    let mut alice = visit(1, &node.address()).await;
    let mut kept = 0;
    for number in 0..2000 {
        match put(&mut alice, &key, envelope(number, 256)).await {
            Answer::Kept => kept += 1,
            Answer::Refused(Refusal::TooOften(seconds)) => {
                assert!(seconds >= 1);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((200..2000).contains(&kept), "{kept}");
    assert_eq!(get_all(&mut alice, &key).await.len(), kept);
}

/// A disk that really is full: puts are refused, what is there is handed out, and it goes on when there is room. Killed and
/// started on the full disk the node still hands out what it has.
#[tokio::test]
async fn a_full_disk_refuses_clearly_and_loses_nothing() {
    let Ok(disk) = SmallDisk::mount("4m") else { return };
    let mut node = PublicNode::start_in(disk.path(), &[]).unwrap();
    let key = write_key(1, 1);
    let mut alice = visit(1, &node.address()).await;
    let mut kept = Vec::new();
    for number in 0..8 {
        kept.push(envelope(number, MAX_ENVELOPE));
        assert_eq!(put(&mut alice, &key, envelope(number, MAX_ENVELOPE)).await, Answer::Kept);
    }
    disk.fill().unwrap();
    let mut refused = 0;
    for number in 100..140 {
        // What still fits into the last block may be kept.
        match put(&mut alice, &key, envelope(number, MIN_ENVELOPE)).await {
            Answer::Kept => kept.push(envelope(number, MIN_ENVELOPE)),
            answer => {
                assert_eq!(answer, Answer::Refused(Refusal::NodeFull));
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && node.number("bayou_mailbox_disk_errors_total") > 0);
    assert_eq!(get_all(&mut alice, &key).await, kept);
    node.restart(&[]).unwrap();
    let mut bob = visit(2, &node.address()).await;
    assert_eq!(get_all(&mut bob, &key).await, kept);
    disk.free().unwrap();
    assert_eq!(put(&mut bob, &key, envelope(200, MAX_ENVELOPE)).await, Answer::Kept);
    kept.push(envelope(200, MAX_ENVELOPE));
    node.restart(&[]).unwrap();
    assert_eq!(get_all(&mut visit(3, &node.address()).await, &key).await, kept);
}

/// A mailbox whose folder is gone begins anew, and says so; one that was only restarted does not.
#[tokio::test]
async fn a_mailbox_that_lost_its_folder_says_that_it_began_anew() {
    let mut node = PublicNode::start(&[]).unwrap();
    let key = write_key(1, 1);
    let begun = get(&mut visit(1, &node.address()).await, &key, 0).await.begun;
    node.restart(&[]).unwrap();
    assert_eq!(get(&mut visit(1, &node.address()).await, &key, 0).await.begun, begun);
    node.kill9().unwrap();
    std::fs::remove_dir_all(node.home().join("mail")).unwrap();
    node.restart(&[]).unwrap();
    assert!(get(&mut visit(1, &node.address()).await, &key, 0).await.begun > begun);
}
