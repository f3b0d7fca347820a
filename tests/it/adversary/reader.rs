//! Mallory may read, and no more. She was a member once, and has the chains and the grant of that time.
//!
//! She writes under her new grant, under her old one, and signs records that members may sign. Nobody shows any of it, and
//! when she may write again, what she wrote meanwhile still does not count.

use bayou_core::authority::{Item, Role, Said};
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::Frame;
use bayou_core::id::UserId;
use bayou_core::time::Timestamp;
use bayou_tests::craft::Author;

use super::Scene;

#[test]
fn a_reader_cannot_write_under_any_grant() {
    let mut scene = Scene::new();
    let mut as_member = scene.mallory.author(0);
    let said = scene.pushes(vec![as_member.says(&["while I may"])]);
    scene.tells(scene.alice, &said);
    scene.world.run(1_000);
    let member = scene.mallory.grant;
    scene.gives_role("reader");
    assert_ne!(scene.mallory.grant, member);
    let mut as_reader = scene.mallory.author(0);
    let reads = scene.pushes(vec![as_reader.says(&["under the new grant"])]);
    scene.is_harmless("a reader's words", &reads);
    let more = scene.pushes(vec![as_member.says(&["under the old grant"])]);
    scene.is_harmless("words under a grant that ended", &more);
    let mut dated_back = Author::under(scene.mallory.segment(0), scene.mallory.seed, member);
    dated_back.header.nonce = [1; 16];
    dated_back.actor = dated_back.header.actor(dated_back.home.genesis().hash());
    let dated_back = scene.pushes(vec![dated_back.says(&["a chain that nobody saw"])]);
    scene.is_harmless("another chain under it", &dated_back);
    // She reads: it was not that nobody talks with her.
    scene.world.says(scene.alice, "for readers, too");
    scene.world.run(1_000);
    let heard = scene.mallory.heard(&scene.world, scene.alice);
    assert!(heard.iter().any(|frame| matches!(frame, Frame::Push { .. })));

    scene.gives_role("member");
    for frame in [&reads, &more, &dated_back] {
        scene.is_harmless("what was written meanwhile", frame);
    }
    let again = scene.pushes(vec![scene.mallory.author(0).says(&["now I may again"])]);
    scene.tells(scene.alice, &again);
    scene.world.run(1_000);
    let seen = scene.world.sees(scene.bob);
    assert!(seen.contains("while I may") && seen.contains("now I may again"), "{seen}");
    assert!(!seen.contains("grant") && !seen.contains("nobody saw"), "{seen}");
    scene.ends_well();
}

#[test]
fn a_reader_lets_nobody_in_and_renews_no_key() {
    let mut scene = Scene::new();
    scene.gives_role("reader");
    let members = scene.members();
    let key = DeviceKey::from_seed(&[0x21; 32]);
    let said = [
        Said::Invite { key: key.device(), role: Role::Reader, uses: 1, expires: Timestamp(u64::MAX), auto: true },
        Said::Epoch { commitment: [7; 32] },
        Said::Grant { to: UserId([0x22; 32]), role: Role::Reader, since: 0, via: None },
    ];
    let records: Vec<_> = said.into_iter().map(|said| scene.mallory.control(said)).collect();
    for record in records {
        let hash = record.hash();
        let frame = scene.mallory.controls(&[Item::Record(record.clone()).to_bytes()]);
        scene.tells(scene.alice, &frame);
        scene.world.run(1_000);
        scene.mallory.authority.insert(record);
        assert!(scene.mallory.authority.ruling().void().contains_key(&hash), "it counts");
        assert_eq!(scene.members(), members);
    }
    scene.ends_well();
}
