//! How things travel: frames between two linked peers, and sealed envelopes through others' hands.
//!
//! Links are encrypted and authenticated by the transport, and both ends prove their device over the link's own binding,
//! so a [`Frame`] goes over them as it is. What passes through gossip and mailboxes is [`Sealed`] under an epoch: a secret
//! that the members' devices share for about a week.
//!
//! ```text
//!   Secret, drawn ──> Commitment ──> control record, whose hash names the epoch
//!        └─> EpochBox for each device ──> a set beside the records; lost ones are asked for
//!
//!   bytes ──parse──> Sealed ──Epochs::open──> Opened          content ──Epochs::seal──> Sealed
//! ```
//!
//! [`Epochs`] knows the epochs of one conversation and says what is due. Which records count, who is a member and whose
//! removal an epoch's maker did not know of is for `authority` to say; it comes in as plain values ([`Announced`],
//! [`Room`]).

mod bundle;
mod epoch;
mod epochs;
mod parcel;
mod seal;
mod wire;

pub use bundle::{BadBundle, BundleKey, Head, MAX_HEAD, MAX_PIECE};
pub use epoch::{BadBox, Commitment, EPOCH_BOX, Epoch, EpochBox, Recipient, WriteKey, boxes, day};
pub use epochs::{
    Announced, Due, EpochError, Epochs, KEEP_MS, MAX_BOXES, MAX_BOXES_EACH, MAX_EPOCHS, MAX_HELD, MAX_RECIPIENTS,
    PATIENCE_MS, Room, SealError, Stale, Unreadable, WEEK_MS, Why,
};
pub use parcel::{BadParcel, MAX_PARCEL, Packing, Parcel, Part, size};
pub use seal::{BadEnvelope, MAX_CONTENT, MAX_ENVELOPE, OpenError, Opened, Sealed, TooLarge};
pub use wire::{Answer, BadFrame, Frame, MAX_FRAME, News, Tips, Told, Turned, Whereabouts};
