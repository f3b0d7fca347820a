//! Mallory is a member who does what only others may: she signs the records that no command of hers would
//! sign, under her own grant and under those of others.
//!
//! A record that is well formed is kept and passed on, for only what follows from it is judged. Nothing may follow from it:
//! the same people are in, in the same roles, under the same title; each of them can still write, and is still read.

use bayou_core::authority::{Cut, History, Item, MessageName, Role, Said, Setting, UserRecord, UserSaid};
use bayou_core::id::{DeviceId, UserId};
use bayou_core::time::Timestamp;
use bayou_tests::truth;

use super::Scene;

/// Whom she would let in, or what she would let in by.
const PUPPET: UserId = UserId([0x51; 32]);

impl Scene {
    /// What a member may not do; of whom it is done, if to anyone.
    fn usurpations(&mut self) -> Vec<(&'static str, Said, Option<Cut>)> {
        let (alice, bob) = (self.user(self.alice), self.user(self.bob));
        let owner = self.mallory.grant_of(&alice);
        let member = self.mallory.grant_of(&bob);
        let me = self.mallory.user();
        let invite = *self.mallory.authority.ruling().offers().keys().next().expect("she came by one");
        let nothing = Cut::default();
        let cut = nothing.hash();
        let (id, _) = truth::rows(&self.world.peers[self.alice].store).remove(0);
        let message = MessageName { segment: 0, at: id.at, actor: id.actor, number: id.number };
        let device = self.world.peers[self.alice].device();
        let key = DeviceId([0x52; 32]);
        let expires = Timestamp(u64::MAX);
        vec![
            ("making herself an admin", Said::Grant { to: me, role: Role::Admin, since: 0, via: None }, None),
            ("making herself the owner", Said::Grant { to: me, role: Role::Owner, since: 0, via: None }, None),
            ("granting herself the same again", Said::Grant { to: me, role: Role::Member, since: 0, via: None }, None),
            ("letting a puppet in", Said::Grant { to: PUPPET, role: Role::Member, since: 0, via: None }, None),
            ("degrading bob", Said::Grant { to: bob, role: Role::Reader, since: 0, via: None }, None),
            ("removing bob", Said::Remove { grant: member, cut, rekey: Some([1; 32]) }, Some(nothing.clone())),
            ("removing alice", Said::Remove { grant: owner, cut, rekey: None }, Some(nothing.clone())),
            ("handing over", Said::HandOver { to: me }, None),
            ("an admin's invite", Said::Invite { key, role: Role::Admin, uses: 9, expires, auto: true }, None),
            ("an owner's invite", Said::Invite { key, role: Role::Owner, uses: 9, expires, auto: true }, None),
            ("withdrawing alice's invite", Said::InviteRevoke { invite }, None),
            ("another title", Said::Set(Setting::Title("Mallory's".into())), None),
            ("another topic", Said::Set(Setting::Topic("me".into())), None),
            ("another history", Said::Set(Setting::History(History::SinceJoin)), None),
            ("hiding alice's words", Said::Hide { message, hidden: true }, None),
            ("cutting bob", Said::CutExtend { grant: member, cut }, Some(nothing.clone())),
            ("cutting alice's device", Said::DeviceCut { user: alice, device, cut }, Some(nothing)),
        ]
    }
}

#[test]
fn a_member_changes_nobodys_rights() {
    let mut scene = Scene::new();
    for (what, said, cut) in scene.usurpations() {
        scene.usurps(what, said, cut, |_| {});
    }
    scene.ends_well();
}

#[test]
fn the_right_of_another_is_of_no_use() {
    let mut scene = Scene::new();
    let alice = scene.user(scene.alice);
    let owner = scene.mallory.grant_of(&alice);
    for (what, said, cut) in scene.usurpations() {
        let what = format!("{what} under alice's grant");
        scene.usurps(&what, said.clone(), cut.clone(), |from| from.auth = Some(owner));
        // As if her device were one of Alice's.
        let what = format!("{what}, in her name");
        scene.usurps(&what, said, cut, |from| {
            from.auth = Some(owner);
            from.user = alice;
        });
    }
    scene.ends_well();
}

#[test]
fn nobody_certifies_a_device_for_another() {
    let mut scene = Scene::new();
    let alice = scene.user(scene.alice);
    let hers = scene.mallory.key.device();
    let theirs = scene.world.peers[scene.alice].device();
    let parents = scene.mallory.authority.user_heads(&alice);
    let said = [
        ("a device of hers for alice", UserSaid::DeviceCert { device: hers, may_enrol: true, prekey: None }),
        ("the retirement of alice's device", UserSaid::DeviceRevoke { device: theirs }),
        ("another name for alice", UserSaid::Profile { name: "eve".into(), avatar: None, status: String::new() }),
    ];
    for (what, said) in said {
        let record = UserRecord::by_device(said, alice, parents.clone(), Timestamp(u64::MAX / 2), &scene.mallory.key);
        scene.follows_nothing(what, &[Item::User(record)]);
    }
    let grant = scene.mallory.grant_of(&alice);
    let mut author = bayou_tests::craft::Author::under(scene.mallory.segment(0), scene.mallory.seed, grant);
    let words = scene.pushes(vec![author.says(&["I am alice"])]);
    scene.is_harmless("words under alice's grant", &words);
    scene.ends_well();
}
