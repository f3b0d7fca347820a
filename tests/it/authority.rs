//! Hostile sets of control records, in any order: the same ruling byte by byte, and nobody gets what is not theirs.
//!
//! Each seed is a set: a few users with two devices each say what they may and what they may not, knowing all, little or
//! nothing of what was said before. Each set arrives in several orders, in part twice, parents often late.
//!
//! `BAYOU_SEEDS=n` tries the first n seeds, `BAYOU_SEED=n` that one alone.

use std::collections::{BTreeMap, BTreeSet};

use bayou_core::authority::{
    Authority, ChainOf, Cut, History, Mark, MessageName, Record, Role, Ruling, Said, Setting, Standing, Standpoint,
    UserRecord, UserSaid, Verdict, Via, Void,
};
use bayou_core::crypto::DeviceKey;
use bayou_core::id::{ActorId, Address, ChangeHash, ConversationId, RecordHash, UserId};
use bayou_core::time::{Hlc, Timestamp};
use bayou_tests::dice::Dice;

const SEEDS: u64 = 1000;
const USERS: u64 = 6;
const STEPS: usize = 40;
const ORDERS: u64 = 3;

/// One thing that arrives.
#[derive(Clone)]
enum Thing {
    Control(Record),
    User(UserRecord),
    Cut(Cut),
}

/// A user: the root and two devices.
struct User {
    root: DeviceKey,
    devices: [DeviceKey; 2],
}

impl User {
    fn all() -> Vec<User> {
        let key = |user: u64, number: u8| {
            let mut seed = [number; 32];
            seed[..8].copy_from_slice(&user.to_be_bytes());
            DeviceKey::from_seed(&seed)
        };
        (0..USERS).map(|user| User { root: key(user, 0), devices: [key(user, 1), key(user, 2)] }).collect()
    }

    fn id(&self) -> UserId {
        UserId(self.root.device().0)
    }
}

/// A set as it is made, with what each control record has seen.
struct Set<'a> {
    users: &'a [User],
    dice: Dice,
    conversation: ConversationId,
    genesis: RecordHash,
    things: Vec<Thing>,
    /// Every control record with its kind and what it names.
    said: Vec<(RecordHash, UserId, Said)>,
    sees: BTreeMap<RecordHash, Vec<RecordHash>>,
    logs: BTreeMap<UserId, Vec<RecordHash>>,
    cuts: Vec<Cut>,
    link: DeviceKey,
}

impl<'a> Set<'a> {
    fn new(seed: u64, users: &'a [User]) -> Self {
        let mut dice = Dice::new(seed, 1);
        let from =
            Standpoint { conversation: None, user: users[0].id(), auth: None, parents: Vec::new(), at: Timestamp(0) };
        let said = Said::Genesis { title: "bayou".into(), salt: dice.bytes() };
        let genesis = Record::sign(said.clone(), from, &users[0].devices[0]);
        let (conversation, hash) = (genesis.conversation(), genesis.hash());
        let mut set = Set {
            users,
            dice,
            conversation,
            genesis: hash,
            things: vec![Thing::Control(genesis)],
            said: vec![(hash, users[0].id(), said)],
            sees: BTreeMap::from([(hash, Vec::new())]),
            logs: BTreeMap::new(),
            cuts: Vec::new(),
            link: DeviceKey::from_seed(&[77; 32]),
        };
        for user in users {
            set.user_says(
                user,
                None,
                UserSaid::DeviceCert { device: user.devices[0].device(), may_enrol: true, prekey: None },
            );
        }
        for _ in 0..STEPS {
            if set.dice.one_in(8) { set.user_step() } else { set.step() }
        }
        set
    }

    fn any<T: Clone>(&mut self, from: &[T]) -> T {
        self.dice.pick(from).expect("something to pick from").clone()
    }

    fn user_says(&mut self, user: &User, by: Option<&DeviceKey>, said: UserSaid) {
        let known = self.logs.entry(user.id()).or_default();
        let parents: Vec<RecordHash> = match self.dice.below(4) {
            0 => Vec::new(),
            1 => self.dice.pick(known).copied().into_iter().collect(),
            _ => known.last().copied().into_iter().collect(),
        };
        let at = Timestamp(self.dice.below(9));
        let record = match by {
            None => UserRecord::by_root(said, parents, at, &user.root),
            Some(key) => UserRecord::by_device(said, user.id(), parents, at, key),
        };
        if !matches!(record.said(), UserSaid::Profile { .. }) {
            known.push(record.hash());
        }
        self.things.push(Thing::User(record));
    }

    fn user_step(&mut self) {
        let users = self.users;
        let (user, other) = (&users[self.dice.below(USERS) as usize], &users[self.dice.below(USERS) as usize]);
        let by = match self.dice.below(4) {
            0 => None,
            1 => Some(&user.devices[1]),
            2 => Some(&user.devices[0]),
            _ => Some(&other.devices[0]),
        };
        let device = if self.dice.one_in(4) {
            other.devices[1].device()
        } else {
            user.devices[self.dice.below(2) as usize].device()
        };
        let said = match self.dice.below(12) {
            0..=5 => UserSaid::DeviceCert { device, may_enrol: self.dice.one_in(2), prekey: None },
            6..=7 => UserSaid::DeviceRevoke { device },
            8 => UserSaid::Profile { name: format!("{}", self.dice.below(9)), avatar: None, status: String::new() },
            9 if by.is_none() => {
                UserSaid::RootMove { to: other.id(), consent: UserRecord::consent(user.id(), &other.root) }
            }
            10 if by.is_none() => UserSaid::DeviceSet { n: self.dice.below(3) as u32, devices: vec![(device, true)] },
            _ => UserSaid::DeviceCert { device, may_enrol: true, prekey: None },
        };
        self.user_says(user, by, said);
    }

    /// Picks a grant, or anything at all, and who holds it.
    fn right(&mut self) -> (RecordHash, UserId) {
        let grants: Vec<(RecordHash, UserId)> = self
            .said
            .iter()
            .filter_map(|(hash, author, said)| match said {
                Said::Genesis { .. } => Some((*hash, *author)),
                Said::Grant { to, .. } | Said::HandOver { to } => Some((*hash, *to)),
                _ => None,
            })
            .collect();
        let recent = grants.len().saturating_sub(6);
        match self.dice.below(12) {
            0 => {
                let (hash, author, _) = self.any(&self.said.clone());
                (hash, author)
            }
            1..=4 => grants[0],
            5..=8 => self.any(&grants[recent..]),
            _ => self.any(&grants),
        }
    }

    fn target(&mut self, want: fn(&Said) -> bool) -> RecordHash {
        let all: Vec<RecordHash> = self.said.iter().filter(|(.., said)| want(said)).map(|(hash, ..)| *hash).collect();
        if all.is_empty() || self.dice.one_in(12) { self.any(&self.said.clone()).0 } else { self.any(&all) }
    }

    fn cut(&mut self) -> Cut {
        let marks: Vec<_> =
            (0..3).map(|_| (ActorId([self.dice.below(4) as u8; 16]), mark(1 + self.dice.below(9) as u32))).collect();
        let cut = Cut::new(marks);
        // Some are never seen by anyone.
        if !self.dice.one_in(6) {
            self.things.push(Thing::Cut(cut.clone()));
            self.cuts.push(cut.clone());
        }
        cut
    }

    fn says_what(&mut self) -> Said {
        let is_grant = |said: &Said| matches!(said, Said::Grant { .. } | Said::HandOver { .. });
        let to = self.users[self.dice.below(USERS) as usize].id();
        let role = [Role::Reader, Role::Member, Role::Member, Role::Admin, Role::Admin, Role::Owner]
            [self.dice.below(6) as usize];
        match self.dice.below(24) {
            0..=7 => Said::Grant { to, role, since: 0, via: None },
            8..=12 => Said::Remove {
                grant: self.target(is_grant),
                cut: self.cut().hash(),
                rekey: self.dice.one_in(2).then_some([3; 32]),
            },
            13 => Said::Leave { cut: self.cut().hash() },
            14 if self.dice.one_in(4) => Said::HandOver { to },
            15 => {
                let (uses, auto) = (1 + self.dice.below(2) as u32, self.dice.one_in(2));
                Said::Invite { key: self.link.device(), role: role.min(Role::Admin), uses, expires: Timestamp(0), auto }
            }
            16..=17 => {
                let invite = self.target(|said| matches!(said, Said::Invite { .. }));
                let role = self.said.iter().find(|(hash, ..)| *hash == invite).map_or(role, |(.., said)| match said {
                    Said::Invite { role, .. } => *role,
                    _ => role,
                });
                Said::Grant { to, role, since: 0, via: Some(Via::prove(invite, &self.link, self.conversation, to)) }
            }
            18 => Said::InviteRevoke { invite: self.target(|said| matches!(said, Said::Invite { .. })) },
            19 => Said::Epoch { commitment: self.dice.bytes() },
            20 => {
                let at = Hlc { ms: self.dice.below(3), counter: 0 };
                let message = MessageName { segment: 0, at, actor: ActorId([0; 16]), number: 0 };
                match self.dice.one_in(3) {
                    true => Said::Erase { message },
                    false => Said::Hide { message, hidden: self.dice.one_in(2) },
                }
            }
            21 => Said::Set(match self.dice.below(3) {
                0 => Setting::History(History::SinceJoin),
                1 => Setting::Disappear(self.dice.below(9) as u32),
                _ => Setting::Mailboxes(vec![Address(format!("/memory/{}", self.dice.below(3)))]),
            }),
            22 => Said::CutExtend { grant: self.target(is_grant), cut: self.cut().hash() },
            _ => {
                let of = &self.users[self.dice.below(USERS) as usize];
                let device = of.devices[self.dice.below(2) as usize].device();
                Said::DeviceCut { user: of.id(), device, cut: self.cut().hash() }
            }
        }
    }

    fn step(&mut self) {
        let (auth, holder) = self.right();
        let users = self.users;
        let user = match users.iter().find(|user| user.id() == holder) {
            Some(user) if !self.dice.one_in(8) => user,
            _ => &users[self.dice.below(USERS) as usize],
        };
        let device = usize::from(self.dice.one_in(8));
        let said = self.says_what();
        let known: Vec<RecordHash> = self.said.iter().map(|(hash, ..)| *hash).collect();
        let parents = match self.dice.below(4) {
            0 => Vec::new(),
            1 => (0..2).map(|_| self.any(&known)).collect(),
            _ => known.iter().rev().take(4).copied().collect(),
        };
        let mut sees: Vec<RecordHash> = parents.clone();
        sees.push(auth);
        sees.extend(match &said {
            Said::Remove { grant, .. } | Said::CutExtend { grant, .. } => Some(*grant),
            Said::Grant { via: Some(via), .. } => Some(via.invite),
            Said::InviteRevoke { invite } => Some(*invite),
            _ => None,
        });
        let (conversation, at) = (Some(self.conversation), Timestamp(self.dice.below(9)));
        let from = Standpoint { conversation, user: user.id(), auth: Some(auth), parents, at };
        let record = Record::sign(said.clone(), from, &user.devices[device]);
        self.sees.insert(record.hash(), sees);
        self.said.push((record.hash(), user.id(), said));
        self.things.push(Thing::Control(record));
    }

    /// Lets everything arrive in some order, in part twice, and asks in between: the answer must be that of a set that
    /// came in one go.
    fn arrive(&self, seed: u64, order: u64) -> Authority {
        let mut dice = Dice::new(seed, 100 + order);
        let mut things: Vec<&Thing> = self.things.iter().collect();
        let again: Vec<&Thing> = self.things.iter().filter(|_| dice.one_in(4)).collect();
        things.extend(again);
        if order > 0 {
            for at in (1..things.len()).rev() {
                things.swap(at, dice.below(at as u64 + 1) as usize);
            }
        }
        let mut set = Authority::new(self.conversation);
        for (at, thing) in things.iter().enumerate() {
            take(&mut set, thing);
            if dice.one_in(10) {
                set.ruling();
            }
            if dice.one_in(40) {
                let mut scratch = Authority::new(self.conversation);
                things[..=at].iter().rev().for_each(|thing| take(&mut scratch, thing));
                assert_eq!(answers(&mut set), answers(&mut scratch), "after {at} things, in order {order}");
            }
        }
        set
    }

    fn has_seen(&self, by: RecordHash, record: RecordHash) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![by]);
        while let Some(hash) = next.pop() {
            next.extend(self.sees[&hash].iter().filter(|hash| seen.insert(**hash)));
        }
        seen.contains(&record)
    }

    fn author(&self, hash: RecordHash) -> Option<RecordHash> {
        self.things.iter().find_map(|thing| match thing {
            Thing::Control(record) if record.hash() == hash => record.auth(),
            _ => None,
        })
    }

    /// Holds a ruling against what must always be so, by means of its own.
    fn check(&self, set: &mut Authority) -> Tally {
        let ruling = set.ruling().clone();
        let mut tally = Tally { members: ruling.members().len(), ..Tally::default() };
        for void in ruling.void().values() {
            *tally.void.entry(*void).or_default() += 1;
        }
        let owners = ruling.grants().values().filter(|g| g.role == Role::Owner && g.standing == Standing::Live);
        assert_eq!(owners.count(), 1, "one owner");
        assert!(ruling.owner().is_some(), "the owner is never lost");
        for member in ruling.members().values() {
            for grant in &member.grants {
                assert_eq!(ruling.grants()[grant].standing, Standing::Live);
                assert!(!ruling.void().contains_key(grant), "nobody void is in");
                let above = self.author(*grant).map(|above| &ruling.grants()[&above].standing);
                assert!(!matches!(above, Some(Standing::Void(_))), "power comes from above");
            }
        }
        for (target, grant) in ruling.grants() {
            if let Standing::Removed(by) = &grant.standing {
                tally.removed += 1;
                by.iter().for_each(|by| self.check_removal(&ruling, *target, *by));
                self.check_cuts(set, *target, &grant.all_cuts().collect::<BTreeSet<_>>());
            }
        }
        tally
    }

    fn check_removal(&self, ruling: &Ruling, target: RecordHash, by: RecordHash) {
        let above = self.author(by).expect("a removal cites a grant");
        let (remover, removed) = (&ruling.grants()[&above], &ruling.grants()[&target]);
        if above != target {
            assert!(remover.role >= Role::Admin || remover.role == Role::Member, "only admins remove");
            let was_owner = target == self.genesis
                || self.said.iter().any(|(hash, _, said)| *hash == target && matches!(said, Said::HandOver { .. }));
            assert!(remover.role >= removed.role || was_owner || remover.role == Role::Member, "no removal upward");
            if let Standing::Removed(back) = &remover.standing {
                assert!(back.iter().all(|back| self.author(*back) != Some(target)), "no mutual removal");
            }
        }
        // Whatever was said under the removed grant and not seen by the removal is void; owners are ended by hand-over.
        let owner = matches!(
            self.said.iter().find(|(hash, ..)| *hash == target),
            Some((.., Said::Genesis { .. } | Said::HandOver { .. }))
        );
        for (hash, _, said) in &self.said {
            let outside = matches!(said, Said::Leave { .. } | Said::DeviceCut { .. });
            if self.author(*hash) == Some(target) && !outside && !owner && !self.has_seen(by, *hash) {
                assert!(ruling.void().contains_key(hash), "what a removal has not seen is void");
            }
        }
    }

    fn check_cuts(&self, set: &mut Authority, grant: RecordHash, named: &BTreeSet<bayou_core::id::CutHash>) {
        let cuts: Vec<&Cut> = self.cuts.iter().filter(|cut| named.contains(&cut.hash())).collect();
        for (actor, device) in (0..5).zip(self.users.iter().flat_map(|user| &user.devices).cycle()) {
            let chain = ChainOf { actor: ActorId([actor; 16]), device: device.device(), grant };
            let farthest = cuts.iter().filter_map(|cut| cut.of(&chain.actor)).map(|mark| mark.seq).max().unwrap_or(0);
            for seq in 1..12 {
                if set.judge(&chain, mark(seq)) == Verdict::Admit {
                    assert!(seq <= farthest, "the cut beats what was dated back");
                }
            }
        }
    }
}

fn take(set: &mut Authority, thing: &Thing) {
    let _new = match thing.clone() {
        Thing::Control(record) => set.insert(record),
        Thing::User(record) => set.insert_user(record),
        Thing::Cut(cut) => set.insert_cut(cut),
    };
}

fn mark(seq: u32) -> Mark {
    Mark { seq, hash: ChangeHash([seq as u8; 32]) }
}

/// How much of interest a set had.
#[derive(Debug, Default)]
struct Tally {
    members: usize,
    removed: usize,
    void: BTreeMap<Void, usize>,
    /// Of all answers: what a change of the evaluator that is to change nothing leaves as it is.
    digest: [u8; 32],
}

/// What the dice must reach, or the test would be blind.
const REASONS: [Void; 13] = [
    Void::NoGrant,
    Void::BeyondRole,
    Void::NotJunior,
    Void::NotTheirs,
    Void::GrantVoid,
    Void::Removed,
    Void::HandedOver,
    Void::OwnerStays,
    Void::DeviceUnknown,
    Void::DeviceRetired,
    Void::BadInvite,
    Void::InviteRevoked,
    Void::InviteUsedUp,
];

/// Everything that a set says of itself.
fn answers(set: &mut Authority) -> Vec<u8> {
    let ruling = postcard::to_stdvec(set.ruling()).expect("a ruling always encodes");
    let rest = format!("{:?} {:?} {:?}", set.digest(), set.heads(), set.missing());
    [ruling, rest.into_bytes()].concat()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn hostile_records_in_any_order_give_the_same_ruling() {
    let (users, mut total) = (User::all(), Tally::default());
    let seeds = match number("BAYOU_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BAYOU_SEEDS").unwrap_or(SEEDS),
    };
    let alone = seeds.end - seeds.start == 1;
    for seed in seeds {
        let result = std::panic::catch_unwind(|| {
            let set = Set::new(seed, &users);
            let mut first = set.arrive(seed, 0);
            let (said, mut tally) = (answers(&mut first), set.check(&mut first));
            tally.digest = bayou_core::crypto::hash("answers", &[&said]);
            for order in 1..=ORDERS {
                assert_eq!(answers(&mut set.arrive(seed, order)), said, "order {order}");
            }
            tally
        });
        let Ok(tally) = result else { panic!("seed {seed}: repeat it with BAYOU_SEED={seed}") };
        total.members += tally.members;
        total.digest = bayou_core::crypto::hash("answers", &[&total.digest, &tally.digest]);
        tally.void.into_iter().for_each(|(void, n)| *total.void.entry(void).or_default() += n);
        total.removed += tally.removed;
    }
    println!("{total:?}");
    for reason in REASONS {
        assert!(alone || total.void.contains_key(&reason), "never reached: {reason:?}");
    }
    assert!(alone || total.removed > 0, "nobody was removed");
}
