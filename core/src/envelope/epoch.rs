//! One epoch: a secret that the members' devices share, what follows from it, and how it reaches a device.
//!
//! ```text
//! secret 32, drawn ─┬─ commitment = BLAKE3("bayou/1/epoch commitment", secret)      stands in the control record
//!                   ├─ message key, commit key, topic key      HKDF(secret, purpose, conversation ‖ epoch)
//!                   └─ write seed ── day ── write key (Ed25519) ── topic = BLAKE3("bayou/1/topic", public key)[..16]
//!
//! epoch box  0         1       33       65        69                        150
//!            +---------+-------+--------+---------+---------------------------+
//!            | version | epoch | device | prekey  | HPKE box of the secret    |
//!            |    1    |  32   |   32   | u32, BE | 81                        |
//!            +---------+-------+--------+---------+---------------------------+
//! ```
//!
//! A box proves nothing about who sealed it. What opens is believed only when it matches the commitment, which the
//! maker signed: so anyone who holds the secret may box it again for a member who could not open theirs.

use crate::crypto::{self, BoxAddress, BoxKey, DeviceKey, Entropy, NONCE, Secret, Signature};
use crate::id::{ConversationId, DeviceId, RecordHash, Topic};
use crate::time::Timestamp;

use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
const BOX_PURPOSE: &str = "bayou/1/epoch box";

/// Bytes of an encoded [`EpochBox`].
pub const EPOCH_BOX: usize = 1 + 32 + 32 + 4 + SECRET_BOX;

/// Bytes of a secret in its HPKE box.
const SECRET_BOX: usize = crypto::BOX_OVERHEAD + 32;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What a control record says of an epoch's secret: its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Commitment(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl Commitment {
    /// Returns the commitment to a secret.
    pub fn to(secret: &Secret) -> Self {
        Commitment(crypto::hash("bayou/1/epoch commitment", &[secret.expose()]))
    }
}

/// Returns the number of a moment's day: days since 1970, UTC.
pub fn day(at: Timestamp) -> u64 {
    at.0 / DAY_MS
}

/// An epoch whose secret is held here, with the keys that follow from it. All of it is wiped when dropped.
#[derive(Clone)]
pub struct Epoch {
    secret: Secret,
    message: Secret,
    commit: Secret,
    topic: Secret,
    write_seed: Secret,
}

impl Epoch {
    /// Derives the keys. They belong to one epoch of one conversation, even if a maker uses a secret twice.
    pub fn new(secret: Secret, conversation: ConversationId, epoch: RecordHash) -> Self {
        let derive = |purpose| secret.derive(purpose, &[&conversation.0, &epoch.0]);
        Epoch {
            message: derive("bayou/1/epoch message"),
            commit: derive("bayou/1/epoch commit"),
            topic: derive("bayou/1/epoch topic"),
            write_seed: derive("bayou/1/epoch write"),
            secret,
        }
    }

    /// Returns the secret itself, to be boxed or kept.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the key with which members write to and read from mailboxes on a day.
    pub fn write_key(&self, day: u64) -> WriteKey {
        let seed = self.write_seed.derive("mbx", &[&day.to_be_bytes()]);
        WriteKey(DeviceKey::from_seed(seed.expose()))
    }

    pub(super) fn message_key(&self) -> &Secret {
        &self.message
    }

    /// Returns what an envelope with this nonce must carry.
    pub(super) fn commit(&self, nonce: &[u8; NONCE]) -> [u8; 16] {
        first(crypto::keyed_hash(self.commit.expose(), &[nonce]))
    }

    /// Returns by what a holder finds the epoch. A mailbox sees it change with the topic.
    pub(super) fn hint(&self, topic: Topic) -> [u8; 8] {
        first(crypto::keyed_hash(self.topic.expose(), &[&topic.0]))
    }
}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Epoch(redacted)")
    }
}

/// The key of one epoch and day, which all members share: a mailbox can tell members from strangers, and not from each
/// other.
#[derive(Debug, Clone)]
pub struct WriteKey(DeviceKey);

impl WriteKey {
    /// Returns the public key: a mailbox checks with it.
    pub fn public(&self) -> [u8; 32] {
        self.0.device().0
    }

    /// Returns the topic that the key opens.
    pub fn topic(&self) -> Topic {
        Topic(first(crypto::hash("bayou/1/topic", &[&self.public()])))
    }

    /// Signs a request to a mailbox.
    pub fn sign(&self, context: &'static str, parts: &[&[u8]]) -> Signature {
        self.0.sign(context, parts)
    }
}

impl PartialEq for WriteKey {
    fn eq(&self, other: &Self) -> bool {
        self.public() == other.public()
    }
}

impl Eq for WriteKey {}

/// A device to which an epoch is boxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The device.
    pub device: DeviceId,
    /// Which of its prekeys.
    pub prekey: u32,
    /// That prekey.
    pub address: BoxAddress,
}

/// An epoch's secret on its way to one device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochBox {
    /// The epoch.
    pub epoch: RecordHash,
    /// Whose box it is.
    pub device: DeviceId,
    /// For which of the device's prekeys.
    pub prekey: u32,
    sealed: [u8; SECRET_BOX],
}

/// Why a box is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBox {
    /// The bytes do not have the form of a box.
    #[error("not an epoch box of version {VERSION}")]
    Malformed,
    /// The recipient's prekey is none to which one can seal.
    #[error("the device's prekey is not usable: it has to publish another one")]
    Prekey,
    /// It does not open: sealed for another key, epoch or conversation, or changed.
    #[error("the epoch box does not open: ask another member for the epoch")]
    Seal,
    /// It opens, and what is inside is not the secret that the maker committed to.
    #[error("the epoch box holds another secret than the record commits to: ask another member for the epoch")]
    Commitment,
}

impl EpochBox {
    /// Boxes a secret for a device.
    ///
    /// # Errors
    /// [`BadBox::Prekey`] when the device's prekey is not usable.
    pub fn seal(
        secret: &Secret,
        conversation: ConversationId,
        epoch: RecordHash,
        to: &Recipient,
        rng: &mut Entropy,
    ) -> Result<Self, BadBox> {
        let place = place(conversation, epoch, to.device, to.prekey);
        let sealed = crypto::seal_to(&to.address, BOX_PURPOSE, &place, secret.expose(), rng);
        let sealed = sealed.ok().and_then(|sealed| sealed.try_into().ok()).ok_or(BadBox::Prekey)?;
        Ok(EpochBox { epoch, device: to.device, prekey: to.prekey, sealed })
    }

    /// Opens the box with the prekey that it names.
    ///
    /// # Errors
    /// [`BadBox`] when it does not open, or holds another secret than was committed to.
    pub fn open(&self, conversation: ConversationId, key: &BoxKey, commitment: Commitment) -> Result<Secret, BadBox> {
        let place = place(conversation, self.epoch, self.device, self.prekey);
        let mut plain = key.open(BOX_PURPOSE, &place, &self.sealed).map_err(|_| BadBox::Seal)?;
        let secret = plain.as_slice().try_into().map(Secret::new);
        zeroize::Zeroize::zeroize(&mut plain);
        let secret = secret.map_err(|_| BadBox::Commitment)?;
        if Commitment::to(&secret) == commitment { Ok(secret) } else { Err(BadBox::Commitment) }
    }

    /// Returns what sorts before all boxes of an epoch and device.
    pub(super) fn first(epoch: RecordHash, device: DeviceId) -> Self {
        EpochBox { epoch, device, prekey: 0, sealed: [0; SECRET_BOX] }
    }

    /// Encodes the box: [`EPOCH_BOX`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        [&[VERSION], self.epoch.as_bytes(), self.device.as_bytes(), &self.prekey.to_be_bytes(), &self.sealed].concat()
    }

    /// Decodes a box.
    ///
    /// # Errors
    /// [`BadBox::Malformed`] when the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadBox> {
        let parts = || {
            let (&[VERSION], rest) = bytes.split_first_chunk::<1>()? else { return None };
            let (epoch, rest) = rest.split_first_chunk()?;
            let (device, rest) = rest.split_first_chunk()?;
            let (prekey, rest) = rest.split_first_chunk()?;
            let (epoch, device, prekey) = (RecordHash(*epoch), DeviceId(*device), u32::from_be_bytes(*prekey));
            Some(EpochBox { epoch, device, prekey, sealed: rest.try_into().ok()? })
        };
        parts().ok_or(BadBox::Malformed)
    }
}

/// Boxes a secret for many devices. Those whose prekey is not usable are named: one bad prekey must not keep the others
/// without an epoch.
pub fn boxes(
    secret: &Secret,
    conversation: ConversationId,
    epoch: RecordHash,
    to: &[Recipient],
    rng: &mut Entropy,
) -> (Vec<EpochBox>, Vec<DeviceId>) {
    let (mut sealed, mut unusable) = (Vec::with_capacity(to.len()), Vec::new());
    for recipient in to {
        match EpochBox::seal(secret, conversation, epoch, recipient, rng) {
            Ok(epoch_box) => sealed.push(epoch_box),
            Err(_) => unusable.push(recipient.device),
        }
    }
    (sealed, unusable)
}

fn place(conversation: ConversationId, epoch: RecordHash, device: DeviceId, prekey: u32) -> Vec<u8> {
    [&conversation.0, &epoch.0, &device.0, prekey.to_be_bytes().as_slice()].concat()
}

fn first<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERSATION: ConversationId = ConversationId([1; 32]);
    const EPOCH: RecordHash = RecordHash([2; 32]);

    fn key(seed: u8) -> BoxKey {
        BoxKey::from_seed(&Secret::new([seed; 32]))
    }

    fn recipient(seed: u8) -> Recipient {
        Recipient { device: DeviceId([seed; 32]), prekey: 5, address: key(seed).address() }
    }

    #[test]
    fn a_box_opens_only_for_its_device_its_prekey_its_epoch_and_its_conversation() {
        let (secret, mut rng) = (Secret::new([9; 32]), Entropy::from_seed([3; 32]));
        let committed = Commitment::to(&secret);
        let sealed = EpochBox::seal(&secret, CONVERSATION, EPOCH, &recipient(1), &mut rng).unwrap();
        assert_eq!(sealed.encode().len(), EPOCH_BOX);
        assert_eq!(EpochBox::decode(&sealed.encode()), Ok(sealed.clone()));
        assert_eq!(sealed.open(CONVERSATION, &key(1), committed), Ok(secret));
        assert_eq!(sealed.open(CONVERSATION, &key(2), committed), Err(BadBox::Seal));
        assert_eq!(sealed.open(ConversationId([7; 32]), &key(1), committed), Err(BadBox::Seal));
        let elsewhere = [
            EpochBox { epoch: RecordHash([7; 32]), ..sealed.clone() },
            EpochBox { device: DeviceId([7; 32]), ..sealed.clone() },
            EpochBox { prekey: 7, ..sealed },
        ];
        elsewhere.iter().for_each(|moved| assert_eq!(moved.open(CONVERSATION, &key(1), committed), Err(BadBox::Seal)));
    }

    #[test]
    fn a_box_with_another_secret_than_was_committed_to_is_refused_by_name() {
        let mut rng = Entropy::from_seed([3; 32]);
        let sealed = EpochBox::seal(&Secret::new([9; 32]), CONVERSATION, EPOCH, &recipient(1), &mut rng).unwrap();
        let committed = Commitment::to(&Secret::new([8; 32]));
        assert_eq!(sealed.open(CONVERSATION, &key(1), committed), Err(BadBox::Commitment));
    }

    #[test]
    fn one_bad_prekey_does_not_keep_the_others_without_an_epoch() {
        let (secret, mut rng) = (Secret::new([9; 32]), Entropy::from_seed([3; 32]));
        let bad = Recipient { address: BoxAddress([0; 32]), ..recipient(2) };
        let (sealed, unusable) = boxes(&secret, CONVERSATION, EPOCH, &[recipient(1), bad, recipient(3)], &mut rng);
        assert_eq!(
            sealed.iter().map(|sealed| sealed.device).collect::<Vec<_>>(),
            [DeviceId([1; 32]), DeviceId([3; 32])]
        );
        assert_eq!(unusable, [DeviceId([2; 32])]);
    }

    #[test]
    fn each_day_and_each_epoch_has_its_own_topic() {
        let epoch = |secret, id| Epoch::new(Secret::new([secret; 32]), CONVERSATION, RecordHash([id; 32]));
        let topic = epoch(1, 1).write_key(day(Timestamp(DAY_MS))).topic();
        assert_eq!(topic, epoch(1, 1).write_key(day(Timestamp(2 * DAY_MS - 1))).topic());
        assert_ne!(topic, epoch(1, 1).write_key(day(Timestamp(2 * DAY_MS))).topic());
        assert_ne!(topic, epoch(2, 1).write_key(1).topic());
        assert_ne!(topic, epoch(1, 2).write_key(1).topic());
        let key = epoch(1, 1).write_key(1);
        let signature = key.sign("test", &[b"put"]);
        assert_eq!(crypto::verify(&DeviceId(key.public()), "test", &[b"put"], &signature), Ok(()));
    }
}
