//! `authority`: what it costs to judge who may do what: one record more in a conversation of 1,000 members and 5,000
//! records. It is to stay below 5 ms. In this process.
//!
//! Floor: the check of a record's signature.

use std::io;
use std::time::{Duration, Instant};

use bayou_core::authority::{Authority, Cut, Record, Role, Said, Setting, Standpoint, UserRecord, UserSaid};
use bayou_core::crypto::DeviceKey;
use bayou_core::id::{RecordHash, UserId};
use bayou_core::time::Timestamp;

use crate::{Options, report};

const MEMBERS: usize = 1000;
const RECORDS: usize = 5000;
const ADMINS: usize = 20;

struct User {
    device: DeviceKey,
    id: UserId,
}

struct Room {
    set: Authority,
    users: Vec<User>,
    grants: Vec<RecordHash>,
}

impl Room {
    fn says(&mut self, who: usize, said: Said) -> Record {
        let (conversation, parents) = (self.set.conversation(), self.set.heads());
        let (user, auth) = (self.users[who].id, Some(self.grants[who]));
        let from = Standpoint { conversation: Some(conversation), user, auth, parents, at: Timestamp(0) };
        Record::sign(said, from, &self.users[who].device)
    }

    fn add(&mut self, who: usize, said: Said) -> RecordHash {
        let record = self.says(who, said);
        let hash = record.hash();
        self.set.insert(record);
        hash
    }
}

fn user(set: Option<&mut Authority>, number: usize) -> User {
    let mut seed = [1; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let root = DeviceKey::from_seed(&seed);
    seed[31] = 2;
    let device = DeviceKey::from_seed(&seed);
    if let Some(set) = set {
        let said = UserSaid::DeviceCert { device: device.device(), may_enrol: true, prekey: None };
        set.insert_user(UserRecord::by_root(said, Vec::new(), Timestamp(0), &root));
    }
    User { device, id: UserId(root.device().0) }
}

/// Twenty admins let in everyone else; then people renew keys and change settings.
fn room() -> Room {
    let owner = user(None, 0);
    let from = Standpoint { conversation: None, user: owner.id, auth: None, parents: Vec::new(), at: Timestamp(0) };
    let genesis = Record::sign(Said::Genesis { title: String::new(), salt: [0; 16] }, from, &owner.device);
    let mut set = Authority::new(genesis.conversation());
    let (hash, users) = (genesis.hash(), vec![user(Some(&mut set), 0)]);
    set.insert(genesis);
    let mut room = Room { set, users, grants: vec![hash] };
    for number in 1..MEMBERS {
        let next = user(Some(&mut room.set), number);
        let (by, role) = if number <= ADMINS { (0, Role::Admin) } else { (1 + number % ADMINS, Role::Member) };
        let grant = room.add(by, Said::Grant { to: next.id, role, since: 0, via: None });
        room.users.push(next);
        room.grants.push(grant);
    }
    for turn in MEMBERS..RECORDS {
        let title = Said::Set(Setting::Title(turn.to_string()));
        match turn % 4 {
            0 => room.add(1 + turn % ADMINS, title),
            _ => room.add(1 + turn % (MEMBERS - 1), Said::Epoch { commitment: [0; 32] }),
        };
    }
    room
}

/// Returns the median of adding a record and asking what follows, in ms.
fn one_more(room: &Room, said: impl Fn(usize) -> (usize, Said)) -> f64 {
    let mut room = Room { set: room.set.clone(), users: Vec::new(), grants: room.grants.clone() };
    room.users = (0..MEMBERS).map(|number| user(None, number)).collect();
    let mut times: Vec<Duration> = (0..21)
        .map(|turn| {
            let (who, said) = said(turn);
            let record = room.says(who, said);
            let begin = Instant::now();
            room.set.insert(record);
            std::hint::black_box(room.set.ruling().members().len());
            begin.elapsed()
        })
        .collect();
    report::percentile(&mut times, 0.5)
}

/// Returns what the check of one record costs, in ms.
fn check(room: &Room) -> f64 {
    let conversation = room.set.conversation();
    let check = |record: &Record| {
        let begin = Instant::now();
        std::hint::black_box(Record::open(record.bytes(), conversation)).expect("was written here");
        begin.elapsed()
    };
    report::percentile(&mut room.set.records().take(500).map(check).collect::<Vec<_>>(), 0.5)
}

/// Returns what it costs to take in all that is kept, as at start, in ms.
fn load(room: &Room) -> f64 {
    let control: Vec<Record> = room.set.records().cloned().collect();
    let users: Vec<UserRecord> = room.users.iter().flat_map(|user| room.set.user_records(&user.id)).cloned().collect();
    let begin = Instant::now();
    let mut set = Authority::new(room.set.conversation());
    users.into_iter().for_each(|record| assert!(set.insert_user(record)));
    control.into_iter().for_each(|record| assert!(set.insert(record)));
    assert_eq!(set.ruling().members().len(), MEMBERS);
    let took = begin.elapsed();
    assert_eq!(set.digest(), room.set.digest());
    report::ms(took)
}

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let room = room();
    let floor = check(&room);
    let tell = |name: &str, value: f64| report::print(&format!("authority.{name}"), (value, "ms"), (floor, "ms"));
    let (cut, grants) = (Cut::default().hash(), room.grants.clone());
    tell("epoch", one_more(&room, |_| (500, Said::Epoch { commitment: [1; 32] })));
    tell("title", one_more(&room, |_| (0, Said::Set(Setting::Title("t".into())))));
    let leaver = |turn: usize| (0, Said::Remove { grant: grants[900 + turn], cut, rekey: Some([2; 32]) });
    tell("removal", one_more(&room, leaver));
    let newcomer =
        |turn: usize| (1, Said::Grant { to: UserId([turn as u8; 32]), role: Role::Member, since: 0, via: None });
    tell("grant", one_more(&room, newcomer));
    tell("all", load(&room));
    tell("hostile", hostile(&room));
    Ok(())
}

/// Returns what the ruling costs, in ms, after an admin removed someone who said 4,000 things 4,000 times, having seen ever
/// more of it.
fn hostile(room: &Room) -> f64 {
    let (admin, member, cut) = (1, MEMBERS - 1, Cut::default().hash());
    let mut set = room.set.clone();
    let from = |who: usize, parents| Standpoint {
        conversation: Some(room.set.conversation()),
        user: room.users[who].id,
        auth: Some(room.grants[who]),
        parents,
        at: Timestamp(0),
    };
    let mut last = room.grants[member];
    for number in 0..4000_u64 {
        let mut commitment = [3; 32];
        commitment[..8].copy_from_slice(&number.to_be_bytes());
        let said = Record::sign(Said::Epoch { commitment }, from(member, vec![last]), &room.users[member].device);
        last = said.hash();
        let remove = Said::Remove { grant: room.grants[member], cut, rekey: None };
        let removed = Record::sign(remove, from(admin, vec![last]), &room.users[admin].device);
        set.insert(said);
        set.insert(removed);
    }
    let begin = Instant::now();
    assert_eq!(set.ruling().members().len(), MEMBERS - 1);
    report::ms(begin.elapsed())
}
