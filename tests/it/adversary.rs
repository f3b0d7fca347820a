//! Those who do not keep the rules: one file for each of them. The head of a file says who it is, what they can do, and what
//! must hold all the same. Each attack is made on real engines in the simulated world; `tests/src/mallory.rs` is the hand
//! that writes what no engine would write.
//!
//! | file | who |
//! |---|---|
//! | `stranger` | has a link, and nothing else |
//! | `invite_thief` | holds an invite, their own or another's, and was not let in |
//! | `forger` | a member who forges signatures, names, records and bytes |
//! | `reader` | may read, and writes |
//! | `overreacher` | a member who does what only others may |
//! | `hostile_admin` | an admin who does all the harm that an admin can |
//! | `removed_member` | was put out, and goes on |
//! | `forker` | writes two histories with one key |
//! | `flooder` | sends more than anyone can use |
//! | `hostile_mailbox` | keeps the mail of a conversation, and does with it what it likes |
//! | `liar` | says of themselves what is not true |
//! | `replayer` | plays again all that was ever sent |
//! | `mailbox_operator` | carries envelopes, and does to them what they like |
//! | `stolen_device` | has a device of somebody's: locked, or with all its keys |
//!
//! What a thief finds on a disk is in `rest.rs`, what is done about a lost device in `devices.rs`, who attacks the parsers in
//! `parsers.rs` and `gate_fuzz.rs`, records in any order and of any author are in `authority.rs`.

mod flooder;
mod forger;
mod forker;
mod hostile_admin;
mod hostile_mailbox;
mod invite_thief;
mod liar;
mod mailbox_operator;
mod overreacher;
mod reader;
mod removed_member;
mod replayer;
mod stolen_device;
mod stranger;

use bayou_core::authority::{Cut, Item, Record as Control, Said, Standpoint};
use bayou_core::conversation::Sent;
use bayou_core::envelope::Frame;
use bayou_core::id::UserId;
use bayou_core::rpc::{Reply, Request};
use bayou_tests::mallory::Mallory;
use bayou_tests::truth;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

/// Alice and Bob talk, linked; Mallory joins and is linked to both.
struct Scene {
    world: World,
    alice: Who,
    bob: Who,
    mallory: Mallory,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(7);
        let [alice, bob] = ["alice", "bob"].map(|name| world.person(name));
        world.begin("river", &[alice, bob]);
        world.link(alice, bob);
        world.says(alice, "hello");
        world.says(bob, "hi");
        let mut mallory = Mallory::invited(&world);
        for who in [alice, bob] {
            mallory.links(&mut world, who);
            assert!(!mallory.mailbox(&world, who).closed);
        }
        world.run(1_000);
        Scene { world, alice, bob, mallory }
    }

    /// Sends Alice one frame; returns whether it cost the link, and checks that nothing else changed.
    fn changes_nothing(&mut self, attack: &str, frame: &Frame) -> bool {
        self.bytes_change_nothing(attack, frame.encode())
    }

    fn bytes_change_nothing(&mut self, attack: &str, bytes: Vec<u8>) -> bool {
        let before = self.state();
        self.mallory.sends(&mut self.world, self.alice, bytes);
        self.world.run(100);
        assert_eq!(self.state(), before, "{attack}");
        let closed = self.mallory.mailbox(&self.world, self.alice).closed;
        if closed {
            self.mallory.links(&mut self.world, self.alice);
        }
        closed
    }

    #[track_caller]
    fn costs_the_link(&mut self, attack: &str, frame: &Frame) {
        assert!(self.changes_nothing(attack, frame), "{attack} should cost the link");
    }

    #[track_caller]
    fn is_harmless(&mut self, attack: &str, frame: &Frame) {
        assert!(!self.changes_nothing(attack, frame), "{attack} should not cost the link");
    }

    fn tells(&mut self, who: Who, frame: &Frame) {
        self.mallory.tells(&mut self.world, who, frame);
    }

    fn pushes(&self, run: Vec<Sent>) -> Frame {
        self.mallory.push(0, vec![run])
    }

    /// All that a hostile frame must not change.
    fn state(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let store = &self.world.peers[self.alice].store;
        (truth::heads(store), truth::index(store), self.world.sees(self.alice))
    }

    /// What everybody may do, as Alice knows it.
    fn members(&mut self) -> Vec<(String, String)> {
        self.world.members(self.alice)
    }

    /// All that records of authority may change, as Alice and Bob see it.
    fn rights(&mut self) -> impl PartialEq + std::fmt::Debug + use<> {
        [self.alice, self.bob].map(|who| {
            let Ok(Reply::Conversations { conversations }) = self.world.does(who, Request::Conversations) else {
                panic!("no list")
            };
            let one = &conversations[0];
            let Ok(Reply::Invites { invites }) =
                self.world.does(who, Request::Invites { conversation: self.world.conversation(0) })
            else {
                panic!("no invites")
            };
            let named = (one.title.clone(), one.topic.clone(), one.history.clone(), one.role.clone());
            let invites: Vec<_> = invites.iter().map(|invite| (invite.invite.clone(), invite.left)).collect();
            (named, self.world.members(who), invites, self.world.sees(who))
        })
    }

    fn user(&self, who: Who) -> UserId {
        self.world.peers[who].user()
    }

    /// Sends records and what they name to both; checks that nothing follows from them, and that both can still write.
    #[track_caller]
    fn follows_nothing(&mut self, attack: &str, items: &[Item]) {
        let before = self.rights();
        let items: Vec<Vec<u8>> = items.iter().map(Item::to_bytes).collect();
        for who in [self.alice, self.bob] {
            let frame = self.mallory.controls(&items);
            self.tells(who, &frame);
            self.world.run(1_500);
            assert!(!self.mallory.mailbox(&self.world, who).closed, "{attack}: an honest peer might pass it on");
        }
        assert_eq!(self.rights(), before, "{attack}");
        for (who, other) in [(self.alice, self.bob), (self.bob, self.alice)] {
            let said = format!("after {attack}");
            self.world.says(who, &said);
            self.world.run(500);
            assert!(self.world.sees(other).contains(&said), "{attack}");
        }
    }

    #[track_caller]
    fn usurps(&mut self, what: &str, said: Said, cut: Option<Cut>, alter: impl FnOnce(&mut Standpoint)) {
        let mut from = self.mallory.standpoint();
        alter(&mut from);
        let record = Control::sign(said, from, &self.mallory.key);
        let items: Vec<Item> = [Item::Record(record)].into_iter().chain(cut.map(Item::Cut)).collect();
        self.follows_nothing(what, &items);
    }

    /// Has Alice, the owner, do something about a member's rights.
    #[track_caller]
    fn decrees(&mut self, request: impl FnOnce(String) -> Request) -> Reply {
        let request = request(self.world.conversation(0));
        let reply = self.world.does(self.alice, request).expect("the owner may");
        self.world.run(1_000);
        self.mallory.listens(&self.world, self.alice);
        reply
    }

    fn gives_role(&mut self, role: &str) {
        let member = self.mallory.user().to_string();
        self.decrees(|conversation| Request::Role { conversation, member, role: role.into() });
    }

    /// Honest people go on, and agree.
    fn ends_well(mut self) -> World {
        self.world.says(self.alice, "still here");
        self.world.says(self.bob, "me too");
        self.world.make_peace();
        judge(&self.world);
        assert!(self.world.sees(self.bob).contains("still here"));
        self.world
    }
}
