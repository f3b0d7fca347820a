//! Mallory is a member who writes two histories with one key, and tells each of the others another.
//!
//! What she said before they part stays, what came after goes, on every peer; nobody else loses anything, and nobody who
//! passed one of them on is blamed. Each can read what they had of it. Once she is put out, the history counts that
//! whoever puts her out names.

use bayou_core::conversation::Sent;
use bayou_core::rpc::{NoticeKind, Reply, Request};
use bayou_tests::craft;
use bayou_tests::truth;
use bayou_tests::world::Who;

use super::Scene;
use crate::notices;

/// Mallory says some things to both and then tells each another story.
fn forked(common: usize, lengths: [usize; 2]) -> Scene {
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
    assert_eq!(scene.hers(), common, "what she said before stays, what came after goes; then {lengths:?}");
    assert!(scene.world.network.is_up((scene.alice, scene.bob)), "neither of them is to blame");
    let told = [scene.alice, scene.bob].map(|who| notices::told(&mut scene.world, who));
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].iter().filter(|(kind, ..)| *kind == NoticeKind::Disputed).count(), 1, "all are told where");
    for (who, length) in [scene.alice, scene.bob].into_iter().zip(lengths) {
        let texts: Vec<String> = (0..length).map(|n| format!("for {who:?} only {n}")).collect();
        assert_eq!(scene.disputed(who), texts, "each can read what they had");
    }
    scene
}

impl Scene {
    /// Returns how many messages of hers count, the same for both.
    #[track_caller]
    fn hers(&self) -> usize {
        let rows = |who: Who| truth::rows(&self.world.peers[who].store);
        assert_eq!(rows(self.alice), rows(self.bob));
        let hers = rows(self.bob).iter().filter(|(_, row)| row.device == self.mallory.key.device()).count();
        assert_eq!(rows(self.bob).len(), hers + 4, "nobody else loses anything");
        hers
    }

    /// Returns what somebody reads of what is disputed.
    fn disputed(&mut self, who: Who) -> Vec<String> {
        let request = Request::Disputed { conversation: self.world.conversation(0), limit: 100, before: None };
        let Ok(Reply::Log { rows, .. }) = self.world.does(who, request) else { panic!("no rows") };
        assert!(rows.iter().all(|row| row.state == "disputed"));
        rows.into_iter().map(|row| row.text).collect()
    }
}

#[test]
fn a_fork_is_seen_by_all_and_touches_nobody_else() {
    for (common, lengths) in [(0, [1, 1]), (0, [3, 1]), (2, [1, 1]), (2, [1, 3]), (1, [4, 4])] {
        forked(common, lengths).ends_well();
    }
}

#[test]
fn once_she_is_put_out_the_history_counts_that_the_removal_names() {
    for (common, lengths) in [(0, [1, 1]), (0, [3, 1]), (2, [1, 3]), (1, [4, 4])] {
        let mut scene = forked(common, lengths);
        let member = scene.mallory.user().to_string();
        scene.decrees(|conversation| Request::Remove { conversation, member });
        scene.world.run(70_000);
        assert_eq!(scene.hers(), common + lengths[0], "{common} in common, then {lengths:?}");
        let seen = scene.world.sees(scene.bob);
        assert!((0..lengths[0]).all(|n| seen.contains(&format!("for {:?} only {n}", scene.alice))), "{seen}");
        assert_eq!(scene.disputed(scene.alice), [""; 0], "it counts");
        assert_eq!(scene.disputed(scene.bob).len(), lengths[1], "what he had can still be read");
        scene.ends_well();
    }
}
