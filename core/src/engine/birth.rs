//! How a device comes to be: from the recovery phrase, or let in by another device of the user, to a profile and the
//! records that make it the user's.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::authority::{Authority, Prekey, UserRecord, UserSaid};
use crate::crypto::{DeviceKey, Entropy, Secret};
use crate::id::{ConversationId, UserId};
use crate::identity::{Phrase, Prekeys, Profile};
use crate::time::Timestamp;

/// A device as it starts: what its home keeps of it.
#[derive(Debug, Clone)]
pub struct Newborn {
    /// Who it is.
    pub profile: Profile,
    /// The records of its user's log that it was born with, each as bytes.
    pub log: Vec<Vec<u8>>,
    /// Whether its user is back after all devices were lost, so that others must tell it where the user was.
    pub is_back: bool,
}

/// What a device hands over to another that it lets in; the payload of a linking.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Handover {
    name: String,
    devices: [u8; 32],
    #[zeroize(skip)]
    log: Vec<serde_bytes::ByteBuf>,
}

/// What was handed over makes no device of this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what the other device handed over does not make this one yours: update Bayou on both and begin again")]
pub struct BadHandover;

impl Newborn {
    /// Makes a device that the root key itself certifies: the first one of a user, or one that the phrase brings back.
    /// The root key is dropped here; nothing keeps it.
    pub fn of_phrase(phrase: &Phrase, name: &str, is_back: bool, now: Timestamp, rng: &mut Entropy) -> Self {
        let root = phrase.root();
        let seed = Secret::new(rng.bytes());
        let key = DeviceKey::from_seed(seed.expose());
        let prekeys = Prekeys::new(now, rng);
        let cert = UserSaid::DeviceCert { device: key.device(), may_enrol: true, prekey: prekey(&prekeys) };
        let cert = UserRecord::by_root(cert, vec![], now, root.signing_key());
        let said = UserSaid::Profile { name: name.to_owned(), avatar: None, status: String::new() };
        let shown = UserRecord::by_device(said, root.user(), vec![cert.hash()], now, &key);
        let log = [cert, shown].iter().map(|record| record.bytes().to_vec()).collect();
        let seeds = (seed, Secret::new(rng.bytes()));
        let profile = Profile::new(root.user(), name.to_owned(), seeds, phrase.devices_secret(), prekeys);
        Newborn { profile, log, is_back }
    }

    /// Makes a device that another of the user's let in.
    ///
    /// # Errors
    /// [`BadHandover`] when what was handed over is no such thing, or does not certify this device.
    pub fn of_handover(
        (user, handed): (UserId, &[u8]),
        (device, transport): (Secret, Secret),
        now: Timestamp,
        rng: &mut Entropy,
    ) -> Result<Self, BadHandover> {
        let handed: Handover = postcard::from_bytes(handed).map_err(|_| BadHandover)?;
        let key = DeviceKey::from_seed(device.expose());
        let mut own = Authority::new(ConversationId([0; 32]));
        let mut log: Vec<Vec<u8>> = Vec::with_capacity(handed.log.len() + 1);
        for bytes in &handed.log {
            let record = UserRecord::open(bytes).map_err(|_| BadHandover)?;
            if record.user() != user {
                return Err(BadHandover);
            }
            own.insert_user(record);
            log.push(bytes.to_vec());
        }
        if !own.ruling().is_device_of(&key.device(), &user) {
            return Err(BadHandover);
        }
        let prekeys = Prekeys::new(now, rng);
        if let Some(prekey) = prekey(&prekeys) {
            let said = UserSaid::Prekey(prekey);
            log.push(UserRecord::by_device(said, user, own.user_heads(&user), now, &key).bytes().to_vec());
        }
        let devices = Secret::new(handed.devices);
        let profile = Profile::new(user, handed.name.clone(), (device, transport), devices, prekeys);
        Ok(Newborn { profile, log, is_back: false })
    }
}

impl Handover {
    /// Hands over what makes another device the user's: its certificate is in the log.
    pub(super) fn new(profile: &Profile, log: impl Iterator<Item = Vec<u8>>) -> Self {
        let devices = *profile.devices_secret().expose();
        Handover { name: profile.name.clone(), devices, log: log.map(serde_bytes::ByteBuf::from).collect() }
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(postcard::to_stdvec(self).expect("a handover always encodes"))
    }
}

fn prekey(prekeys: &Prekeys) -> Option<Prekey> {
    prekeys.newest().map(|(n, address)| Prekey { n, key: address.0.to_vec() })
}
