//! What must hold of every world once there is peace.

use std::collections::BTreeMap;

use bayou_core::conversation::EntryId;
use bayou_core::timeline::{Row, Text};

use crate::peer::{Peer, Said};
use crate::truth;
use crate::world::World;

/// Judges a world that came to peace.
///
/// # Panics
/// When peers differ, when anything that was acknowledged is missing, when a deleted body is still somewhere, or when
/// an index that is built anew comes out differently.
pub fn judge(world: &World) {
    all_have_the_same(world);
    let rows: BTreeMap<EntryId, Row> = world
        .peers
        .first()
        .into_iter()
        .flat_map(|peer| [truth::rows(&peer.store), truth::gone(&peer.store)].concat())
        .collect();
    for row in rows.values() {
        assert!(!matches!(row.text, Text::Absent(_)), "a body is nowhere: {row:?}");
    }
    for peer in &world.peers {
        for (id, said) in &peer.kept {
            assert!(is_there(&rows, peer, id, said), "{} was told that {id} is kept: {said:?}", peer.name);
        }
        is_erased(&rows, world, peer);
        comes_out_the_same_anew(peer, world.now);
    }
}

fn all_have_the_same(world: &World) {
    assert_eq!(world.disagreement(), None);
    let Some((first, others)) = world.peers.split_first() else { return };
    let ours = truth::heads(&first.store);
    let timeline = truth::rows(&first.store);
    for other in others {
        assert_eq!(ours, truth::heads(&other.store), "{} and {}", first.name, other.name);
        assert_eq!(timeline.len(), truth::rows(&other.store).len());
    }
    let indexed: Vec<Vec<u8>> = truth::index(&first.store).into_iter().flatten().map(|(key, _)| key).collect();
    let waiting = indexed.iter().filter(|key| matches!(key.first(), Some(b'o' | b'w'))).count();
    assert_eq!(waiting, 0, "annotations without their message, or bodies that never came");
    assert_eq!(indexed.iter().filter(|key| key.starts_with(b"h")).count(), ours.0.len());
}

fn is_there(rows: &BTreeMap<EntryId, Row>, peer: &Peer, id: &EntryId, said: &Said) -> bool {
    match said {
        Said::Message(_) => rows.get(id).is_some_and(|row| row.device == peer.device()),
        Said::Edit(message, _) => rows.get(message).is_some_and(|row| row.edits.iter().any(|edit| edit.id == *id)),
        Said::Delete(message) => rows.get(message).is_some_and(|row| row.deleted),
        Said::React(message, emoji) => rows.get(message).is_some_and(|row| {
            row.marks.iter().any(|mark| mark.user == peer.user() && mark.emoji == *emoji && mark.id >= *id)
        }),
    }
}

/// Deleted words are in nobody's store, in no form.
fn is_erased(rows: &BTreeMap<EntryId, Row>, world: &World, author: &Peer) {
    let deleted = |id: &EntryId| rows.get(id).is_some_and(|row| row.deleted || row.gone);
    let texts = author.kept.iter().filter_map(|(id, said)| match said {
        Said::Message(text) => Some(text).filter(|_| deleted(id)),
        Said::Edit(message, text) => Some(text).filter(|_| deleted(message)),
        Said::Delete(_) | Said::React(..) => None,
    });
    for text in texts {
        for peer in &world.peers {
            assert_eq!(truth::places(&peer.store, text), [""; 0], "{} still has {text:?}", peer.name);
        }
    }
    assert_eq!(truth::undead(&author.store), None);
    assert_eq!(truth::erasing(&author.store), 0, "{} is not done with erasing", author.name);
}

fn comes_out_the_same_anew(peer: &Peer, now: u64) {
    let mut anew = peer.without_index();
    anew.start(now);
    let difference = truth::difference(&truth::index(&peer.store), &truth::index(&anew.store));
    assert_eq!(difference, None, "{}'s index, built anew", peer.name);
}
