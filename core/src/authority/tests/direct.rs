//! Conversations of two.

use super::*;

/// Two people's conversation, each with a device.
fn begin() -> (Authority, [Person; 2], [Record; 2]) {
    let people = [Person::new(1), Person::new(2)];
    let records = Record::direct(people[0].user(), people[1].user());
    let mut set = Authority::new(records[0].conversation());
    for person in &people {
        let cert = UserSaid::DeviceCert { device: person.device.device(), may_enrol: true, prekey: None };
        assert!(set.insert_user(UserRecord::by_root(cert, vec![], AT, &person.root)));
    }
    for record in records.iter().rev() {
        set.insert(record.clone());
    }
    (set, people, records)
}

/// Says something as one of the two.
fn say(set: &mut Authority, person: &Person, said: Said) -> Result<(), Void> {
    let auth = set.ruling().members().get(&person.user()).map(|member| member.grant);
    let (conversation, parents) = (set.conversation(), set.heads());
    let from = Standpoint { conversation: Some(conversation), user: person.user(), auth, parents, at: AT };
    let record = Record::sign(said, from, &person.device);
    assert!(set.insert(record.clone()));
    set.ruling().void().get(&record.hash()).map_or(Ok(()), |void| Err(*void))
}

#[test]
fn both_begin_the_same_and_are_equal() {
    let (mut set, people, records) = begin();
    assert_eq!(Record::direct(people[1].user(), people[0].user()), records);
    let ruling = set.ruling();
    assert!(ruling.is_direct() && ruling.void().is_empty());
    for person in &people {
        assert_eq!(ruling.role(&person.user()), Some(Role::Member));
        assert!(ruling.is_device_of(&person.device.device(), &person.user()));
    }
    for (person, seconds) in people.iter().zip([60, 3_600]) {
        assert_eq!(say(&mut set, person, Said::Set(Setting::Disappear(seconds))), Ok(()));
        assert_eq!(set.ruling().settings().disappear, seconds);
        assert_eq!(say(&mut set, person, Said::Epoch { commitment: [1; 32] }), Ok(()));
    }
}

#[test]
fn nobody_is_let_in_or_put_out() {
    let (mut set, [alice, bob], [genesis, place]) = begin();
    let (carol, cut) = (Person::new(3), Cut::default().hash());
    let grants = [genesis.hash(), place.hash()];
    let grant = |to, role| Said::Grant { to, role, since: 0, via: None };
    let title = Setting::Title("us".into());
    for said in [
        grant(carol.user(), Role::Reader),
        grant(bob.user(), Role::Admin),
        Said::HandOver { to: carol.user() },
        Said::Invite { key: carol.device.device(), role: Role::Reader, uses: 1, expires: AT, auto: true },
        Said::Remove { grant: grants[0], cut, rekey: None },
        Said::Remove { grant: grants[1], cut, rekey: None },
        Said::Leave { cut },
        Said::Set(title),
    ] {
        for person in [&alice, &bob] {
            assert_eq!(say(&mut set, person, said.clone()), Err(Void::OfTwo), "{said:?}");
        }
    }
    assert_eq!(set.ruling().members().len(), 2);
}

#[test]
fn there_is_one_form_and_no_third() {
    let (_, [alice, bob], records) = begin();
    let conversation = records[0].conversation();
    for record in &records {
        assert_eq!(Record::open(record.bytes(), conversation).as_ref(), Ok(record));
        assert_eq!(Record::open(record.bytes(), ConversationId([1; 32])), Err(ControlError::Foreign));
        for at in 0..record.bytes().len() {
            let mut changed = record.bytes().to_vec();
            changed[at] ^= 1;
            assert!(Record::open(&changed, conversation).is_err(), "byte {at}");
        }
    }
    // Signed, dated, by another, or with oneself: it is none.
    let carol = Person::new(3);
    for (user, with) in [(alice.user(), bob.user()), (carol.user(), bob.user()), (bob.user(), bob.user())] {
        let auth = Some(records[0].hash());
        for (conversation, auth, parents) in [(None, None, vec![]), (Some(conversation), auth, vec![records[0].hash()])]
        {
            let from = Standpoint { conversation, user, auth, parents, at: AT };
            let record = Record::sign(Said::Direct { with }, from, &carol.device);
            assert_eq!(Record::open(record.bytes(), record.conversation()), Err(ControlError::Malformed));
        }
    }
    let [genesis, _] = Record::direct(bob.user(), bob.user());
    assert_eq!(Record::open(genesis.bytes(), genesis.conversation()), Err(ControlError::Malformed));
}
