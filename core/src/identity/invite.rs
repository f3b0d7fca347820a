//! Links that invite to a conversation.
//!
//! ```text
//! bayou://join/ ‖ base64url( version u8 (1) ‖ postcard { conversation 32, secret 32, peers: [(peer id 32, [address])] } )
//! ```
//!
//! Today the secret is the conversation's own: whoever has the link is let in. One-time secrets, expiry and approval come
//! with membership rules.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::id::{Address, ConversationId, PeerId};

const PREFIX: &str = "bayou://join/";
const VERSION: u8 = 1;

/// The longest link, in bytes.
const MAX_LINK: usize = 4096;

/// The most addresses that are put into a link.
const MAX_ADDRESSES: usize = 8;

/// What a link says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The conversation.
    pub conversation: ConversationId,
    /// The conversation's secret: proves to members that one was invited.
    pub secret: [u8; 32],
    /// Members' peers and where they were last reached.
    pub peers: Vec<(PeerId, Vec<Address>)>,
}

/// The text is not such a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an invite link: expected {PREFIX}…, whole and on one line, as `bayou invite` prints it")]
pub struct BadInvite;

impl Invite {
    /// Writes the link.
    pub fn to_link(&self) -> String {
        let mut invite = self.clone();
        invite.peers.truncate(2);
        invite.peers.iter_mut().for_each(|(_, addresses)| addresses.truncate(MAX_ADDRESSES));
        let bytes = postcard::to_extend(&invite, vec![VERSION]).expect("an invite always encodes");
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads a link.
    ///
    /// # Errors
    /// [`BadInvite`] when the text is anything else.
    pub fn from_link(link: &str) -> Result<Self, BadInvite> {
        let code = link.trim().strip_prefix(PREFIX).filter(|code| code.len() <= MAX_LINK).ok_or(BadInvite)?;
        let bytes = BASE64URL_NOPAD.decode(code.as_bytes()).map_err(|_| BadInvite)?;
        let Some((&VERSION, bytes)) = bytes.split_first() else { return Err(BadInvite) };
        match postcard::take_from_bytes(bytes) {
            Ok((invite, [])) => Ok(invite),
            _ => Err(BadInvite),
        }
    }
}

impl std::fmt::Debug for Invite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invite({}, secret redacted)", self.conversation.fmt_short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_back_to_the_invite_and_nothing_else_does() {
        let peers = vec![(PeerId([3; 32]), vec![Address("/ip4/192.0.2.1/tcp/4001".into())])];
        let invite = Invite { conversation: ConversationId([1; 32]), secret: [2; 32], peers };
        let link = invite.to_link();
        assert_eq!(Invite::from_link(&link), Ok(invite));
        assert_eq!(Invite::from_link(&link[..link.len() - 3]), Err(BadInvite));
        assert_eq!(Invite::from_link("https://example.org"), Err(BadInvite));
        assert_eq!(Invite::from_link(&format!("{link}AAAA")), Err(BadInvite));
    }
}
