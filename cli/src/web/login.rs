//! Tokens and cookies.
//!
//! The address that is printed holds a **token** behind its `#`, which browsers send to nobody; the page hands it in, once,
//! and gets a cookie for it. Then there is another token, for another browser.

use std::collections::VecDeque;
use std::sync::Mutex;

use bayou_core::node;
use data_encoding::BASE64URL_NOPAD;

use crate::failure::Failure;

/// Browsers that are logged in at a time; one more takes the place of the oldest.
const MAX_BROWSERS: usize = 32;

/// How long a browser keeps its cookie, in seconds: a month. It is of no use to another run of the peer.
const KEEP: u32 = 30 * 24 * 60 * 60;

/// Something that nobody can guess.
type Secret = [u8; 32];

/// Who is logged in.
pub(super) struct Login {
    /// The name of the cookie: browsers do not tell ports apart.
    cookie: String,
    is_encrypted: bool,
    known: Mutex<Known>,
}

struct Known {
    token: Secret,
    browsers: VecDeque<Secret>,
}

impl Login {
    /// Nobody is logged in.
    pub(super) fn new(port: u16, is_encrypted: bool) -> Result<Self, Failure> {
        let known = Known { token: secret()?, browsers: VecDeque::new() };
        Ok(Login { cookie: format!("bayou-{port}"), is_encrypted, known: Mutex::new(known) })
    }

    /// Returns the token with which the next browser can log in.
    pub(super) fn token(&self) -> String {
        BASE64URL_NOPAD.encode(&self.known().token)
    }

    /// Takes a token for a cookie: the value of the header that sets it. `None` if it is not, or no longer, the token.
    pub(super) fn take(&self, token: &[u8]) -> Result<Option<String>, Failure> {
        let Some(token) = read(token) else { return Ok(None) };
        let mut known = self.known();
        if !is_same(&token, &known.token) {
            return Ok(None);
        }
        let browser = secret()?;
        known.token = secret()?;
        if known.browsers.len() >= MAX_BROWSERS {
            known.browsers.pop_front();
        }
        known.browsers.push_back(browser);
        let (name, value) = (&self.cookie, BASE64URL_NOPAD.encode(&browser));
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        Ok(Some(format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={KEEP}{secure}")))
    }

    /// Tells whether a browser is logged in, by the cookies that it sends.
    pub(super) fn knows<'a>(&self, cookies: impl Iterator<Item = &'a str>) -> bool {
        let named = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let mut values = named.filter(|(name, _)| *name == self.cookie).map(|(_, value)| value);
        let Some(browser) = values.next().and_then(|value| read(value.as_bytes())) else { return false };
        self.known().browsers.iter().fold(false, |found, known| found | is_same(&browser, known))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Whoever panicked with the lock left nothing half done.
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn secret() -> Result<Secret, Failure> {
    Ok(node::random()?)
}

fn read(text: &[u8]) -> Option<Secret> {
    BASE64URL_NOPAD.decode(text.trim_ascii()).ok()?.try_into().ok()
}

/// Compares in a time that tells nothing of where the two differ.
fn is_same(one: &Secret, other: &Secret) -> bool {
    one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_and_a_cookie_until_the_end() {
        let login = Login::new(4780, true).unwrap();
        let token = login.token();
        assert_eq!(login.take(b"").unwrap(), None);
        assert_eq!(login.take("A".repeat(43).as_bytes()).unwrap(), None);
        let header = login.take(token.as_bytes()).unwrap().unwrap();
        for part in ["bayou-4780=", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Secure"] {
            assert!(header.contains(part), "{header}");
        }
        assert_eq!(login.take(token.as_bytes()).unwrap(), None, "only once");
        assert_ne!(login.token(), token);
        let cookie = header.split(';').next().unwrap();
        assert!(login.knows([cookie].into_iter()));
        assert!(login.knows(["a=b; c", &format!("x=y;  {cookie} ; z=1")].into_iter()));
        assert!(!login.knows(["bayou-4781=x", "bayou-4780=x", "bayou-4780"].into_iter()));
        assert!(!login.knows([cookie.replace("4780", "4781").as_str()].into_iter()));
        assert!(!Login::new(4780, true).unwrap().knows([cookie].into_iter()), "another run knows nobody");
    }

    #[test]
    fn the_oldest_browser_makes_room() {
        let login = Login::new(1, false).unwrap();
        let cookies: Vec<String> =
            (0..=MAX_BROWSERS).map(|_| login.take(login.token().as_bytes()).unwrap().unwrap()).collect();
        let knows = |cookie: &String| login.knows(cookie.split(';').take(1));
        assert!(!knows(&cookies[0]) && cookies[1..].iter().all(knows));
        assert!(!cookies[0].contains("Secure"));
    }
}
