//! What a front end can ask of a peer, as one typed table: the same for the command line, the window and the web.
//!
//! A [`Request`] goes in, one [`Reply`] or [`RpcError`] comes out; who follows a conversation gets [`Event`]s. On the
//! local socket they travel as JSON-RPC 2.0, one object a line. `docs/api.md` shows each with an example.
//!
//! [`wire`] knows the bytes, [`session`] answers one front end, [`socket`] many, [`client`] asks.

#[cfg(feature = "net")]
pub mod client;
mod error;
mod event;
mod home;
mod markdown;
mod method;
mod page;
mod qr;
mod reply;
mod request;
#[cfg(feature = "net")]
pub mod session;
#[cfg(feature = "net")]
pub mod socket;
mod standing;
mod things;
pub mod wire;

pub use error::{ErrorCode, RpcError};
pub use event::Event;
pub use home::{HomeState, Lock, Storage};
pub use markdown::{Block, Inline};
pub use method::METHODS;
pub use page::{Item, PageFrom, Quote, QuoteState, Version};
pub use qr::{Qr, QrTooLong};
pub use reply::Reply;
pub use request::Request;
pub use standing::{DeviceStanding, Holder, MailboxStanding, MemberStanding, Standing, Whereabouts};
pub use things::{
    Alarm, Asked, Asker, Avatar, BUNDLE_MAGIC, Base64, Behind, BundleBlock, Contact, Conversation, Device, Guest,
    Invite, InviteOptions, MAX_BUNDLE_BLOCK, Member, Node, Notice, NoticeKind, Peer, Profile, Reaction, Row, Setting,
    Status, Words,
};
