//! Stories of who may do what.

mod devices;
mod direct;
mod limits;

use std::collections::BTreeSet;

use super::*;
use crate::crypto::{DeviceKey, Signature};
use crate::id::{ActorId, ChangeHash, ConversationId, CutHash, RecordHash, UserId};
use crate::time::{Hlc, Timestamp};

/// A user with one device.
struct Person {
    root: DeviceKey,
    device: DeviceKey,
}

impl Person {
    fn new(seed: u8) -> Self {
        Person { root: key(seed, 0), device: key(seed, 1) }
    }

    fn user(&self) -> UserId {
        UserId(self.root.device().0)
    }
}

fn key(seed: u8, number: u8) -> DeviceKey {
    let mut bytes = [seed; 32];
    bytes[0] = number;
    DeviceKey::from_seed(&bytes)
}

const AT: Timestamp = Timestamp(1);

/// A conversation with an owner, admins and members.
struct Story {
    set: Authority,
    conversation: ConversationId,
    genesis: RecordHash,
}

impl Story {
    fn begin() -> Self {
        let owner = Person::new(1);
        let from = Standpoint { conversation: None, user: owner.user(), auth: None, parents: Vec::new(), at: AT };
        let said = Said::Genesis { title: "bayou".into(), salt: [7; 16] };
        let genesis = Record::sign(said, from, &owner.device);
        let (conversation, hash) = (genesis.conversation(), genesis.hash());
        let mut story = Story { set: Authority::new(conversation), conversation, genesis: hash };
        assert_eq!(Record::open(genesis.bytes(), conversation).as_ref(), Ok(&genesis));
        assert!(story.set.insert(genesis));
        story.certify(&Person::new(1));
        story
    }

    fn certify(&mut self, who: &Person) {
        self.enrol(who, &who.device, true);
    }

    fn enrol(&mut self, who: &Person, device: &DeviceKey, may_enrol: bool) {
        let said = UserSaid::DeviceCert { device: device.device(), may_enrol, prekey: None };
        let parents = self.set.user_heads(&who.user());
        self.set.insert_user(UserRecord::by_root(said, parents, AT, &who.root));
    }

    /// Says something, knowing only `parents`.
    fn knowing(
        &mut self,
        parents: &[RecordHash],
        key: &DeviceKey,
        user: UserId,
        auth: RecordHash,
        said: Said,
    ) -> RecordHash {
        let (conversation, parents) = (Some(self.conversation), parents.to_vec());
        let record = Record::sign(said, Standpoint { conversation, user, auth: Some(auth), parents, at: AT }, key);
        let hash = record.hash();
        assert_eq!(Record::open(record.bytes(), self.conversation).as_ref(), Ok(&record));
        self.set.insert(record);
        hash
    }

    /// Says something, knowing all.
    fn says(&mut self, who: &Person, auth: RecordHash, said: Said) -> RecordHash {
        let heads = self.set.heads();
        self.knowing(&heads, &who.device, who.user(), auth, said)
    }

    /// Lets the owner grant a role to someone new.
    fn joins(&mut self, seed: u8, role: Role) -> (Person, RecordHash) {
        let (person, owner, genesis) = (Person::new(seed), Person::new(1), self.genesis);
        self.certify(&person);
        let grant = self.says(&owner, genesis, grant(person.user(), role));
        (person, grant)
    }

    fn cut(&mut self, marks: &[(u8, u32)]) -> CutHash {
        let cut = Cut::new(marks.iter().map(|(actor, seq)| (ActorId([*actor; 16]), mark(*seq))));
        assert_eq!(Cut::open(&cut.to_bytes()).as_ref(), Ok(&cut));
        let hash = cut.hash();
        self.set.insert_cut(cut);
        hash
    }

    fn role(&mut self, who: &Person) -> Option<Role> {
        self.set.ruling().role(&who.user())
    }

    fn void(&mut self, record: RecordHash) -> Option<Void> {
        self.set.ruling().void().get(&record).copied()
    }

    /// Judges change `seq` of chain `actor`.
    fn judge(&mut self, actor: u8, key: &DeviceKey, grant: RecordHash, seq: u32) -> Verdict {
        self.set.judge(&chain(actor, key, grant), mark(seq))
    }
}

fn chain(actor: u8, key: &DeviceKey, grant: RecordHash) -> ChainOf {
    ChainOf { actor: ActorId([actor; 16]), device: key.device(), grant }
}

fn mark(seq: u32) -> Mark {
    Mark { seq, hash: ChangeHash([seq as u8; 32]) }
}

fn grant(to: UserId, role: Role) -> Said {
    Said::Grant { to, role, since: 0, via: None }
}

fn remove(grant: RecordHash, cut: CutHash) -> Said {
    Said::Remove { grant, cut, rekey: None }
}

const NOTHING: CutHash = CutHash([0; 32]);

#[test]
fn two_admins_remove_each_other_and_the_senior_stays() {
    let mut story = Story::begin();
    let ((alice, a), (bob, b)) = (story.joins(2, Role::Admin), story.joins(3, Role::Admin));
    let heads = story.set.heads();
    let by_alice = story.knowing(&heads, &alice.device, alice.user(), a, remove(b, NOTHING));
    let by_bob = story.knowing(&heads, &bob.device, bob.user(), b, remove(a, NOTHING));
    let ninth = story.knowing(&[by_bob], &bob.device, bob.user(), b, grant(Person::new(9).user(), Role::Member));
    assert_eq!((story.role(&alice), story.role(&bob)), (Some(Role::Admin), None));
    assert_eq!((story.void(by_alice), story.void(by_bob)), (None, Some(Void::Removed)));
    assert_eq!(story.void(ninth), Some(Void::Removed));
    // Nor would it help him to have been first.
    let mut story = Story::begin();
    let ((alice, a), (bob, b)) = (story.joins(2, Role::Admin), story.joins(3, Role::Admin));
    let by_bob = story.says(&bob, b, remove(a, NOTHING));
    assert_eq!((story.role(&alice), story.void(by_bob)), (Some(Role::Admin), Some(Void::NotJunior)));
}

#[test]
fn nobody_is_removed_from_below_and_nobody_gives_what_they_do_not_have() {
    let mut story = Story::begin();
    let ((alice, a), (carol, c)) = (story.joins(2, Role::Admin), story.joins(4, Role::Member));
    let genesis = story.genesis;
    let tries = [
        (&carol, c, remove(a, NOTHING), Void::BeyondRole),
        (&carol, c, grant(Person::new(9).user(), Role::Reader), Void::BeyondRole),
        (&alice, a, remove(genesis, NOTHING), Void::NotJunior),
        (&alice, a, remove(a, NOTHING), Void::NotJunior),
        (&alice, a, grant(carol.user(), Role::Admin), Void::BeyondRole),
        (&alice, genesis, grant(carol.user(), Role::Admin), Void::NotTheirs),
        (&alice, a, Said::HandOver { to: alice.user() }, Void::BeyondRole),
        (&carol, c, Said::Set(Setting::Title("mine".into())), Void::BeyondRole),
    ];
    for (who, auth, said, reason) in tries {
        let record = story.says(who, auth, said.clone());
        assert_eq!(story.void(record), Some(reason), "{said:?}");
    }
    let owner = Person::new(1);
    let leaves = story.says(&owner, genesis, Said::Leave { cut: NOTHING });
    assert_eq!(story.void(leaves), Some(Void::OwnerStays));
    assert_eq!(story.set.ruling().owner(), Some(owner.user()));
    assert_eq!(story.set.ruling().settings().title, "bayou");
}

#[test]
fn of_two_cuts_the_farther_counts_chain_by_chain() {
    let mut story = Story::begin();
    let ((alice, a), (bob, b)) = (story.joins(2, Role::Admin), story.joins(3, Role::Admin));
    let (carol, c) = story.joins(4, Role::Member);
    let heads = story.set.heads();
    let (first, second) = (story.cut(&[(1, 5), (2, 9)]), story.cut(&[(1, 7)]));
    assert_eq!(story.judge(1, &carol.device, c, 100), Verdict::Admit);
    let by_alice = story.knowing(&heads, &alice.device, alice.user(), a, remove(c, first));
    assert_eq!(story.judge(1, &carol.device, c, 6), Verdict::Refuse(Refused::Removed));
    let by_bob = story.knowing(&heads, &bob.device, bob.user(), b, remove(c, second));
    assert_eq!(story.role(&carol), None);
    let both = Standing::Removed(BTreeSet::from([by_alice, by_bob]));
    assert_eq!(story.set.ruling().grants()[&c].standing, both);
    assert_eq!(story.set.reach(&chain(1, &carol.device, c)), Reach::Until(mark(7)));
    assert_eq!(story.set.reach(&chain(2, &carol.device, c)), Reach::Until(mark(9)));
    assert_eq!(story.set.reach(&chain(3, &carol.device, c)), Reach::Nowhere);
    for (actor, seq, verdict) in [
        (1, 7, Verdict::Admit),
        (1, 8, Verdict::Refuse(Refused::Removed)),
        (2, 9, Verdict::Admit),
        (3, 1, Verdict::Refuse(Refused::Removed)),
    ] {
        assert_eq!(story.judge(actor, &carol.device, c, seq), verdict, "chain {actor}, change {seq}");
    }
    let other = Mark { seq: 7, hash: ChangeHash([99; 32]) };
    assert_eq!(story.set.judge(&chain(1, &carol.device, c), other), Verdict::Refuse(Refused::OtherBranch));
}

#[test]
fn a_cut_whose_bytes_are_missing_says_nothing_and_another_admin_can_extend_it() {
    let mut story = Story::begin();
    let ((alice, a), (carol, c)) = (story.joins(2, Role::Admin), story.joins(4, Role::Member));
    let unknown = Cut::new([(ActorId([1; 16]), mark(5))]);
    story.says(&alice, a, remove(c, unknown.hash()));
    assert_eq!(story.judge(1, &carol.device, c, 5), Verdict::Refuse(Refused::Removed));
    assert_eq!(story.set.reach(&chain(1, &carol.device, c)), Reach::Nowhere);
    assert_eq!(story.set.missing(), BTreeSet::from([Missing::Cut(unknown.hash())]));
    assert!(story.set.insert_cut(unknown));
    assert_eq!(story.set.missing(), BTreeSet::new());
    assert_eq!(story.judge(1, &carol.device, c, 5), Verdict::Admit);
    assert_eq!(story.judge(1, &carol.device, c, 6), Verdict::Refuse(Refused::Removed));
    let (owner, genesis, cut) = (Person::new(1), story.genesis, story.cut(&[(1, 6)]));
    story.says(&owner, genesis, Said::CutExtend { grant: c, cut });
    assert_eq!(story.judge(1, &carol.device, c, 6), Verdict::Admit);
}

#[test]
fn an_extended_cut_changes_nothing_of_what_counted_before() {
    let mut story = Story::begin();
    let ((bob, b), (carol, c)) = (story.joins(3, Role::Admin), story.joins(4, Role::Member));
    let (owner, genesis, cut) = (Person::new(1), story.genesis, story.cut(&[(1, 5)]));
    story.says(&owner, genesis, remove(c, cut));
    // At the same place another change, whose hash sorts behind.
    let other = Cut::new([(ActorId([1; 16]), Mark { seq: 5, hash: ChangeHash([0xff; 32]) })]);
    let hash = other.hash();
    story.says(&bob, b, Said::CutExtend { grant: c, cut: hash });
    assert!(story.set.insert_cut(other));
    assert_eq!(story.judge(1, &carol.device, c, 5), Verdict::Admit);
    assert_eq!(story.set.reach(&chain(1, &carol.device, c)), Reach::Until(mark(5)));
}

#[test]
fn what_a_removed_admin_did_stands_as_far_as_the_removal_has_seen_it() {
    let mut story = Story::begin();
    let ((bob, b), owner, genesis) = (story.joins(3, Role::Admin), Person::new(1), story.genesis);
    let (dave, erin) = (Person::new(5), Person::new(6));
    story.says(&bob, b, grant(dave.user(), Role::Member));
    let before = story.set.heads();
    let removal = story.says(&owner, genesis, remove(b, NOTHING));
    let aside = story.knowing(&before, &bob.device, bob.user(), b, grant(erin.user(), Role::Member));
    let after = story.knowing(&[removal], &bob.device, bob.user(), b, grant(erin.user(), Role::Member));
    // Back-dated: as if he had granted before everyone else.
    let dated = story.knowing(&[], &bob.device, bob.user(), b, grant(erin.user(), Role::Reader));
    assert_eq!((story.role(&dave), story.role(&erin)), (Some(Role::Member), None));
    for record in [aside, after, dated] {
        assert_eq!(story.void(record), Some(Void::Removed));
    }
}

#[test]
fn who_comes_back_has_a_new_grant_and_new_chains() {
    let mut story = Story::begin();
    let ((carol, c), owner, genesis) = (story.joins(4, Role::Member), Person::new(1), story.genesis);
    let cut = story.cut(&[(1, 3)]);
    story.says(&owner, genesis, remove(c, cut));
    let again = story.says(&owner, genesis, grant(carol.user(), Role::Member));
    assert_eq!(story.set.ruling().members()[&carol.user()].grant, again);
    assert_eq!(story.judge(1, &carol.device, c, 4), Verdict::Refuse(Refused::Removed));
    assert_eq!(story.judge(2, &carol.device, again, 1), Verdict::Admit);
}

#[test]
fn who_leaves_is_out_and_their_words_stay() {
    let mut story = Story::begin();
    let (carol, c) = story.joins(4, Role::Member);
    let cut = story.cut(&[(1, 3)]);
    let leave = story.says(&carol, c, Said::Leave { cut });
    let later = story.says(&carol, c, Said::Epoch { commitment: [1; 32] });
    assert_eq!((story.role(&carol), story.void(leave), story.void(later)), (None, None, Some(Void::Removed)));
    assert_eq!(story.judge(1, &carol.device, c, 3), Verdict::Admit);
    assert_eq!(story.judge(1, &carol.device, c, 4), Verdict::Refuse(Refused::Removed));
}

#[test]
fn an_owner_hands_over_and_becomes_a_member() {
    let mut story = Story::begin();
    let ((alice, a), (bob, b)) = (story.joins(2, Role::Admin), story.joins(3, Role::Admin));
    let (owner, genesis) = (Person::new(1), story.genesis);
    let before = story.set.heads();
    let over = story.says(&owner, genesis, Said::HandOver { to: alice.user() });
    assert_eq!((story.role(&owner), story.role(&alice)), (Some(Role::Member), Some(Role::Owner)));
    assert_eq!(story.role(&bob), Some(Role::Admin));
    assert_eq!(story.judge(1, &owner.device, genesis, 1), Verdict::Admit);
    // What the old owner does beside or after it is void, a second hand-over and a back-dated removal as well.
    for (parents, said) in [
        (vec![over], remove(b, NOTHING)),
        (before.clone(), remove(b, NOTHING)),
        (vec![over], Said::HandOver { to: bob.user() }),
        (Vec::new(), Said::Set(Setting::Title("mine".into()))),
    ] {
        let record = story.knowing(&parents, &owner.device, owner.user(), genesis, said);
        assert_eq!(story.void(record), Some(Void::HandedOver));
    }
    // An admin cannot remove who was owner, the new owner can; and nothing that they did is lost.
    let by_bob = story.says(&bob, b, remove(genesis, NOTHING));
    assert_eq!(story.void(by_bob), Some(Void::NotJunior));
    story.says(&alice, over, remove(genesis, NOTHING));
    assert_eq!((story.role(&owner), story.role(&bob)), (None, Some(Role::Admin)));
    assert_eq!(story.set.ruling().grants()[&a].standing, Standing::Live);
}

#[test]
fn of_two_hand_overs_at_once_one_counts() {
    let mut story = Story::begin();
    let ((alice, _), (bob, _)) = (story.joins(2, Role::Admin), story.joins(3, Role::Admin));
    let (owner, genesis, heads) = (Person::new(1), story.genesis, story.set.heads());
    let to = |who: &Person| Said::HandOver { to: who.user() };
    let one = story.knowing(&heads, &owner.device, owner.user(), genesis, to(&alice));
    let two = story.knowing(&heads, &owner.device, owner.user(), genesis, to(&bob));
    let void = [one, two].map(|record| story.void(record));
    assert!(void == [None, Some(Void::HandedOver)] || void == [Some(Void::HandedOver), None], "{void:?}");
    let owners = story.set.ruling().members().values().filter(|member| member.role == Role::Owner).count();
    assert_eq!(owners, 1);
}

#[test]
fn a_demotion_is_a_lower_grant_and_a_removal_of_the_higher() {
    let mut story = Story::begin();
    let ((bob, b), owner, genesis) = (story.joins(3, Role::Admin), Person::new(1), story.genesis);
    story.says(&owner, genesis, grant(bob.user(), Role::Reader));
    story.says(&owner, genesis, remove(b, NOTHING));
    assert_eq!(story.role(&bob), Some(Role::Reader));
    let still = story.says(&bob, b, grant(Person::new(9).user(), Role::Member));
    assert_eq!(story.void(still), Some(Void::Removed));
    let reader = story.set.ruling().members()[&bob.user()].grant;
    assert_eq!(story.judge(1, &bob.device, reader, 1), Verdict::Refuse(Refused::MayOnlyRead));
}

fn invite(story: &mut Story, uses: u32, auto: bool) -> (DeviceKey, RecordHash) {
    let (link, owner, genesis) = (key(99, 9), Person::new(1), story.genesis);
    let (role, expires) = (Role::Member, Timestamp(0));
    let record = story.says(&owner, genesis, Said::Invite { key: link.device(), role, uses, expires, auto });
    (link, record)
}

#[test]
fn an_invite_for_one_lets_one_in_however_many_admit_at_once() {
    let mut story = Story::begin();
    let ((alice, a), (carol, c)) = (story.joins(2, Role::Admin), story.joins(4, Role::Member));
    let (link, offer) = invite(&mut story, 1, true);
    let (dave, erin, conversation) = (Person::new(5), Person::new(6), story.conversation);
    let via = |who: &Person| {
        let via = Some(Via::prove(offer, &link, conversation, who.user()));
        Said::Grant { to: who.user(), role: Role::Member, since: 0, via }
    };
    let heads = story.set.heads();
    // Two admit the same newcomer: one use.
    let first = story.knowing(&heads, &alice.device, alice.user(), a, via(&dave));
    let twice = story.knowing(&heads, &carol.device, carol.user(), c, via(&dave));
    assert_eq!((story.void(first), story.void(twice)), (None, None));
    assert_eq!(story.set.ruling().offers()[&offer].left, 0);
    let other = story.knowing(&heads, &alice.device, alice.user(), a, via(&erin));
    let void = [first, other].map(|record| story.void(record));
    assert!(void == [None, Some(Void::InviteUsedUp)] || void == [Some(Void::InviteUsedUp), None], "{void:?}");
    let inside = [&dave, &erin].iter().filter(|who| story.role(who).is_some()).count();
    assert_eq!(inside, 1);
}

#[test]
fn an_invite_binds_its_holder_its_role_and_its_maker() {
    let mut story = Story::begin();
    let ((alice, a), (carol, c)) = (story.joins(2, Role::Admin), story.joins(4, Role::Member));
    let (link, offer) = invite(&mut story, 5, false);
    let (dave, conversation) = (Person::new(5), story.conversation);
    let said = |key: &DeviceKey, who: &Person, role| Said::Grant {
        to: dave.user(),
        role,
        since: 0,
        via: Some(Via::prove(offer, key, conversation, who.user())),
    };
    let forged = story.says(&alice, a, said(&key(98, 9), &dave, Role::Member));
    let another = story.says(&alice, a, said(&link, &carol, Role::Member));
    let higher = story.says(&alice, a, said(&link, &dave, Role::Reader));
    let by_member = story.says(&carol, c, said(&link, &dave, Role::Member));
    for record in [forged, another, higher] {
        assert_eq!(story.void(record), Some(Void::BadInvite));
    }
    assert_eq!(story.void(by_member), Some(Void::BeyondRole));
    let (owner, genesis, before) = (Person::new(1), story.genesis, story.set.heads());
    let good = story.says(&alice, a, said(&link, &dave, Role::Member));
    story.says(&owner, genesis, Said::InviteRevoke { invite: offer });
    let late = story.knowing(&before, &alice.device, alice.user(), a, said(&link, &dave, Role::Member));
    assert_eq!((story.void(good), story.role(&dave)), (None, Some(Role::Member)));
    assert!(good == late || story.void(late) == Some(Void::InviteRevoked));
    assert!(story.set.ruling().offers()[&offer].withdrawn);
}

#[test]
fn a_link_falls_with_who_made_it() {
    let mut story = Story::begin();
    let ((bob, b), (carol, c)) = (story.joins(3, Role::Admin), story.joins(4, Role::Member));
    let (link, owner, genesis) = (key(99, 9), Person::new(1), story.genesis);
    let said = Said::Invite { key: link.device(), role: Role::Member, uses: 9, expires: Timestamp(0), auto: true };
    let offer = story.says(&bob, b, said);
    let (dave, erin, conversation) = (Person::new(5), Person::new(6), story.conversation);
    let via = |who: &Person| {
        let via = Some(Via::prove(offer, &link, conversation, who.user()));
        Said::Grant { to: who.user(), role: Role::Member, since: 0, via }
    };
    story.says(&carol, c, via(&dave));
    story.says(&owner, genesis, remove(b, NOTHING));
    let late = story.says(&carol, c, via(&erin));
    assert_eq!((story.role(&dave), story.role(&erin)), (Some(Role::Member), None));
    assert_eq!(story.void(late), Some(Void::InviteRevoked));
}

#[test]
fn a_stolen_device_is_retired_and_its_past_stays_as_far_as_the_cut_lists_it() {
    let mut story = Story::begin();
    let ((bob, b), dave, laptop) = (story.joins(3, Role::Admin), Person::new(5), key(3, 2));
    story.enrol(&bob, &laptop, true);
    let honest = story.says(&bob, b, grant(dave.user(), Role::Member));
    let before = story.set.heads();
    let revoke = UserSaid::DeviceRevoke { device: bob.device.device() };
    let parents = story.set.user_heads(&bob.user());
    story.set.insert_user(UserRecord::by_device(revoke, bob.user(), parents, AT, &laptop));
    assert!(!story.set.ruling().is_device_of(&bob.device.device(), &bob.user()));
    // What it said still counts, what it wrote waits: nobody knows yet what was the thief's.
    assert_eq!(story.void(honest), None);
    assert_eq!(story.judge(1, &bob.device, b, 1), Verdict::Park(Wait::DeviceCut));
    let cut = story.cut(&[(1, 4)]);
    let said = Said::DeviceCut { user: bob.user(), device: bob.device.device(), cut };
    story.knowing(&before, &laptop, bob.user(), b, said);
    let stolen = story.knowing(&before, &bob.device, bob.user(), b, grant(Person::new(9).user(), Role::Member));
    assert_eq!((story.void(honest), story.void(stolen)), (None, Some(Void::DeviceRetired)));
    assert_eq!(story.judge(1, &bob.device, b, 4), Verdict::Admit);
    assert_eq!(story.judge(1, &bob.device, b, 5), Verdict::Refuse(Refused::Retired));
    assert_eq!(story.judge(2, &laptop, b, 5), Verdict::Admit);
    // Who removes the user does not let the thief in again.
    let (owner, genesis, far) = (Person::new(1), story.genesis, story.cut(&[(1, 9), (2, 9)]));
    story.says(&owner, genesis, remove(b, far));
    assert_eq!(story.set.reach(&chain(1, &bob.device, b)), Reach::Until(mark(4)));
    assert_eq!(story.set.reach(&chain(2, &laptop, b)), Reach::Until(mark(9)));
}

#[test]
fn a_retired_device_cannot_cut_itself_free() {
    let mut story = Story::begin();
    let ((bob, b), laptop) = (story.joins(3, Role::Admin), key(3, 2));
    story.enrol(&bob, &laptop, true);
    let before = story.set.heads();
    let revoke = UserSaid::DeviceRevoke { device: bob.device.device() };
    let parents = story.set.user_heads(&bob.user());
    story.set.insert_user(UserRecord::by_root(revoke, parents, AT, &bob.root));
    let cut = |device: &DeviceKey, cut| Said::DeviceCut { user: bob.user(), device: device.device(), cut };
    let (near, far) = (story.cut(&[(1, 1)]), story.cut(&[(1, 9)]));
    story.knowing(&before, &laptop, bob.user(), b, cut(&bob.device, near));
    let own = story.says(&bob, b, cut(&bob.device, far));
    let others = story.says(&bob, b, cut(&laptop, far));
    assert_eq!((story.void(own), story.void(others)), (Some(Void::NotJunior), Some(Void::DeviceRetired)));
    assert_eq!(story.set.reach(&chain(1, &bob.device, b)), Reach::Until(mark(1)));
}

#[test]
fn records_wait_for_their_certificates() {
    let mut story = Story::begin();
    let (owner, genesis, bob) = (Person::new(1), story.genesis, Person::new(3));
    let b = story.says(&owner, genesis, grant(bob.user(), Role::Admin));
    let early = story.says(&bob, b, Said::Set(Setting::Topic("frogs".into())));
    assert_eq!(story.void(early), Some(Void::DeviceUnknown));
    assert_eq!(story.set.missing(), BTreeSet::from([Missing::UserLog(bob.user())]));
    assert_eq!(story.judge(1, &bob.device, b, 1), Verdict::Park(Wait::Certificate));
    assert_eq!(story.judge(1, &bob.device, early, 1), Verdict::Park(Wait::Grant));
    story.certify(&bob);
    assert_eq!((story.void(early), story.set.missing().len()), (None, 0));
    assert_eq!(story.set.ruling().settings().topic, "frogs");
}

#[test]
fn a_new_group_key_serves_once_its_maker_knew_of_all_removals() {
    let mut story = Story::begin();
    let ((alice, a), (carol, c)) = (story.joins(2, Role::Admin), story.joins(4, Role::Member));
    let old = story.says(&carol, c, Said::Epoch { commitment: [1; 32] });
    assert_eq!(story.set.ruling().current_epoch(), Some(old));
    let heads = story.set.heads();
    let removal = story.says(&alice, a, Said::Remove { grant: c, cut: NOTHING, rekey: None });
    let aside = story.knowing(&heads, &alice.device, alice.user(), a, Said::Epoch { commitment: [2; 32] });
    assert_eq!(story.set.ruling().current_epoch(), None);
    assert!(!story.set.ruling().epochs()[&aside].excludes_removed);
    let next = story.knowing(&[removal], &alice.device, alice.user(), a, Said::Epoch { commitment: [3; 32] });
    assert_eq!(story.set.ruling().current_epoch(), Some(next));
    let (dave, d) = story.joins(5, Role::Member);
    let rekey = story.says(&alice, a, Said::Remove { grant: d, cut: NOTHING, rekey: Some([4; 32]) });
    assert_eq!((story.role(&dave), story.set.ruling().current_epoch()), (None, Some(rekey)));
}

#[test]
fn who_moves_to_a_new_root_keeps_their_place() {
    let mut story = Story::begin();
    let ((bob, b), new) = (story.joins(3, Role::Admin), Person::new(30));
    let consent = UserRecord::consent(bob.user(), &new.root);
    let parents = story.set.user_heads(&bob.user());
    let moves = UserRecord::by_root(UserSaid::RootMove { to: new.user(), consent }, parents, AT, &bob.root);
    assert_eq!(UserRecord::open(moves.bytes()).as_ref(), Ok(&moves));
    let unwilling = UserSaid::RootMove { to: new.user(), consent: Signature::NONE };
    let forged = UserRecord::by_root(unwilling, Vec::new(), AT, &bob.root);
    assert_eq!(UserRecord::open(forged.bytes()), Err(ControlError::Signature));
    story.set.insert_user(moves);
    story.certify(&new);
    let title = story.says(&new, b, Said::Set(Setting::Title("new".into())));
    assert_eq!((story.void(title), story.role(&new), story.role(&bob)), (None, Some(Role::Admin), None));
}

#[test]
fn a_record_is_bound_to_its_author_its_conversation_and_its_bytes() {
    let mut story = Story::begin();
    let (_, a) = story.joins(2, Role::Admin);
    let record = story.set.record(&a).unwrap().clone();
    let other = ConversationId([9; 32]);
    assert_eq!(Record::open(record.bytes(), other), Err(ControlError::Signature));
    let genesis = story.set.record(&story.genesis).unwrap();
    assert_eq!(Record::open(genesis.bytes(), other), Err(ControlError::Foreign));
    for at in 0..record.bytes().len() {
        let mut flipped = record.bytes().to_vec();
        flipped[at] ^= 1;
        assert!(Record::open(&flipped, story.conversation).is_err(), "byte {at}");
    }
    assert_eq!(Cut::open(&[255; 9]), Err(ControlError::Malformed));
    let message = MessageName { segment: 0, at: Hlc::default(), actor: ActorId([0; 16]), number: 0 };
    let kinds = postcard::to_stdvec(&Said::Erase { message });
    assert_eq!(kinds.unwrap()[0] + 1, super::said::KINDS);
}
