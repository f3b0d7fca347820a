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
//! | `removed_member` | was put out, and goes on |
//! | `forker` | writes two histories with one key |
//! | `flooder` | sends more than anyone can use |
//! | `liar` | says of themselves what is not true |
//!
//! Who steals a disk is in `rest.rs`, who steals a device in `devices.rs`, who attacks the parsers in `parsers.rs` and
//! `gate_fuzz.rs`, records in any order and of any author are in `authority.rs`.

mod flooder;
mod forger;
mod forker;
mod invite_thief;
mod liar;
mod overreacher;
mod reader;
mod removed_member;
mod stranger;

use bayou_core::conversation::Sent;
use bayou_core::envelope::Frame;
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
    fn ends_well(mut self) {
        self.world.says(self.alice, "still here");
        self.world.says(self.bob, "me too");
        self.world.make_peace();
        judge(&self.world);
        assert!(self.world.sees(self.bob).contains("still here"));
    }
}
