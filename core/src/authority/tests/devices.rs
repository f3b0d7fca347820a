//! Stories of one user's devices.

use super::super::devices::DeviceStatus::{self, Revoked, Surplus, Suspended, Valid};
use super::super::user_log::UserLog;
use super::super::*;
use crate::crypto::DeviceKey;
use crate::id::{RecordHash, UserId};
use crate::time::Timestamp;

const AT: Timestamp = Timestamp(1);

/// A log, and who writes into it: devices by number, the root as 0.
#[derive(Default)]
struct Log(UserLog);

fn key(number: u8) -> DeviceKey {
    DeviceKey::from_seed(&[number; 32])
}

fn user() -> UserId {
    UserId(key(0).device().0)
}

fn cert(device: u8, may_enrol: bool) -> UserSaid {
    UserSaid::DeviceCert { device: key(device).device(), may_enrol, prekey: None }
}

fn revoke(device: u8) -> UserSaid {
    UserSaid::DeviceRevoke { device: key(device).device() }
}

fn set(n: u32, devices: &[u8]) -> UserSaid {
    let mut devices: Vec<_> = devices.iter().map(|device| (key(*device).device(), true)).collect();
    devices.sort_unstable();
    UserSaid::DeviceSet { n, devices }
}

impl Log {
    /// A log in which the root certified these devices.
    fn with(devices: &[u8]) -> Self {
        let mut log = Log::default();
        for device in devices {
            log.says(0, cert(*device, true));
        }
        log
    }

    fn says(&mut self, by: u8, said: UserSaid) -> RecordHash {
        let heads = self.0.heads();
        self.knowing(&heads, by, said)
    }

    fn knowing(&mut self, parents: &[RecordHash], by: u8, said: UserSaid) -> RecordHash {
        let record = match by {
            0 => UserRecord::by_root(said, parents.to_vec(), AT, &key(0)),
            _ => UserRecord::by_device(said, user(), parents.to_vec(), AT, &key(by)),
        };
        assert_eq!(UserRecord::open(record.bytes()).as_ref(), Ok(&record));
        let hash = record.hash();
        self.0.insert(record);
        hash
    }

    fn status(&self, devices: &[u8]) -> Vec<Option<DeviceStatus>> {
        let judged = self.0.devices();
        devices.iter().map(|device| judged.status(&key(*device).device())).collect()
    }
}

#[test]
fn certificates_reach_three_steps_from_the_root() {
    let mut log = Log::with(&[1]);
    for device in 2..=4 {
        log.says(device - 1, cert(device, true));
    }
    log.says(1, cert(5, false));
    log.says(5, cert(6, true));
    log.says(7, cert(8, true));
    assert_eq!(
        log.status(&[1, 2, 3, 4, 5, 6, 8]),
        [Some(Valid), Some(Valid), Some(Valid), None, Some(Valid), None, None]
    );
}

#[test]
fn a_device_revokes_itself_and_those_below_and_never_above() {
    let mut log = Log::with(&[1]);
    log.says(1, cert(2, true));
    log.says(1, cert(3, true));
    log.says(2, revoke(1));
    assert_eq!(log.status(&[1, 2]), [Some(Valid), Some(Valid)]);
    log.says(1, revoke(2));
    log.says(3, revoke(3));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Valid), Some(Revoked), Some(Revoked)]);
}

#[test]
fn what_a_revoked_device_enrolled_stays_if_the_revocation_has_seen_it() {
    let mut log = Log::with(&[1, 2]);
    log.says(1, cert(3, true));
    let before = log.0.heads();
    log.says(2, revoke(1));
    log.knowing(&before, 1, cert(4, true));
    log.says(1, cert(5, true));
    log.says(1, revoke(3));
    assert_eq!(log.status(&[1, 2, 3, 4, 5]), [Some(Revoked), Some(Valid), Some(Valid), None, None]);
}

#[test]
fn equals_that_revoke_each_other_are_suspended_until_the_root_decides() {
    let mut log = Log::with(&[1, 2, 3]);
    let heads = log.0.heads();
    log.knowing(&heads, 1, revoke(2));
    log.knowing(&heads, 2, revoke(1));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Suspended), Some(Suspended), Some(Valid)]);
    // Nor may either of them do more meanwhile.
    log.says(1, revoke(3));
    log.says(2, cert(4, true));
    assert_eq!(log.status(&[1, 2, 3, 4]), [Some(Suspended), Some(Suspended), Some(Valid), None]);
    log.says(0, set(1, &[1, 3]));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Valid), Some(Revoked), Some(Valid)]);
    // Nobody whom a thief certifies, before or after, ever counts as a device of the user.
    log.says(1, cert(5, true));
    log.knowing(&heads, 2, cert(6, true));
    log.knowing(&[], 9, cert(8, true));
    assert_eq!(log.status(&[4, 5, 6, 8]), [None, Some(Valid), None, None]);
}

#[test]
fn a_row_of_revocations_counts_from_its_beginning() {
    // 1 revokes 2, which had revoked 3 beside it: 3 stays. Had 1 seen it, 3 would be out.
    let mut log = Log::with(&[1, 2, 3]);
    let heads = log.0.heads();
    log.knowing(&heads, 1, revoke(2));
    log.knowing(&heads, 2, revoke(3));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Valid), Some(Revoked), Some(Valid)]);
    let mut log = Log::with(&[1, 2, 3]);
    log.says(2, revoke(3));
    log.says(1, revoke(2));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Valid), Some(Revoked), Some(Revoked)]);
}

#[test]
fn the_highest_set_counts_and_of_two_equal_ones_what_both_list() {
    let mut log = Log::with(&[1, 2, 3]);
    let heads = log.0.heads();
    log.knowing(&heads, 0, set(1, &[1, 2]));
    log.knowing(&heads, 0, set(1, &[2, 3]));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Revoked), Some(Valid), Some(Revoked)]);
    log.says(0, set(2, &[1, 2]));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Valid), Some(Valid), Some(Revoked)]);
    log.knowing(&heads, 0, revoke(1));
    assert_eq!(log.status(&[1, 2, 3]), [Some(Revoked), Some(Valid), Some(Revoked)]);
}

#[test]
fn a_user_has_eight_devices_those_nearest_to_the_root() {
    let mut log = Log::with(&[1]);
    for device in 2..=9 {
        log.says(1, cert(device, true));
    }
    assert_eq!(log.status(&[1, 8, 9]), [Some(Valid), Some(Valid), Some(Surplus)]);
    log.says(0, cert(10, true));
    assert_eq!(log.status(&[10, 7, 8]), [Some(Valid), Some(Valid), Some(Surplus)]);
}

#[test]
fn a_profile_and_a_prekey_are_the_newest_of_a_valid_device() {
    let mut log = Log::default();
    let profile = |name: &str| UserSaid::Profile { name: name.into(), avatar: None, status: String::new() };
    let by_device =
        |at, name: &str, by| UserRecord::by_device(profile(name), user(), Vec::new(), Timestamp(at), &key(by));
    // Comes before the certificate, and waits for it.
    log.0.insert(by_device(5, "bob", 1));
    log.0.insert(by_device(9, "thief", 2));
    assert_eq!(log.0.devices().name(), None);
    log.says(0, cert(1, true));
    log.says(0, cert(2, true));
    assert_eq!(log.0.devices().name(), Some("thief"));
    log.says(1, revoke(2));
    assert_eq!(log.0.devices().name(), Some("bob"));
    assert!(!log.0.insert(by_device(4, "bobby", 1)));
    for n in [3, 2] {
        log.says(1, UserSaid::Prekey(Prekey { n, key: vec![n as u8] }));
    }
    assert_eq!(log.0.devices().valid().next().unwrap().1.unwrap().n, 3);
}

#[test]
fn a_log_beyond_its_limit_is_the_same_in_any_order() {
    let mut records = Vec::new();
    let (mut parents, mut log) = (Vec::new(), Log::default());
    for number in 0..300u16 {
        let seed = number.to_be_bytes().repeat(16);
        let device = DeviceKey::from_seed(&seed.try_into().unwrap()).device();
        let said = UserSaid::DeviceCert { device, may_enrol: false, prekey: None };
        let record = UserRecord::by_root(said, parents.clone(), AT, &key(0));
        if number % 3 == 0 {
            parents = vec![record.hash()];
        }
        records.push(record);
    }
    for record in &records {
        log.0.insert(record.clone());
    }
    let mut other = Log::default();
    // Neighbours swapped: many come before their parents.
    for record in records.chunks(10).flat_map(|few| few.iter().rev()) {
        other.0.insert(record.clone());
    }
    assert_eq!(log.0.records().len(), MAX_LOG);
    assert_eq!(log.0.records(), other.0.records());
    assert_eq!(log.0.devices(), other.0.devices());
}
