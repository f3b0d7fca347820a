//! Links to a person: who opens one asks to be a contact and to talk one to one.
//!
//! ```text
//! bayou://c/#…  https://HOST/c/#…     the form of all links: link.rs
//! postcard { user 32, seed 32, peers: [(peer id 32, [address])] }
//! ```
//!
//! It names the root key itself, not only its fingerprint: who got the link from a friend's hand has verified the friend
//! by that. The seed ([`InviteKeys`]) lets the friend see who was given a link, and replace it when it went astray.

use serde::{Deserialize, Serialize};

use super::link::{self, BadHost, BadLink, LinkPeers};
use super::{InviteKeys, InvitedTo};
use crate::crypto::Secret;
use crate::id::UserId;

const KIND: &str = "c";

/// What a link says. Secret; prints as redacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactLink {
    /// The person.
    pub user: UserId,
    /// Proves to them that one was given the link.
    pub seed: Secret,
    /// Their peers and where these were last reached; what is more than a link takes is left out when it is written.
    pub peers: LinkPeers,
}

impl ContactLink {
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
        let link: ContactLink = link::read(link::code_of(text, KIND)?)?;
        if link::are_short(&link.peers) { Ok(link) } else { Err(BadLink::Damaged) }
    }

    /// Derives the keys that the link gives.
    pub fn keys(&self) -> InviteKeys {
        InviteKeys::derive(&self.seed, InvitedTo::Contact(self.user))
    }

    fn code(&self) -> String {
        let mut link = self.clone();
        link::shorten(&mut link.peers);
        link::code(&link)
    }
}

impl std::fmt::Debug for ContactLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContactLink({}, seed redacted)", self.user.fmt_short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Address, PeerId};

    #[test]
    fn a_link_is_written_as_it_always_was() {
        let peers = vec![(PeerId([4; 32]), vec![Address("/ip4/192.0.2.1/udp/4001/quic-v1".into())])];
        let link = ContactLink { user: UserId([2; 32]), seed: Secret::new([3; 32]), peers };
        assert_eq!(
            link.to_link(),
            "bayou://c/#AQICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAQQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEAR8vaXA0LzE5Mi4wLjIuMS91ZHAvNDAwMS9xdWljLXYx"
        );
        assert_eq!(ContactLink::from_link(&link.to_link()), Ok(link.clone()));
        assert_eq!(ContactLink::from_link(&link.to_web_link("chat.example.org").unwrap()), Ok(link.clone()));
        let text = link.to_link();
        for end in 0..text.len() {
            assert!(ContactLink::from_link(&text[..end]).is_err(), "cut at {end}");
        }
        assert!(!format!("{link:?}").contains('3'), "{link:?}");
    }
}
