//! Who may ask what: by the name under which we were called, and the page that calls.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

/// The names under which we may be called.
#[derive(Debug)]
pub(super) struct Guard {
    names: Vec<String>,
}

impl Guard {
    /// Lets loopback names, the address where we listen, and the names that the owner gave.
    pub(super) fn new(listening: SocketAddr, names: &[String]) -> Self {
        let mut allowed: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        if listening.ip().is_loopback() || listening.ip().is_unspecified() {
            allowed.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        if !listening.ip().is_unspecified() {
            allowed.push(match listening.ip() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            });
        }
        Guard { names: allowed }
    }

    /// Returns the host, with its port, under which we were called, if we may be called so. Else somebody leads a name of
    /// their own here, so that their pages count as ours.
    pub(super) fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let host = only(headers, HOST)?;
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
        self.names.iter().any(|allowed| name.eq_ignore_ascii_case(allowed)).then_some(host)
    }

    /// Tells whether a page of ours calls: browsers say of each page where it is from.
    pub(super) fn is_our_page(&self, headers: &HeaderMap) -> bool {
        let Some(host) = self.host(headers) else { return false };
        let origin = only(headers, ORIGIN);
        let from = origin.and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
        from.is_some_and(|from| from.eq_ignore_ascii_case(host))
    }
}

/// Returns a header that stands there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_names_that_were_allowed_lead_here() {
        let here = Guard::new("127.0.0.1:4780".parse().unwrap(), &["Chat.Example.org".into()]);
        let nearby = Guard::new("192.0.2.7:4780".parse().unwrap(), &[]);
        let anywhere = Guard::new("[::]:4780".parse().unwrap(), &[]);
        let host = |guard: &Guard, host: &str| guard.host(&headers(&[(HOST, host)])).is_some();
        for good in
            ["127.0.0.1:4780", "localhost:4780", "LOCALHOST", "[::1]:9", "chat.example.org", "chat.example.org:443"]
        {
            assert!(host(&here, good), "{good}");
        }
        for bad in ["", "evil.example:4780", "127.0.0.1.evil.example", "192.0.2.7:4780", "localhost:4780:1", "[::1"] {
            assert!(!host(&here, bad), "{bad}");
        }
        assert!(host(&nearby, "192.0.2.7:4780") && !host(&nearby, "localhost:4780"));
        assert!(host(&anywhere, "localhost:4780") && !host(&anywhere, "192.0.2.7:4780"), "the rest is to be named");
        assert!(here.host(&headers(&[])).is_none());
        assert!(here.host(&headers(&[(HOST, "localhost"), (HOST, "localhost")])).is_none());
    }

    #[test]
    fn only_our_own_pages_call() {
        let guard = Guard::new("127.0.0.1:4780".parse().unwrap(), &[]);
        let calls = |host: &str, origin: &str| guard.is_our_page(&headers(&[(HOST, host), (ORIGIN, origin)]));
        assert!(calls("127.0.0.1:4780", "http://127.0.0.1:4780"));
        assert!(calls("localhost:4780", "https://localhost:4780"));
        for origin in
            ["http://localhost:4780", "http://127.0.0.1:4781", "http://evil.example", "null", "127.0.0.1:4780", ""]
        {
            assert!(!calls("127.0.0.1:4780", origin), "{origin}");
        }
        assert!(!calls("evil.example", "http://evil.example"));
        assert!(!guard.is_our_page(&headers(&[(HOST, "127.0.0.1:4780")])), "who says nothing is no page");
    }
}
