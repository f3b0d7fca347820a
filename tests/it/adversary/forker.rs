//! Mallory is a member who writes two histories with one key, and tells each of the others another.
//!
//! What she said before they part stays, what came after goes, on every peer; nobody else loses anything, and nobody who
//! passed one of them on is blamed.

use bayou_core::conversation::Sent;
use bayou_core::rpc::NoticeKind;
use bayou_tests::craft;
use bayou_tests::truth;
use bayou_tests::world::Who;

use super::Scene;
use crate::notices;

/// Mallory says some things to both and then tells each another story. Returns how many of her messages are left.
fn forked(common: usize, lengths: [usize; 2]) -> usize {
    let mut scene = Scene::new();
    let mut author = scene.mallory.author(0);
    let both: Vec<Sent> = (0..common).map(|n| author.says(&[&format!("for both {n}")])).collect();
    scene.world.cut(scene.alice, scene.bob);
    for (who, length) in [scene.alice, scene.bob].into_iter().zip(lengths) {
        let mut twin = scene.mallory.author(0);
        if !both.is_empty() {
            craft::take(&mut twin.home, both.clone());
        }
        let side = (0..length).map(|n| twin.says(&[&format!("for {who:?} only {n}")]));
        let frame = scene.mallory.push(0, vec![both.iter().cloned().chain(side).collect()]);
        scene.tells(who, &frame);
    }
    scene.world.run(500);
    scene.world.says(scene.alice, "after the fork");
    scene.world.says(scene.bob, "after it too");
    scene.world.link(scene.alice, scene.bob);
    scene.world.run(70_000);
    let rows = |who: Who| truth::rows(&scene.world.peers[who].store);
    assert_eq!(rows(scene.alice), rows(scene.bob), "{common} in common, then {lengths:?}");
    let hers = rows(scene.bob).iter().filter(|(_, row)| row.device == scene.mallory.key.device()).count();
    assert_eq!(rows(scene.bob).len(), hers + 4, "nobody else loses anything");
    assert!(scene.world.network.is_up((scene.alice, scene.bob)), "neither of them is to blame");
    let told = [scene.alice, scene.bob].map(|who| notices::told(&mut scene.world, who));
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].iter().filter(|(kind, ..)| *kind == NoticeKind::Disputed).count(), 1, "all are told where");
    scene.ends_well();
    hers
}

#[test]
fn a_fork_is_seen_by_all_and_touches_nobody_else() {
    for (common, lengths) in [(0, [1, 1]), (0, [3, 1]), (2, [1, 1]), (2, [1, 3]), (1, [4, 4])] {
        assert_eq!(forked(common, lengths), common, "what she said before stays, what came after goes");
    }
}
