//! What of the epochs is kept on disk.
//!
//! ```text
//! epochs      version u8 (1) ‖ postcard { floor?, known: [(announced, learned)], boxes: [150 bytes] }        no secrets
//! epoch key   version u8 (1) ‖ postcard { since, secret 32 }                       one for each held epoch, by its id
//! ```
//!
//! The keys go, each for itself, where the store can erase them (a keyring file outside of journal, index and backups);
//! [`Epochs::expire`] names those that have to go. What was deleted stays so: the floor is among what is kept.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Announced, Epochs, Known, MAX_BOXES, MAX_EPOCHS, MAX_HELD};
use crate::crypto::Secret;
use crate::envelope::EpochBox;
use crate::id::{ConversationId, DeviceId, RecordHash};
use crate::time::Timestamp;

const VERSION: u8 = 1;

/// What was kept cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kept epochs cannot be read: drop them, announce the records' epochs again and ask members for the keys")]
pub struct Unreadable;

#[derive(Serialize, Deserialize)]
struct Kept {
    floor: Option<(u64, RecordHash)>,
    known: Vec<(Announced, Timestamp)>,
    boxes: Vec<serde_bytes::ByteBuf>,
}

#[derive(Serialize, Deserialize)]
struct KeptKey {
    since: Timestamp,
    secret: Secret,
}

impl Epochs {
    /// Encodes all but the secrets.
    pub fn encode(&self) -> Vec<u8> {
        let kept = Kept {
            floor: self.floor.map(|(generation, Reverse(id))| (generation, id)),
            known: self.known.values().map(|known| (known.announced.clone(), known.learned)).collect(),
            boxes: self.boxes.iter().map(|kept| kept.encode().into()).collect(),
        };
        postcard::to_extend(&kept, vec![VERSION]).expect("epochs always encode")
    }

    /// Encodes the secret of a held epoch, to be sealed by the store and erased when [`Epochs::expire`] names it.
    pub fn encode_key(&self, id: RecordHash) -> Option<Zeroizing<Vec<u8>>> {
        let held = self.held(id)?;
        let key = KeptKey { since: held.since, secret: held.epoch.secret().clone() };
        // As large as it gets, so that no copy is left behind when it grows.
        let mut bytes = Vec::with_capacity(64);
        bytes.push(VERSION);
        Some(Zeroizing::new(postcard::to_extend(&key, bytes).expect("a key always encodes")))
    }

    /// Reads what was kept: all but the secrets, then the secrets by the ids of their epochs.
    ///
    /// # Errors
    /// [`Unreadable`] when it is damaged, of another version, or more than could have been kept.
    pub fn decode<'a>(
        conversation: ConversationId,
        me: DeviceId,
        bytes: &[u8],
        keys: impl IntoIterator<Item = (RecordHash, &'a [u8])>,
    ) -> Result<Self, Unreadable> {
        let kept: Kept = exactly(bytes)?;
        if kept.known.len() > MAX_EPOCHS || kept.boxes.len() > MAX_BOXES {
            return Err(Unreadable);
        }
        let mut epochs = Epochs::new(conversation, me);
        epochs.floor = kept.floor.map(|(generation, id)| (generation, Reverse(id)));
        for (announced, learned) in kept.known {
            epochs.known.insert(announced.id, Known::new(announced, learned));
        }
        for bytes in kept.boxes {
            epochs.boxes.insert(EpochBox::decode(&bytes).map_err(|_| Unreadable)?);
        }
        for (count, (id, bytes)) in keys.into_iter().enumerate() {
            let key: KeptKey = exactly(bytes)?;
            if count >= MAX_HELD {
                return Err(Unreadable);
            }
            epochs.adopt(id, key.secret, key.since).map_err(|_| Unreadable)?;
        }
        Ok(epochs)
    }
}

fn exactly<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    let Some((&VERSION, bytes)) = bytes.split_first() else { return Err(Unreadable) };
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Unreadable),
    }
}
