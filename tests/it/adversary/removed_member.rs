//! Mallory was removed. She keeps her keys, the conversation's secret and all that she had, and does not stop.
//!
//! She writes on, dates her words back, sends again what was taken, forks what stands before the cut, has a friend who is a
//! member pass her words on, and signs records as if she had not heard. Whoever knows of the removal takes none of it, gives
//! her nothing, and her words from before it stand.

use bayou_core::authority::{Cut, Item, Mark, Role, Said, Setting};
use bayou_core::conversation::Sent;
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::{Frame, Tips};
use bayou_core::id::UserId;
use bayou_core::rpc::{Reply, Request};
use bayou_core::time::Timestamp;
use bayou_tests::craft;
use bayou_tests::mallory::Mallory;

use super::Scene;

/// What she said before she was removed, on the rows of all.
const BEFORE: [&str; 2] = ["one of before", "two of before"];

/// The seed of her friend.
const FRIEND: u8 = 0x40;

/// Mallory has said two things and was removed; returns them, and what comes before the next.
fn removed(role: &str) -> (Scene, Vec<Sent>, craft::Author) {
    let mut scene = Scene::new();
    if role != "member" {
        scene.gives_role(role);
    }
    let mut author = scene.mallory.author(0);
    let said: Vec<Sent> = BEFORE.iter().map(|text| author.says(&[text])).collect();
    scene.tells(scene.alice, &scene.pushes(said.clone()));
    scene.world.run(2_000);
    // What she signs later is signed from here: as if she had not heard.
    let (ignorant, grant) = (scene.mallory.authority.clone(), scene.mallory.grant);
    let member = scene.mallory.user().to_string();
    scene.decrees(|conversation| Request::Remove { conversation, member });
    scene.world.run(40_000);
    scene.mallory.authority = ignorant;
    scene.mallory.grant = grant;
    assert_eq!(scene.members().len(), 2);
    scene.keeps_what_was_before();
    (scene, said, author)
}

impl Scene {
    #[track_caller]
    fn keeps_what_was_before(&self) {
        for who in [self.alice, self.bob] {
            let seen = self.world.sees(who);
            let hers: Vec<&str> = seen.lines().filter_map(|line| line.strip_prefix("somebody: ")).collect();
            assert_eq!(hers, BEFORE, "{seen}");
        }
    }

    /// Sends both a frame, with all that she has to be met by; nothing of hers is added and nothing is lost.
    #[track_caller]
    fn comes_too_late(&mut self, attack: &str, by: &Mallory, frame: &Frame) {
        for who in [self.alice, self.bob] {
            by.appears(&mut self.world, who);
            by.tells(&mut self.world, who, &by.tags());
            by.tells(&mut self.world, who, frame);
        }
        self.world.run(3_000);
        self.keeps_what_was_before();
        assert!(!self.world.sees(self.alice).contains("too late"), "{attack}");
        assert_eq!(self.world.sees(self.alice), self.world.sees(self.bob), "{attack}");
    }
}

#[test]
fn what_she_writes_on_counts_for_nobody() {
    let (mut scene, said, mut author) = removed("member");
    let mallory = copy(&scene);
    let more = author.says(&["too late, dated back by years"]);
    scene.comes_too_late("more", &mallory, &scene.pushes(vec![more.clone()]));
    let all: Vec<Sent> = said.iter().cloned().chain([more]).collect();
    scene.comes_too_late("all of it again", &mallory, &scene.pushes(all));
    scene.comes_too_late("what was taken", &mallory, &scene.pushes(said.clone()));
    let mut other = scene.mallory.author(0);
    other.header.nonce = [8; 16];
    other.actor = other.header.actor(other.home.genesis().hash());
    scene.comes_too_late("another chain", &mallory, &scene.pushes(vec![other.says(&["too late"])]));
    let mut next = scene.mallory.author(1);
    let frame = scene.mallory.push(1, vec![vec![next.says(&["too late"])]]);
    scene.comes_too_late("another segment", &mallory, &frame);
    scene.ends_well();
}

#[test]
fn she_cannot_take_back_what_stands_before_the_cut() {
    let (mut scene, said, _) = removed("member");
    let mallory = copy(&scene);
    for common in [0, 1] {
        let mut twin = scene.mallory.author(0);
        if common > 0 {
            craft::take(&mut twin.home, said[..common].to_vec());
        }
        let forked = twin.says(&["too late: I never said that"]);
        let run: Vec<Sent> = said[..common].iter().cloned().chain([forked]).collect();
        scene.comes_too_late("a fork", &mallory, &scene.pushes(run));
    }
    scene.ends_well();
}

#[test]
fn a_friend_who_is_a_member_cannot_pass_her_words_on() {
    let (mut scene, said, mut author) = removed("member");
    let link = scene.world.link_of(0);
    let mut friend = Mallory::holding(link, FRIEND);
    for who in [scene.alice, scene.bob] {
        friend.links(&mut scene.world, who);
    }
    assert_eq!(scene.members().len(), 3);
    let more = author.says(&["too late, from a friend"]);
    let run: Vec<Sent> = said.iter().cloned().chain([more.clone()]).collect();
    for frame in [friend.push(0, vec![vec![more]]), friend.push(0, vec![run])] {
        for who in [scene.alice, scene.bob] {
            friend.tells(&mut scene.world, who, &frame);
        }
        scene.world.run(3_000);
        scene.keeps_what_was_before();
    }
    // Nor can the friend save her words by a longer cut: that is for admins.
    let grant = scene.mallory.grant;
    let chain = author.home.chain(&author.actor).expect("her chain");
    let cut = Cut::new([(author.actor, Mark { seq: chain.seq(), hash: chain.head() })]);
    let record = friend.control(Said::CutExtend { grant, cut: cut.hash() });
    let frame = friend.controls(&[Item::Record(record).to_bytes(), Item::Cut(cut).to_bytes()]);
    for who in [scene.alice, scene.bob] {
        friend.tells(&mut scene.world, who, &frame);
    }
    scene.world.run(3_000);
    scene.keeps_what_was_before();
    scene.ends_well();
}

#[test]
fn she_is_given_nothing_more() {
    let (mut scene, ..) = removed("member");
    let mallory = copy(&scene);
    for who in [scene.alice, scene.bob] {
        mallory.appears(&mut scene.world, who);
        mallory.tells(&mut scene.world, who, &mallory.tags());
        let conversation = mallory.conversation();
        let epochs: Vec<_> = scene.mallory.authority.ruling().epochs().keys().copied().collect();
        for frame in [
            Frame::Have { conversation, segment: 0, tips: Tips::new() },
            Frame::Heads { conversation, controls: [1; 32], segments: vec![(0, [1; 8])] },
            Frame::Names { conversation, names: vec![] },
            Frame::Ask { conversation, epochs },
        ] {
            mallory.tells(&mut scene.world, who, &frame);
        }
    }
    scene.world.says(scene.alice, "not for mallory");
    scene.world.says(scene.bob, "nor this");
    scene.world.run(70_000);
    for who in [scene.alice, scene.bob] {
        let heard = mallory.heard(&scene.world, who);
        // Why she is out, and what that rests on; the names of what the other has of it, when hers differs.
        let greets = |frame: &Frame| matches!(frame, Frame::Prove { .. } | Frame::Share { .. });
        let is_about_members = |frame: &Frame| matches!(frame, Frame::Controls { .. } | Frame::Names { .. });
        let shown = |frame: &Frame| greets(frame) || is_about_members(frame);
        assert!(heard.iter().all(shown), "{heard:?}");
        assert!(heard.iter().any(|frame| matches!(frame, Frame::Controls { .. })), "she is shown why");
    }
    scene.ends_well();
}

#[test]
fn what_she_decrees_as_if_she_had_not_heard_is_void() {
    let (mut scene, ..) = removed("admin");
    let members = scene.members();
    let bob = scene.world.peers[scene.bob].user();
    let grant = scene.mallory.grant_of(&bob);
    let nothing = Cut::default();
    let key = DeviceKey::from_seed(&[0x53; 32]).device();
    let said = [
        Said::Remove { grant, cut: nothing.hash(), rekey: None },
        Said::Grant { to: UserId([0x54; 32]), role: Role::Member, since: 0, via: None },
        Said::Grant { to: scene.mallory.user(), role: Role::Member, since: 0, via: None },
        Said::Invite { key, role: Role::Member, uses: 9, expires: Timestamp(u64::MAX), auto: true },
        Said::Set(Setting::Title("too late".into())),
    ];
    let mallory = copy(&scene);
    for said in said {
        let record = scene.mallory.control(said);
        let items = [Item::Record(record).to_bytes(), Item::Cut(nothing.clone()).to_bytes()];
        let frame = scene.mallory.controls(&items);
        scene.comes_too_late("a decree", &mallory, &frame);
        assert_eq!(scene.members(), members);
    }
    let list = scene.world.does(scene.bob, Request::Conversations);
    let Ok(Reply::Conversations { conversations }) = list else { panic!("no list") };
    assert_eq!(conversations[0].title, "river");
    scene.ends_well();
}

/// The same Mallory, to be lent beside the scene.
fn copy(scene: &Scene) -> Mallory {
    let mut copy = Mallory::holding(scene.world.link_of(0), scene.mallory.seed);
    copy.secret = scene.mallory.secret;
    copy.grant = scene.mallory.grant;
    copy
}
