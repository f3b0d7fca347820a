//! How a user's first device comes to be: from the recovery phrase to a profile and the records that make it the user's.

use crate::authority::{Prekey, UserRecord, UserSaid};
use crate::crypto::{DeviceKey, Entropy, Secret};
use crate::identity::{Phrase, Prekeys, Profile};
use crate::time::Timestamp;

/// A device as it starts: what its home keeps of it.
#[derive(Debug, Clone)]
pub struct Newborn {
    /// Who it is.
    pub profile: Profile,
    /// The records of its user's log that it was born with, each as bytes.
    pub log: Vec<Vec<u8>>,
}

impl Newborn {
    /// Makes a device that the root key itself certifies: the first one of a user, or one that the phrase brings back.
    /// The root key is dropped here; nothing keeps it.
    pub fn of_phrase(phrase: &Phrase, name: &str, now: Timestamp, rng: &mut Entropy) -> Self {
        let root = phrase.root();
        let seed = Secret::new(rng.bytes());
        let key = DeviceKey::from_seed(seed.expose());
        let prekeys = Prekeys::new(now, rng);
        let prekey = prekeys.newest().map(|(n, address)| Prekey { n, key: address.0.to_vec() });
        let cert = UserSaid::DeviceCert { device: key.device(), may_enrol: true, prekey };
        let cert = UserRecord::by_root(cert, vec![], now, root.signing_key());
        let said = UserSaid::Profile { name: name.to_owned(), avatar: None, status: String::new() };
        let shown = UserRecord::by_device(said, root.user(), vec![cert.hash()], now, &key);
        let log = [cert, shown].iter().map(|record| record.bytes().to_vec()).collect();
        let transport = Secret::new(rng.bytes());
        Newborn { profile: Profile::new(root.user(), name.to_owned(), seed, transport, true, prekeys), log }
    }
}
