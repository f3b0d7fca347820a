//! What all links have in common.
//!
//! ```text
//! link = bayou://KIND/#CODE  or  https://HOST/KIND/#CODE      the part after # is never sent to a web server
//! CODE = base64url( version u8 (1) ‖ postcard )               no padding, one form only
//! KIND   j  join a conversation   c  contact   v  verify
//! ```
//!
//! Links are pasted by people and come from anyone. The host of the second form is not looked at: it only shows a page
//! that opens Bayou, and all that counts is in the code.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::id::{Address, PeerId};

const VERSION: u8 = 1;

/// The longest link that is read, in bytes.
pub const MAX_LINK: usize = 2048;

/// The most addresses that a link names, over all peers.
pub const MAX_LINK_ADDRESSES: usize = 3;

/// The longest address in a link, in bytes.
pub const MAX_LINK_ADDRESS: usize = 128;

/// The longest host that a link is made with (RFC 1035).
const MAX_HOST: usize = 253;

/// Peers and where they were last reached.
pub type LinkPeers = Vec<(PeerId, Vec<Address>)>;

/// The text is not the link that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// It is another kind of link, or none.
    #[error("this is not a link of the kind that is wanted here: copy the whole link, from its first letter on")]
    Other,
    /// It is longer than any link.
    #[error("this is too long for a link: copy the link alone")]
    TooLong,
    /// Part of it is missing or changed.
    #[error("the link is damaged: copy it whole and on one line, or ask for it again")]
    Damaged,
    /// It was written by a later version.
    #[error("the link was made by a newer version of Bayou: update Bayou")]
    Newer,
}

/// The text cannot be the host of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host: expected a name such as chat.example.org, without https:// and path")]
pub struct BadHost;

/// Writes a code.
pub(super) fn code(value: &impl Serialize) -> String {
    let bytes = postcard::to_extend(value, vec![VERSION]).map(Zeroizing::new).expect("a link's content always encodes");
    BASE64URL_NOPAD.encode(&bytes)
}

/// Reads a code.
pub(super) fn read<T: Serialize + DeserializeOwned>(code: &str) -> Result<T, BadLink> {
    if code.len() > MAX_LINK {
        return Err(BadLink::TooLong);
    }
    let bytes = BASE64URL_NOPAD.decode(code.as_bytes()).map(Zeroizing::new).map_err(|_| BadLink::Damaged)?;
    match bytes.split_first() {
        Some((&VERSION, rest)) => {
            let value = postcard::from_bytes(rest).map_err(|_| BadLink::Damaged)?;
            // Also refuses what follows the content, and numbers that are written longer than needed.
            if Zeroizing::new(self::code(&value)).as_str() == code { Ok(value) } else { Err(BadLink::Damaged) }
        }
        Some((version, _)) if *version > VERSION => Err(BadLink::Newer),
        _ => Err(BadLink::Damaged),
    }
}

/// Writes the link of a kind.
pub(super) fn app_link(kind: &str, code: &str) -> String {
    format!("bayou://{kind}/#{code}")
}

/// Writes the link of a kind as a web page that opens Bayou.
pub(super) fn web_link(host: &str, kind: &str, code: &str) -> Result<String, BadHost> {
    if is_host(host) { Ok(format!("https://{host}/{kind}/#{code}")) } else { Err(BadHost) }
}

/// Returns the code in either form of a link.
pub(super) fn code_of<'a>(text: &'a str, kind: &str) -> Result<&'a str, BadLink> {
    let text = text.trim();
    if text.len() > MAX_LINK {
        return Err(BadLink::TooLong);
    }
    let (scheme, rest) = text.split_once("://").ok_or(BadLink::Other)?;
    let (place, code) = rest.split_once('#').ok_or(BadLink::Other)?;
    let place = place.strip_suffix('/').unwrap_or(place);
    let named = match place.rsplit_once('/') {
        // A keyboard may have made the first letter a capital.
        None => scheme.eq_ignore_ascii_case("bayou") && place == kind,
        Some((host, last)) => scheme.eq_ignore_ascii_case("https") && is_host(host) && last == kind,
    };
    if named { Ok(code) } else { Err(BadLink::Other) }
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    let name_fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    host.len() <= MAX_HOST && name_fits && port.parse::<u16>().is_ok()
}

/// Leaves of some peers as many addresses as a link takes, and no peer without one.
pub(super) fn shorten(peers: &mut LinkPeers) {
    let mut left = MAX_LINK_ADDRESSES;
    for (_, addresses) in peers.iter_mut() {
        addresses.retain(|address| address.0.len() <= MAX_LINK_ADDRESS);
        addresses.truncate(left);
        left -= addresses.len();
    }
    peers.retain(|(_, addresses)| !addresses.is_empty());
}

/// Tells whether peers are as [`shorten`] leaves them.
pub(super) fn are_short(peers: &LinkPeers) -> bool {
    let mut addresses = peers.iter().flat_map(|(_, addresses)| addresses);
    let short = addresses.clone().all(|address| address.0.len() <= MAX_LINK_ADDRESS);
    let few = addresses.nth(MAX_LINK_ADDRESSES).is_none();
    short && few && peers.iter().all(|(_, addresses)| !addresses.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_kind_are_read_and_no_other() {
        let code = code(&7_u32);
        assert_eq!(code, "AQc");
        for text in ["bayou://j/#AQc", " Bayou://j#AQc\n", "https://chat.example.org/j/#AQc", "https://h:8443/j/#AQc"] {
            assert_eq!(code_of(text, "j").and_then(read::<u32>), Ok(7), "{text}");
        }
        for text in [
            "",
            "bayou://c/#AQc",
            "bayou://j/AQc",
            "http://h/j/#AQc",
            "https:///j/#AQc",
            "https://h/x/j/#AQc",
            "j/#AQc",
        ] {
            assert_eq!(code_of(text, "j"), Err(BadLink::Other), "{text}");
        }
        assert_eq!(code_of(&format!("bayou://j/#{}", "A".repeat(MAX_LINK)), "j"), Err(BadLink::TooLong));
        assert_eq!(web_link("chat.example.org", "j", &code).as_deref(), Ok("https://chat.example.org/j/#AQc"));
        for host in ["", "a/b", "https://a", "a b", "a:b", "a#", "ä.org"] {
            assert_eq!(web_link(host, "j", &code), Err(BadHost), "{host}");
        }
    }

    #[test]
    fn a_code_has_one_form() {
        // Longer than needed, followed by something, cut, padded, from the future, from never.
        let forms = [&[1_u8, 0x87, 0][..], &[1, 7, 0], &[1], &[], &[2, 7], &[0, 7]].map(|b| BASE64URL_NOPAD.encode(b));
        let (damaged, newer) = (Err(BadLink::Damaged), Err(BadLink::Newer));
        assert_eq!(forms.map(|form| read::<u32>(&form)), [damaged, damaged, damaged, damaged, newer, damaged]);
        assert_eq!(read::<u32>("AQd"), damaged);
        assert_eq!(read::<u32>("AQc="), damaged);
    }

    #[test]
    fn a_link_takes_three_short_addresses() {
        let address = |n: usize| Address("a".repeat(n));
        let mut peers = vec![
            (PeerId([1; 32]), vec![address(129), address(1)]),
            (PeerId([2; 32]), vec![address(129)]),
            (PeerId([3; 32]), vec![address(128); 5]),
        ];
        assert!(!are_short(&peers));
        shorten(&mut peers);
        assert_eq!(peers, [(PeerId([1; 32]), vec![address(1)]), (PeerId([3; 32]), vec![address(128); 2])]);
        assert!(are_short(&peers));
    }
}
