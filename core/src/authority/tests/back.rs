//! Who was removed, and a link that is still open.

use super::*;

/// A link for many, older than the removal of bob, who had come in by it. Carol is a member, alice an admin.
struct Door {
    story: Story,
    link: DeviceKey,
    offer: RecordHash,
    bob: Person,
    old: RecordHash,
    alice: (Person, RecordHash),
    carol: (Person, RecordHash),
    /// What was known before the removal.
    before: Vec<RecordHash>,
}

impl Door {
    fn new() -> Self {
        let mut story = Story::begin();
        let (alice, carol) = (story.joins(2, Role::Admin), story.joins(4, Role::Member));
        let (link, offer) = invite(&mut story, 9, true);
        let bob = Person::new(3);
        story.certify(&bob);
        let via = Some(Via::prove(offer, &link, story.conversation, bob.user()));
        let old = story.says(&carol.0, carol.1, Said::Grant { to: bob.user(), role: Role::Member, since: 0, via });
        let before = story.set.heads();
        Door { story, link, offer, bob, old, alice, carol, before }
    }

    fn said(&self, offer: RecordHash) -> Said {
        let via = Some(Via::prove(offer, &self.link, self.story.conversation, self.bob.user()));
        Said::Grant { to: self.bob.user(), role: Role::Member, since: 0, via }
    }

    fn is_removed(&mut self) -> RecordHash {
        let cut = self.story.cut(&[(1, 4)]);
        self.story.says(&Person::new(1), self.story.genesis, remove(self.old, cut))
    }
}

#[test]
fn an_older_link_does_not_bring_a_removed_member_back() {
    let mut door = Door::new();
    door.is_removed();
    let (said, before) = (door.said(door.offer), door.before.clone());
    let Door { mut story, offer, bob, old, alice, carol, .. } = door;
    let late = story.says(&carol.0, carol.1, said.clone());
    // An admin who has not heard of it says nothing either.
    let ignorant = story.knowing(&before, &alice.0.device, alice.0.user(), alice.1, said);
    assert_eq!([late, ignorant].map(|record| story.void(record)), [Some(Void::ShutOut); 2]);
    assert_eq!(story.role(&bob), None);
    assert!(story.set.shuts_out(&bob.user(), &offer) && !story.set.shuts_out(&carol.0.user(), &offer));
    // What was said before stands.
    assert_eq!(story.void(old), None);
    assert_eq!(story.judge(1, &bob.device, old, 4), Verdict::Admit);
    assert_eq!(story.set.ruling().offers()[&offer].left, 8);
}

#[test]
fn an_admin_who_knows_or_a_newer_link_does() {
    let mut door = Door::new();
    door.is_removed();
    let (said, owner) = (door.said(door.offer), Person::new(1));
    let (alice, carol) = (Person::new(2), Person::new(4));
    let (a, c) = (door.alice.1, door.carol.1);
    let by_admin = door.story.says(&alice, a, said);
    assert_eq!((door.story.void(by_admin), door.story.role(&door.bob)), (None, Some(Role::Member)));
    // And again, this time with a link that was made after it.
    let genesis = door.story.genesis;
    door.story.says(&owner, genesis, remove(by_admin, NOTHING));
    let (_, newer) = invite(&mut door.story, 9, true);
    let again = door.said(newer);
    let by_member = door.story.says(&carol, c, again);
    assert_eq!((door.story.void(by_member), door.story.role(&door.bob)), (None, Some(Role::Member)));
}

#[test]
fn who_left_comes_back_by_the_same_link() {
    let mut door = Door::new();
    let (bob, old, carol, c) = (Person::new(3), door.old, Person::new(4), door.carol.1);
    door.story.says(&bob, old, Said::Leave { cut: NOTHING });
    let said = door.said(door.offer);
    let back = door.story.says(&carol, c, said);
    assert_eq!((door.story.void(back), door.story.role(&bob)), (None, Some(Role::Member)));
}

#[test]
fn who_was_let_in_twice_at_once_is_removed_once() {
    let mut door = Door::new();
    let (said, before) = (door.said(door.offer), door.before.clone());
    let Door { ref mut story, ref alice, .. } = door;
    let seen = story.says(&alice.0, alice.1, said.clone());
    // The removal knew of this one and left it: it stands.
    door.is_removed();
    assert_eq!((door.story.void(seen), door.story.role(&door.bob)), (None, Some(Role::Member)));
    let (carol, c) = (Person::new(4), door.carol.1);
    let unseen = door.story.knowing(&before, &carol.device, carol.user(), c, said);
    assert_eq!(door.story.void(unseen), Some(Void::ShutOut));
}

#[test]
fn nobody_is_shut_out_from_below() {
    let mut story = Story::begin();
    let ((alice, a), (bob, b), owner) = (story.joins(2, Role::Admin), story.joins(3, Role::Member), Person::new(1));
    let link = key(99, 9);
    let (role, genesis) = (Role::Admin, story.genesis);
    let said = Said::Invite { key: link.device(), role, uses: 9, expires: Timestamp(0), auto: false };
    let offer = story.says(&owner, genesis, said);
    let before = story.set.heads();
    story.says(&alice, a, remove(b, NOTHING));
    let via = Some(Via::prove(offer, &link, story.conversation, bob.user()));
    let up = story.knowing(
        &before,
        &owner.device,
        owner.user(),
        genesis,
        Said::Grant { to: bob.user(), role, since: 0, via },
    );
    // Of two admins of the same depth the senior is who comes first in the order: only the senior shuts the other out.
    let grants = story.set.ruling().grants();
    let is_senior = grants[&a].rank < grants[&up].rank;
    assert_eq!(story.void(up), is_senior.then_some(Void::ShutOut));
}
