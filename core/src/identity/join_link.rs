//! Links that invite to a conversation, each good for what its invite record allows.
//!
//! ```text
//! bayou://j/#…  https://HOST/j/#…     the form of all links: link.rs
//! postcard { conversation 32, inviter's fingerprint 16, seed 32, expires ms, admission, peers: [(peer id 32, [address])] }
//! ```
//!
//! The link holds no key of the conversation: who captures an old one reads nothing. It holds a one-time seed
//! ([`InviteKeys`]); a member who finds the invite's public key among the control records lets its holder in. Whoever has
//! the link first, comes in; so it expires, and a member can be asked before anyone is admitted.

use serde::{Deserialize, Serialize};

use super::link::{self, BadHost, BadLink, LinkPeers};
use super::{InviteKeys, InvitedTo, fingerprint};
use crate::crypto::Secret;
use crate::id::{ConversationId, UserFingerprint, UserId};
use crate::time::Timestamp;

const KIND: &str = "j";

/// How long after its expiry a link still admits, in milliseconds: clocks differ.
pub const EXPIRY_GRACE_MS: u64 = 10 * 60 * 1000;

/// What happens to who comes with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// Any member's device admits by itself.
    Auto,
    /// A person has to say yes.
    Approve,
}

/// What a link says. Secret; prints as redacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinLink {
    /// The conversation.
    pub conversation: ConversationId,
    /// Who invites; to be compared with the record that names the invite.
    pub inviter: UserFingerprint,
    /// The one-time seed.
    pub seed: Secret,
    /// From when on nobody is admitted, but for [`EXPIRY_GRACE_MS`]. Enforced by who admits.
    pub expires: Timestamp,
    /// Whether a person is asked.
    pub admission: Admission,
    /// Members' peers and where they were last reached; what is more than a link takes is left out when it is written.
    pub peers: LinkPeers,
}

impl JoinLink {
    /// Writes the link for the app.
    pub fn to_link(&self) -> String {
        link::app_link(KIND, &self.code())
    }

    /// Writes the link as a web page that opens the app.
    ///
    /// # Errors
    /// [`BadHost`] when `host` is not the name of a host, with or without port.
    pub fn to_web_link(&self, host: &str) -> Result<String, BadHost> {
        link::web_link(host, KIND, &self.code())
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`BadLink`], which says what to do.
    pub fn from_link(text: &str) -> Result<Self, BadLink> {
        let link: JoinLink = link::read(link::code_of(text, KIND)?)?;
        if link::are_short(&link.peers) { Ok(link) } else { Err(BadLink::Damaged) }
    }

    /// Derives the keys that the link gives.
    pub fn keys(&self) -> InviteKeys {
        InviteKeys::derive(&self.seed, InvitedTo::Conversation(self.conversation))
    }

    /// Tells whether `user` is who invites.
    pub fn is_from(&self, user: &UserId) -> bool {
        fingerprint(user) == self.inviter
    }

    /// Tells whether the link is over, the grace included.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires.plus(EXPIRY_GRACE_MS)
    }

    fn code(&self) -> String {
        let mut link = self.clone();
        link::shorten(&mut link.peers);
        link::code(&link)
    }
}

impl std::fmt::Debug for JoinLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JoinLink({}, seed redacted)", self.conversation.fmt_short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Address, PeerId};

    fn boats() -> JoinLink {
        JoinLink {
            conversation: ConversationId([1; 32]),
            inviter: fingerprint(&UserId([2; 32])),
            seed: Secret::new([3; 32]),
            expires: Timestamp(1_800_000_000_000),
            admission: Admission::Approve,
            peers: vec![(PeerId([4; 32]), vec![Address("/ip4/192.0.2.1/udp/4001/quic-v1".into())])],
        }
    }

    #[test]
    fn a_link_is_written_as_it_always_was_and_is_short() {
        let link = boats();
        assert_eq!(
            link.to_link(),
            "bayou://j/#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBc-uInFFcOuvMBzDNrp0HZiADAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA4Cg8cKxNAEBBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQBHy9pcDQvMTkyLjAuMi4xL3VkcC80MDAxL3F1aWMtdjE"
        );
        assert_eq!(JoinLink::from_link(&link.to_link()), Ok(link.clone()));
        assert_eq!(JoinLink::from_link(&link.to_web_link("chat.example.org").unwrap()), Ok(link.clone()));
        assert!((150..=250).contains(&link.to_link().len()), "{}", link.to_link().len());
        assert!(!format!("{link:?}").contains('3'), "{link:?}");
    }

    #[test]
    fn any_letter_that_is_missing_is_noticed() {
        let text = boats().to_link();
        for end in 0..text.len() {
            assert!(JoinLink::from_link(&text[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(JoinLink::from_link(&format!("{text}AAAA")), Err(BadLink::Damaged));
        assert_eq!(JoinLink::from_link(&text.replace("j/#", "c/#")), Err(BadLink::Other));
    }

    #[test]
    fn more_addresses_than_fit_are_left_out_and_never_read() {
        let mut link = boats();
        let peer = link.peers[0].clone();
        link.peers = vec![peer; 5];
        let read = JoinLink::from_link(&link.to_link()).unwrap();
        assert_eq!(read.peers.len(), 3);
        assert_eq!(JoinLink::from_link(&link::app_link(KIND, &link::code(&link))), Err(BadLink::Damaged));
    }

    #[test]
    fn a_link_knows_its_inviter_and_its_end() {
        let link = boats();
        assert!(link.is_from(&UserId([2; 32])) && !link.is_from(&UserId([1; 32])));
        assert!(!link.has_expired(link.expires.plus(EXPIRY_GRACE_MS - 1)));
        assert!(link.has_expired(link.expires.plus(EXPIRY_GRACE_MS)));
        assert_eq!(link.keys().id(), InviteKeys::derive(&link.seed, InvitedTo::Conversation(link.conversation)).id());
    }
}
