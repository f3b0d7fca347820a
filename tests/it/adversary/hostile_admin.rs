//! Mallory is an admin with changed software.
//!
//! What an admin may do she may, and some of it is harm: she puts out whoever is below her, hides, invites and sets, with
//! cuts, dates and keys of her choice. It is signed, it reaches nobody but those below her, all agree on what is left, and
//! the owner goes on. What she decrees after she was put out is in `removed_member`.

use std::collections::BTreeSet;

use bayou_core::authority::{Cut, History, Item, Mark, MessageName, Record, Role, Said, Setting};
use bayou_core::crypto::{BoxKey, DeviceKey, Entropy, Secret};
use bayou_core::envelope::{Commitment, EpochBox, Frame, Recipient};
use bayou_core::id::{ActorId, ChangeHash, CutHash, DeviceId, RecordHash, UserId};
use bayou_core::rpc::{self, Reply, Request};
use bayou_core::time::Timestamp;
use bayou_tests::truth;
use bayou_tests::world::Who;

use super::Scene;
use crate::group_keys::key;

/// Whom she would let in.
const PUPPET: UserId = UserId([0x51; 32]);

/// What Carol says before she is put out.
const WORDS: [&str; 2] = ["one of carol", "two of carol"];

/// Carol is a member; Bob is an admin, and so is Mallory, whom Alice made one after him: he is senior to her.
struct Reign {
    scene: Scene,
    carol: Who,
}

impl Reign {
    fn new() -> Self {
        let mut scene = Scene::new();
        let carol = scene.world.person("carol");
        let link = scene.world.invites[0].clone();
        scene.world.joins(carol, &link);
        scene.world.link_all(&[scene.alice, scene.bob, carol]);
        scene.world.run(3_000);
        WORDS.iter().for_each(|text| drop(scene.world.says(carol, text)));
        scene.decrees(|conversation| Request::Role { conversation, member: "bob".into(), role: "admin".into() });
        scene.gives_role("admin");
        scene.world.run(3_000);
        Reign { scene, carol }
    }

    /// Signs a record and gives it to both, with its cut if she gives that.
    fn decrees(&mut self, said: Said, cut: Option<Cut>) -> RecordHash {
        let record = self.scene.mallory.control(said);
        let hash = record.hash();
        let items = [Item::Record(record.clone())].into_iter().chain(cut.map(Item::Cut));
        let items: Vec<Vec<u8>> = items.map(|item| item.to_bytes()).collect();
        for who in self.honest() {
            let frame = self.scene.mallory.controls(&items);
            self.scene.tells(who, &frame);
        }
        self.scene.mallory.authority.insert(record);
        self.scene.world.run(3_000);
        hash
    }

    /// Puts Carol out, with a cut that says what she likes.
    fn removes_carol(&mut self, marks: Vec<(ActorId, Mark)>) {
        let grant = self.grant_of(self.carol);
        let cut = Cut::new(marks);
        self.decrees(Said::Remove { grant, cut: cut.hash(), rekey: Some([7; 32]) }, Some(cut));
        let names: Vec<String> = self.scene.members().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["alice", "bob", "mallory"], "what an admin may, she may");
    }

    fn grant_of(&mut self, who: Who) -> RecordHash {
        let user = self.scene.user(who);
        self.scene.mallory.grant_of(&user)
    }

    fn honest(&self) -> [Who; 2] {
        [self.scene.alice, self.scene.bob]
    }

    /// Returns the ends of somebody's chains, as Alice has them.
    fn chains(&self, who: Who) -> Vec<(ActorId, Mark)> {
        let device = self.scene.world.peers[who].device();
        let segments = truth::segments(&self.scene.world.peers[self.scene.alice].store);
        let chains = segments.iter().flat_map(|segment| segment.chains());
        let theirs = chains.filter(|(_, chain)| chain.header().device == device);
        theirs.map(|(actor, chain)| (*actor, Mark { seq: chain.seq(), hash: chain.head() })).collect()
    }

    /// Returns what somebody sees of what Carol said, and of what all others said.
    fn sees(&self, who: Who) -> (Vec<String>, Vec<String>) {
        let seen = self.scene.world.sees(who);
        seen.lines().map(str::to_owned).partition(|line| line.starts_with("carol: "))
    }

    /// Alice and Bob agree; of Carol they see so many lines, and of the others all that there was.
    #[track_caller]
    fn leaves(&mut self, attack: &str, of_carol: usize, of_others: &[String]) {
        let both = self.honest().to_vec();
        self.scene.world.make_peace_among(&|_| both.clone());
        for who in self.honest() {
            let (carols, others) = self.sees(who);
            assert_eq!((carols.len(), others.as_slice()), (of_carol, of_others), "{attack}");
        }
    }

    /// The owner puts Mallory out and lets Carol in again; all go on, and agree. What Mallory took from Carol stays gone.
    fn ends_well(mut self) {
        if self.sees(self.scene.alice).0.is_empty() {
            self.scene.world.peers[self.carol].kept.clear();
        }
        let member = self.scene.mallory.user().to_string();
        self.scene.decrees(|conversation| Request::Remove { conversation, member });
        let options = rpc::InviteOptions::default();
        let Reply::Invite { link, .. } = self.scene.decrees(|conversation| Request::Invite { conversation, options })
        else {
            panic!("no link")
        };
        self.scene.world.joins(self.carol, &link);
        self.scene.world.link_all(&[self.scene.alice, self.scene.bob, self.carol]);
        self.scene.world.run(3_000);
        self.scene.world.says(self.carol, "carol is back");
        let scene = self.scene;
        let bob = scene.bob;
        let world = scene.ends_well();
        assert!(world.sees(bob).contains("carol is back"));
    }
}

#[test]
fn she_does_not_reach_upwards() {
    let mut reign = Reign::new();
    let (owner, senior) = (reign.grant_of(reign.scene.alice), reign.grant_of(reign.scene.bob));
    let (alices, bobs) = (reign.scene.user(reign.scene.alice), reign.scene.user(reign.scene.bob));
    let devices = reign.honest().map(|who| reign.scene.world.peers[who].device());
    let me = reign.scene.mallory.user();
    let (nothing, expires) = (Cut::default(), Timestamp(u64::MAX));
    let (cut, key) = (nothing.hash(), DeviceKey::from_seed(&[0x53; 32]).device());
    let invite = *reign.scene.mallory.authority.ruling().offers().keys().next().expect("she came by one");
    let scene = &mut reign.scene;
    let said = [
        ("removing the owner", Said::Remove { grant: owner, cut, rekey: None }),
        ("removing a senior admin", Said::Remove { grant: senior, cut, rekey: Some([1; 32]) }),
        ("removing him, dated back", Said::Remove { grant: senior, cut, rekey: None }),
        ("cutting the owner", Said::CutExtend { grant: owner, cut }),
        ("cutting a senior admin", Said::CutExtend { grant: senior, cut }),
        ("cutting the owner's device", Said::DeviceCut { user: alices, device: devices[0], cut }),
        ("cutting a senior admin's device", Said::DeviceCut { user: bobs, device: devices[1], cut }),
        ("making another admin", Said::Grant { to: PUPPET, role: Role::Admin, since: 0, via: None }),
        ("degrading a senior admin", Said::Grant { to: bobs, role: Role::Reader, since: 0, via: None }),
        ("making another owner", Said::Grant { to: me, role: Role::Owner, since: 0, via: None }),
        ("handing over what is not hers", Said::HandOver { to: me }),
        ("withdrawing the owner's invite", Said::InviteRevoke { invite }),
        ("an admin's invite", Said::Invite { key, role: Role::Admin, uses: 9, expires, auto: true }),
    ];
    for (what, said) in said {
        let at = if what.contains("dated back") { Timestamp(0) } else { Timestamp(u64::MAX / 2) };
        scene.usurps(what, said, Some(nothing.clone()), |from| from.at = at);
    }
    // What an admin may, she may: the records above were well made.
    reign.decrees(Said::Set(Setting::Title("Mallory's".into())), None);
    assert!(format!("{:?}", reign.scene.rights()).contains("Mallory's"));
    let world = reign.scene.ends_well();
    assert!(WORDS.iter().all(|text| world.sees(1).contains(text)));
}

#[test]
fn of_two_admins_who_remove_each_other_the_senior_stays() {
    for bob_first in [true, false] {
        let mut reign = Reign::new();
        let grant = reign.grant_of(reign.scene.bob);
        let nothing = Cut::default();
        // Signed before she could have heard of his.
        let hers = reign.scene.mallory.control(Said::Remove { grant, cut: nothing.hash(), rekey: Some([1; 32]) });
        let items = [Item::Record(hers).to_bytes(), Item::Cut(nothing).to_bytes()];
        let frame = reign.scene.mallory.controls(&items);
        reign.scene.world.cut(reign.scene.alice, reign.scene.bob);
        reign.scene.world.cut(reign.scene.alice, reign.carol);
        if !bob_first {
            reign.honest().into_iter().for_each(|who| reign.scene.tells(who, &frame));
        }
        let (conversation, member) = (reign.scene.world.conversation(0), reign.scene.mallory.user().to_string());
        reign.scene.world.does(reign.scene.bob, Request::Remove { conversation, member }).expect("he ranks above her");
        reign.honest().into_iter().for_each(|who| reign.scene.tells(who, &frame));
        let world = reign.scene.ends_well();
        assert!(WORDS.iter().all(|text| world.sees(1).contains(text)));
        let mut world = world;
        for who in 0..3 {
            let names: BTreeSet<String> = world.members(who).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["alice", "bob", "carol"].map(String::from).into(), "bob first: {bob_first}");
        }
    }
}

#[test]
fn a_cut_reaches_nobody_but_whom_it_removes() {
    let mut reign = Reign::new();
    let (_, others) = reign.sees(reign.scene.alice);
    let mut marks = reign.chains(reign.carol);
    for who in reign.honest() {
        let shorter = |(actor, mark): (ActorId, Mark)| (actor, Mark { seq: mark.seq.min(1), ..mark });
        marks.extend(reign.chains(who).into_iter().map(shorter));
    }
    assert!(marks.len() >= 3);
    marks.push((ActorId([0xee; 16]), Mark { seq: 9, hash: ChangeHash([9; 32]) }));
    reign.removes_carol(marks);
    reign.leaves("a cut that names others", WORDS.len(), &others);
    reign.ends_well();
}

#[test]
fn a_cut_at_a_false_place_harms_only_whom_it_removes() {
    let false_hash = ChangeHash([0xfa; 32]);
    for (what, seq, left) in [
        ("nowhere", None, 0),
        ("at another hash", Some(2), 0),
        ("before the first", Some(0), 0),
        ("beyond the end", Some(77), WORDS.len()),
        ("at the end of all numbers", Some(u32::MAX), WORDS.len()),
    ] {
        let mut reign = Reign::new();
        let (_, others) = reign.sees(reign.scene.alice);
        let chains = reign.chains(reign.carol);
        let marks = chains.iter().filter_map(|(actor, _)| Some((*actor, Mark { seq: seq?, hash: false_hash })));
        reign.removes_carol(marks.collect());
        reign.leaves(what, left, &others);
        reign.ends_well();
    }
}

/// Alice and Bob had different parts of what Carol said, and nobody has the bytes that say how much of it counts. Dated back
/// it takes all of Carol's words, as an empty one would; else what the other admins had is saved. All see the same.
#[test]
fn a_cut_that_never_comes_does_not_part_the_others() {
    for (dated_back, left) in [(true, 0), (false, WORDS.len() + 1)] {
        let mut reign = Reign::new();
        let (_, others) = reign.sees(reign.scene.alice);
        reign.scene.world.cut(reign.scene.alice, reign.carol);
        reign.scene.world.cut(reign.scene.alice, reign.scene.bob);
        reign.scene.world.says(reign.carol, "three, for bob only");
        reign.scene.world.run(1_000);
        assert!(reign.scene.world.sees(reign.scene.bob).contains("three"));
        reign.scene.world.part_all();
        let grant = reign.grant_of(reign.carol);
        let mut from = reign.scene.mallory.standpoint();
        if !dated_back {
            from.at = reign.scene.world.peers[reign.scene.alice].time(reign.scene.world.now);
        }
        let said = Said::Remove { grant, cut: CutHash([0xcc; 32]), rekey: None };
        let record = Record::sign(said, from, &reign.scene.mallory.key);
        let frame = reign.scene.mallory.controls(&[Item::Record(record).to_bytes()]);
        reign.honest().into_iter().for_each(|who| reign.scene.tells(who, &frame));
        reign.leaves("a cut that never comes", left, &others);
        reign.ends_well();
    }
}

/// A date saves or damns what only other admins had, and decides nothing else.
#[test]
fn the_date_of_a_removal_decides_nothing_that_all_had() {
    for at in [0, 1, u64::MAX / 2, u64::MAX] {
        let mut reign = Reign::new();
        let (_, others) = reign.sees(reign.scene.alice);
        let (grant, cut) = (reign.grant_of(reign.carol), Cut::new(reign.chains(reign.carol)));
        let mut from = reign.scene.mallory.standpoint();
        from.at = Timestamp(at);
        let said = Said::Remove { grant, cut: cut.hash(), rekey: None };
        let record = Record::sign(said, from, &reign.scene.mallory.key);
        let frame = reign.scene.mallory.controls(&[Item::Record(record).to_bytes(), Item::Cut(cut).to_bytes()]);
        reign.honest().into_iter().for_each(|who| reign.scene.tells(who, &frame));
        reign.leaves(&format!("removed at {at}"), WORDS.len(), &others);
        reign.ends_well();
    }
}

/// She lets more of Carol count than the owner did: what Carol truly signed, and nothing that she did not.
#[test]
fn extending_the_cut_of_another_adds_nothing_that_was_not_signed() {
    let mut reign = Reign::new();
    let (_, others) = reign.sees(reign.scene.alice);
    let (grant, chains) = (reign.grant_of(reign.carol), reign.chains(reign.carol));
    reign.scene.decrees(|conversation| Request::Remove { conversation, member: "carol".into() });
    let hash = ChangeHash([0xfa; 32]);
    for seq in [1, 2, 3, u32::MAX] {
        let marks = chains.iter().map(|(actor, _)| (*actor, Mark { seq, hash }));
        let alices = reign.chains(reign.scene.alice).into_iter().map(|(actor, _)| (actor, Mark { seq, hash }));
        let cut = Cut::new(marks.chain(alices).collect::<Vec<_>>());
        reign.decrees(Said::CutExtend { grant, cut: cut.hash() }, Some(cut));
        let names: Vec<String> = reign.scene.members().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["alice", "bob", "mallory"]);
        let (_, seen) = reign.sees(reign.scene.alice);
        assert_eq!(seen, others);
    }
    reign.leaves("cuts that say more", WORDS.len(), &others);
    reign.ends_well();
}

#[test]
fn what_she_hides_is_not_lost_and_the_owner_shows_it_again() {
    let mut reign = Reign::new();
    let before = reign.scene.world.sees(reign.scene.bob);
    let rows = truth::rows(&reign.scene.world.peers[reign.scene.alice].store);
    for (id, row) in &rows {
        let message = MessageName { segment: row.segment, at: id.at, actor: id.actor, number: id.number };
        reign.decrees(Said::Hide { message, hidden: true }, None);
    }
    for who in reign.honest() {
        assert_eq!(truth::rows(&reign.scene.world.peers[who].store).len(), rows.len());
        let Ok(Reply::Log { rows: shown, .. }) = reign
            .scene
            .world
            .does(who, Request::Log { conversation: reign.scene.world.conversation(0), limit: 100, before: None })
        else {
            panic!("no rows")
        };
        assert!(shown.iter().all(|row| row.hidden), "an admin may");
    }
    for (id, _) in &rows {
        let message = id.to_string();
        reign
            .scene
            .world
            .does(reign.scene.alice, Request::Hide { message, off: true, erase: false })
            .expect("the owner may");
    }
    reign.scene.world.run(3_000);
    assert_eq!(reign.scene.world.sees(reign.scene.bob), before);
    reign.ends_well();
}

#[test]
fn what_she_sets_is_set_back_and_takes_nothing_from_what_was() {
    let mut reign = Reign::new();
    let before = reign.scene.world.sees(reign.scene.bob);
    reign.decrees(Said::Set(Setting::History(History::SinceJoin)), None);
    reign.decrees(Said::Set(Setting::Disappear(1)), None);
    reign.decrees(Said::Set(Setting::Topic("mine".into())), None);
    reign.scene.world.run(10_000);
    assert_eq!(reign.scene.world.sees(reign.scene.bob), before, "nothing that was written before goes");
    for setting in [rpc::Setting::History("all".into()), rpc::Setting::Disappear(0), rpc::Setting::Topic("ours".into())]
    {
        reign.scene.decrees(|conversation| Request::Set { conversation, setting });
    }
    // Who comes now reads all of it.
    let dave = reign.scene.world.person("dave");
    let link = reign.scene.world.invites[0].clone();
    reign.scene.world.joins(dave, &link);
    reign.scene.world.link_all(&[reign.scene.alice, reign.scene.bob, dave]);
    reign.scene.world.run(40_000);
    assert_eq!(reign.scene.world.sees(dave), before);
    reign.ends_well();
}

/// She opens epochs whose secret nobody has, and hands secrets of her own to strangers and, false ones, to members.
#[test]
fn epochs_of_hers_silence_nobody_and_reach_no_stranger() {
    let mut reign = Reign::new();
    let mut rng = Entropy::from_seed([9; 32]);
    let address = BoxKey::from_seed(&Secret::new([3; 32])).address();
    for number in 0..40u8 {
        let secret = Secret::new([number; 32]);
        let Commitment(commitment) = Commitment::to(&Secret::new([number | 0x80; 32]));
        let epoch = reign.decrees(Said::Epoch { commitment }, None);
        let boxes = [DeviceId([0x5a; 32]), reign.scene.world.peers[reign.scene.bob].device()].map(|device| {
            let to = Recipient { device, prekey: 0, address };
            let conversation = reign.scene.mallory.conversation();
            EpochBox::seal(&secret, conversation, epoch, &to, &mut rng).expect("seals").encode().into()
        });
        let frame = Frame::Boxes { conversation: reign.scene.mallory.conversation(), boxes: boxes.to_vec() };
        reign.honest().into_iter().for_each(|who| reign.scene.tells(who, &frame));
    }
    reign.scene.world.run(200_000);
    let all = [reign.scene.alice, reign.scene.bob, reign.carol];
    let keys: BTreeSet<Option<String>> = all.into_iter().map(|who| key(&mut reign.scene.world, who)).collect();
    assert!(keys.len() == 1 && !keys.contains(&None), "all seal with one key that all have: {keys:?}");
    let heard = reign.scene.mallory.heard(&reign.scene.world, reign.scene.alice);
    let handed = heard.iter().filter_map(|frame| match frame {
        Frame::Boxes { boxes, .. } => Some(boxes),
        _ => None,
    });
    let strangers = handed.flatten().filter_map(|bytes| EpochBox::decode(bytes).ok());
    let devices: Vec<DeviceId> = strangers.map(|sealed| sealed.device).collect();
    assert!(devices.iter().all(|device| *device == reign.scene.mallory.key.device()), "{devices:?}");
    reign.ends_well();
}

/// As many records as a device may say count; what is beyond does not, and the others are as quick as before.
#[test]
fn all_the_records_that_she_may_say_stop_nobody() {
    let mut reign = Reign::new();
    let (_, others) = reign.sees(reign.scene.alice);
    let records: Vec<Vec<u8>> = (0..4_500u32).map(|number| reign.scene.mallory.sets_title(number)).collect();
    for some in records.chunks(900) {
        let frame = reign.scene.mallory.controls(some);
        reign.honest().into_iter().for_each(|who| reign.scene.tells(who, &frame));
        reign.scene.world.run(500);
    }
    reign.scene.decrees(|conversation| Request::Set { conversation, setting: rpc::Setting::Title("river".into()) });
    reign.leaves("titles without end", WORDS.len(), &others);
    let title = format!("{:?}", reign.scene.rights());
    assert!(title.contains("\"river\""), "who has seen them all has the last word");
    reign.ends_well();
}
