//! Mallory holds an invite: one that an admin has to say yes to, one that others used up, or what she saw of another's.
//!
//! She can knock, is answered by members, and so learns which peers are of the conversation. Until somebody lets her in
//! she hears nothing of what is said there, nor who is in; and what another showed to come in lets nobody else in.

use bayou_core::envelope::{Frame, Tips, Turned};
use bayou_core::identity::JoinLink;
use bayou_core::rpc::{InviteOptions, Reply, Request};
use bayou_tests::mallory::Mallory;
use bayou_tests::verdict::judge;

use super::Scene;

/// The seed of somebody who is not Mallory, and was not let in either.
const EVE: u8 = 0x30;

impl Scene {
    /// Has Alice make a link.
    fn invites(&mut self, uses: u32, approve: bool) -> JoinLink {
        let options = InviteOptions { uses, approve, ..InviteOptions::default() };
        let reply = self.decrees(|conversation| Request::Invite { conversation, options });
        let Reply::Invite { link, .. } = reply else { panic!("no link") };
        JoinLink::from_link(&link).expect("alice's own link")
    }

    /// Asks Alice for everything, as a member would.
    fn asks_for_all(&mut self, eve: &Mallory) {
        let conversation = eve.conversation();
        let ask = [
            Frame::Have { conversation, segment: 0, tips: Tips::new() },
            Frame::Names { conversation, names: vec![] },
            Frame::Ask { conversation, epochs: vec![eve.grant; 9] },
            Frame::Heads { conversation, controls: [1; 32], segments: vec![(0, [1; 8])] },
        ];
        for frame in &ask {
            eve.tells(&mut self.world, self.alice, frame);
        }
        self.world.says(self.bob, "not for guests");
        self.world.run(40_000);
    }

    /// Checks that whoever is not in was told nothing but how far they are with getting in.
    #[track_caller]
    fn told_nothing(&self, eve: &Mallory) {
        let heard = eve.heard(&self.world, self.alice);
        let greets = |frame: &Frame| matches!(frame, Frame::Prove { .. } | Frame::Share { .. } | Frame::Door { .. });
        let answers = |frame: &Frame| matches!(frame, Frame::Wait { .. } | Frame::Turned { .. });
        let about_the_door = |frame: &Frame| greets(frame) || answers(frame);
        assert!(heard.iter().all(about_the_door), "{heard:?}");
    }
}

#[test]
fn who_waits_for_a_yes_hears_nothing_until_it_comes() {
    let mut scene = Scene::new();
    let link = scene.invites(1, true);
    let mut eve = Mallory::holding(link, EVE);
    eve.appears(&mut scene.world, scene.alice);
    let invite = eve.knocks(&mut scene.world, scene.alice).expect("the door");
    let enter = eve.enter(invite);
    for _ in 0..3 {
        eve.tells(&mut scene.world, scene.alice, &enter);
        scene.asks_for_all(&eve);
    }
    assert!(eve.heard(&scene.world, scene.alice).iter().any(|frame| matches!(frame, Frame::Wait { .. })));
    scene.told_nothing(&eve);
    assert_eq!(scene.members().len(), 3);
    // A no is a no, however often she asks.
    let user = eve.user().to_string();
    scene.decrees(|conversation| Request::Admit { conversation, user, yes: false });
    eve.appears(&mut scene.world, scene.alice);
    eve.tells(&mut scene.world, scene.alice, &enter);
    scene.asks_for_all(&eve);
    scene.told_nothing(&eve);
    // Another, who gets a yes, does hear: what is checked above would be seen.
    let link = scene.invites(1, true);
    let frank = Mallory::holding(link, EVE + 2);
    frank.appears(&mut scene.world, scene.alice);
    let invite = frank.knocks(&mut scene.world, scene.alice).expect("the door");
    frank.tells(&mut scene.world, scene.alice, &frank.enter(invite));
    let user = frank.user().to_string();
    scene.decrees(|conversation| Request::Admit { conversation, user, yes: true });
    assert!(frank.heard(&scene.world, scene.alice).iter().any(|frame| matches!(frame, Frame::Welcome { .. })));
    assert_eq!(scene.members().len(), 4);
    eve.peer = frank.peer;
    scene.world.make_peace();
    judge(&scene.world);
}

#[test]
fn what_another_showed_lets_nobody_else_in() {
    let mut scene = Scene::new();
    let link = scene.invites(5, false);
    let frank = Mallory::holding(link.clone(), EVE + 2);
    let thief = Mallory::holding(link, EVE);
    thief.appears(&mut scene.world, scene.alice);
    let invite = thief.knocks(&mut scene.world, scene.alice).expect("the door");
    let (mine, franks) = (thief.enter(invite), frank.enter(invite));
    let parts = |frame: &Frame| match frame {
        Frame::Enter { proof, log, .. } => (*proof, log.clone()),
        _ => panic!("not Enter"),
    };
    let ((my_proof, my_log), (franks_proof, franks_log)) = (parts(&mine), parts(&franks));
    let conversation = thief.conversation();
    let enter = |proof, log| Frame::Enter { conversation, invite, proof, log };
    let of_mallorys_link = scene.mallory.enter(invite);
    let attacks = [
        ("another's whole knock", franks),
        ("another's proof", enter(franks_proof, my_log.clone())),
        ("another's log", enter(my_proof, franks_log)),
        ("no log", enter(my_proof, vec![])),
        ("half a log", enter(my_proof, my_log[1..].to_vec())),
        ("the key of another link", of_mallorys_link),
        ("no proof", enter(bayou_tests::mallory::forged(my_proof), my_log)),
    ];
    for (attack, frame) in attacks {
        thief.appears(&mut scene.world, scene.alice);
        let before = scene.members();
        thief.tells(&mut scene.world, scene.alice, &frame);
        scene.world.run(1_000);
        assert_eq!(scene.members(), before, "{attack}");
        assert!(thief.mailbox(&scene.world, scene.alice).closed, "{attack}");
        scene.told_nothing(&thief);
    }
    // With her own she comes in: it was not the link that kept her out.
    thief.appears(&mut scene.world, scene.alice);
    thief.tells(&mut scene.world, scene.alice, &mine);
    scene.world.run(1_000);
    assert_eq!(scene.members().len(), 4);
}

#[test]
fn a_link_that_is_used_up_or_withdrawn_lets_nobody_in() {
    let mut scene = Scene::new();
    let once = scene.invites(1, false);
    let withdrawn = scene.invites(9, false);
    let mut first = Mallory::holding(once.clone(), EVE + 2);
    first.links(&mut scene.world, scene.alice);
    let second = Mallory::holding(once, EVE);
    second.appears(&mut scene.world, scene.alice);
    let invite = second.knocks(&mut scene.world, scene.alice).expect("members know it");
    let other = Mallory::holding(withdrawn, EVE + 4);
    other.appears(&mut scene.world, scene.alice);
    let gone = other.knocks(&mut scene.world, scene.alice).expect("the door");
    scene.decrees(|conversation| Request::RevokeInvite { conversation, invite: gone.to_string() });
    for (eve, invite, why) in [(&second, invite, Turned::UsedUp), (&other, gone, Turned::Withdrawn)] {
        for _ in 0..3 {
            eve.tells(&mut scene.world, scene.alice, &eve.enter(invite));
            scene.asks_for_all(eve);
        }
        let told = |frame: &Frame| matches!(frame, Frame::Turned { why: told, .. } if *told == why);
        assert!(eve.heard(&scene.world, scene.alice).iter().any(told));
        scene.told_nothing(eve);
    }
    assert_eq!(scene.members().len(), 4);
}
