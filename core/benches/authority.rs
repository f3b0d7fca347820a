//! What it costs to judge who may do what: one record more in a conversation of 1,000 members and 5,000 records.
//!
//! One JSON line a figure. `cargo bench -p bayou-core --bench authority`

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use bayou_core::authority::{Authority, Cut, Record, Role, Said, Setting, Standpoint, UserRecord, UserSaid};
use bayou_core::crypto::DeviceKey;
use bayou_core::id::{RecordHash, UserId};
use bayou_core::time::Timestamp;

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

/// Returns the median, in ms, of adding a record and asking what follows.
fn one_more(room: &Room, said: impl Fn(usize) -> (usize, Said)) -> f64 {
    let mut room = Room { set: room.set.clone(), users: Vec::new(), grants: room.grants.clone() };
    room.users = (0..MEMBERS).map(|number| user(None, number)).collect();
    let mut times: Vec<f64> = (0..21)
        .map(|turn| {
            let (who, said) = said(turn);
            let record = room.says(who, said);
            let begin = Instant::now();
            room.set.insert(record);
            std::hint::black_box(room.set.ruling().members().len());
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Tells what it costs to take in all that is kept, as at start.
fn loading(room: &Room) {
    let conversation = room.set.conversation();
    let control: Vec<Vec<u8>> = room.set.records().map(|record| record.bytes().to_vec()).collect();
    let users = room.users.iter().flat_map(|user| room.set.user_records(&user.id));
    let users: Vec<Vec<u8>> = users.map(|record| record.bytes().to_vec()).collect();
    let begin = Instant::now();
    let control: Vec<Record> =
        control.iter().map(|bytes| Record::open(bytes, conversation).expect("was written here")).collect();
    let users: Vec<UserRecord> = users.iter().map(|bytes| UserRecord::open(bytes).expect("was written here")).collect();
    tell("check 5,000 records and 1,000 logs", begin.elapsed().as_secs_f64() * 1e3, "ms");
    let begin = Instant::now();
    let mut set = Authority::new(conversation);
    users.into_iter().for_each(|record| assert!(set.insert_user(record)));
    control.into_iter().for_each(|record| assert!(set.insert(record)));
    assert_eq!(set.ruling().members().len(), MEMBERS);
    tell("load 5,000 records and 1,000 logs", begin.elapsed().as_secs_f64() * 1e3, "ms");
    assert_eq!(set.digest(), room.set.digest());
}

fn main() {
    let begin = Instant::now();
    let room = room();
    tell("build, asking after each", begin.elapsed().as_secs_f64() * 1e3 / RECORDS as f64, "ms/record");
    loading(&room);
    let cut = Cut::default().hash();
    tell("one epoch more", one_more(&room, |_| (500, Said::Epoch { commitment: [1; 32] })), "ms");
    tell("one title more", one_more(&room, |_| (0, Said::Set(Setting::Title("t".into())))), "ms");
    let grants = room.grants.clone();
    let leaver = |turn: usize| (0, Said::Remove { grant: grants[900 + turn], cut, rekey: Some([2; 32]) });
    tell("one removal more", one_more(&room, leaver), "ms");
    let newcomer =
        |turn: usize| (1, Said::Grant { to: UserId([turn as u8; 32]), role: Role::Member, since: 0, via: None });
    tell("one grant more", one_more(&room, newcomer), "ms");
    hostile(&room);
}

/// An admin removes someone who said 4,000 things 4,000 times, having seen ever more of it.
fn hostile(room: &Room) {
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
    tell("one more after 4,000 removals of 4,000 records", begin.elapsed().as_secs_f64() * 1e3, "ms");
}

fn tell(name: &str, value: f64, unit: &str) {
    println!(r#"{{"name":"authority/{name}","value":{value:.3},"unit":"{unit}"}}"#);
}
