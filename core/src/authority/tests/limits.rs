//! Stories of too much: members beyond the last seat, and devices that talk without end.

use super::*;

/// Signs for a user with any key, knowing nothing but the grant.
fn blurt(story: &Story, key: &DeviceKey, user: UserId, auth: RecordHash, number: u32) -> Record {
    let mut commitment = [0; 32];
    commitment[..4].copy_from_slice(&number.to_be_bytes());
    let from =
        Standpoint { conversation: Some(story.conversation), user, auth: Some(auth), parents: Vec::new(), at: AT };
    Record::sign(Said::Epoch { commitment }, from, key)
}

#[test]
fn who_comes_to_a_full_conversation_waits_until_someone_is_removed() {
    let (mut story, owner) = (Story::begin(), Person::new(1));
    let (genesis, mut parents) = (story.genesis, vec![story.genesis]);
    let mut invite = |story: &mut Story, number: usize| {
        let mut user = [7; 32];
        user[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let said = grant(UserId(user), Role::Member);
        let hash = story.knowing(&parents, &owner.device, owner.user(), genesis, said);
        parents = vec![hash];
        hash
    };
    // The owner has a seat, too.
    let grants: Vec<RecordHash> = (1..MAX_MEMBERS + 2).map(|number| invite(&mut story, number)).collect();
    let [first, .., last, one_more, two_more] = grants[..] else { panic!("there are many") };
    assert_eq!(story.set.ruling().members().len(), MAX_MEMBERS);
    assert_eq!(story.void(last), None);
    assert_eq!((story.void(one_more), story.void(two_more)), (Some(Void::Full), Some(Void::Full)));
    // Whoever is in already takes no further seat.
    let promoted = UserId(story.set.ruling().grants()[&first].user.0);
    let promotion = story.says(&owner, genesis, grant(promoted, Role::Admin));
    assert_eq!((story.void(promotion), story.void(one_more)), (None, Some(Void::Full)));
    story.says(&owner, genesis, remove(last, NOTHING));
    assert_eq!(story.set.ruling().members().len(), MAX_MEMBERS);
    assert_eq!((story.void(one_more), story.void(two_more)), (None, Some(Void::Full)), "the next in rank moves up");
    // In whatever order it is heard.
    let mut again = Authority::new(story.conversation);
    let records: Vec<Record> = story.set.records().cloned().collect();
    records.into_iter().rev().for_each(|record| assert!(again.insert(record)));
    story.set.user_records(&owner.user()).cloned().for_each(|record| assert!(again.insert_user(record)));
    assert_eq!(again.ruling(), story.set.ruling());
}

#[test]
fn of_one_device_only_so_many_records_count() {
    let mut story = Story::begin();
    let (bob, b) = story.joins(2, Role::Member);
    let (carol, c) = story.joins(3, Role::Member);
    let count = MAX_RECORDS as u32;
    let mut said: Vec<Record> = (0..count + 3).map(|n| blurt(&story, &bob.device, bob.user(), b, n)).collect();
    let of_carol = story.says(&carol, c, Said::Epoch { commitment: [1; 32] });
    let mut other = story.set.clone();
    said.sort_by_key(Record::hash);
    said.iter().for_each(|record| {
        story.set.insert(record.clone());
    });
    said.iter().rev().for_each(|record| {
        other.insert(record.clone());
    });
    assert_eq!(story.set.ruling(), other.ruling(), "whichever came first");
    assert_eq!(story.set.digest(), other.digest());
    assert!(other.has_forgotten() && !other.has_forgotten());
    for (place, record) in said.iter().enumerate() {
        let is_here = story.set.record(&record.hash()).is_some();
        assert_eq!(is_here, place < MAX_RECORDS, "the smallest hashes of one generation count");
        assert_eq!(story.void(record.hash()), None);
    }
    // What is beyond is held if somebody has built on it, and counts for nothing.
    let beyond = said[MAX_RECORDS + 1].clone();
    for set in [&mut story.set, &mut other] {
        let parents = vec![beyond.hash()];
        let (conversation, user) = (Some(story.conversation), carol.user());
        let from = Standpoint { conversation, user, auth: Some(c), parents, at: AT };
        let child = Record::sign(Said::Epoch { commitment: [2; 32] }, from, &carol.device);
        set.insert(child.clone());
        set.insert(beyond.clone());
        assert_eq!(set.ruling().void().get(&beyond.hash()), Some(&Void::TooMany));
        assert!(set.ruling().epochs().contains_key(&child.hash()));
    }
    assert_eq!(story.set.ruling(), other.ruling());
    assert_eq!(story.void(of_carol), None, "nobody else is made silent by it");
}

#[test]
fn nobody_can_use_up_what_another_may_say() {
    let (mut story, owner, mallory) = (Story::begin(), Person::new(1), Person::new(9));
    let genesis = story.genesis;
    // Older than all that the owner will say, in the owner's name, with a device of his own.
    for number in 0..=MAX_RECORDS as u32 {
        let forged = blurt(&story, &mallory.device, owner.user(), genesis, number);
        story.set.insert(forged);
    }
    let (bob, b) = story.joins(2, Role::Member);
    assert_eq!(story.void(b), None);
    assert_eq!(story.role(&bob), Some(Role::Member));
}

#[test]
fn of_devices_that_nobody_certified_only_so_many_records_are_held() {
    let mut story = Story::begin();
    let (bob, b) = story.joins(2, Role::Member);
    let mut strangers: Vec<Record> = (0..MAX_STRANGE as u32 + 50)
        .map(|number| {
            let mut seed = [0x5a; 32];
            seed[..4].copy_from_slice(&number.to_be_bytes());
            blurt(&story, &DeviceKey::from_seed(&seed), bob.user(), b, number)
        })
        .collect();
    strangers.sort_by_key(Record::hash);
    let mut other = story.set.clone();
    for (set, backwards) in [(&mut story.set, false), (&mut other, true)] {
        // As they come over a link: some at a time, each time judged.
        let order: Vec<&Record> = if backwards { strangers.iter().rev().collect() } else { strangers.iter().collect() };
        for some in order.chunks(1_000) {
            some.iter().for_each(|record| _ = set.insert((*record).clone()));
            set.shed_strange();
        }
        let held = strangers.iter().filter(|record| set.record(&record.hash()).is_some());
        assert!(held.eq(&strangers[..MAX_STRANGE]), "the smallest hashes of one generation");
        assert!(!set.insert(strangers[MAX_STRANGE].clone()), "nor later");
    }
    assert_eq!(story.set.digest(), other.digest(), "whichever came first");
    // What honest devices say is not pushed out, nor what they have seen.
    let said = story.says(&bob, b, Said::Epoch { commitment: [1; 32] });
    story.set.shed_strange();
    assert_eq!(story.void(said), None);
    // A device is certified late: what it said is held now, and there is room for another's.
    let late = strangers.last().unwrap().clone();
    let device = late.device();
    let parents = story.set.user_heads(&bob.user());
    let cert = UserSaid::DeviceCert { device, may_enrol: false, prekey: None };
    story.set.insert_user(UserRecord::by_root(cert, parents, AT, &bob.root));
    story.set.shed_strange();
    assert!(story.set.insert(late.clone()), "it may come again");
    assert_eq!(story.void(late.hash()), None);
}
