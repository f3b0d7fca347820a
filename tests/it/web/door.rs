//! Who is let in.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use bayou_tests::browser::Browser;
use bayou_tests::process::{Peer, bayou};
use serde_json::json;
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Story, at_home};

#[test]
fn a_printed_address_lets_in_once() -> Story {
    let mut alice = Peer::new("alice")?;
    let address = alice.serve_web(&[], &[])?;
    let (mut first, mut second) = (Browser::at(&address)?, Browser::at(&address)?);
    assert_eq!(first.ask("GET", "/login", &[], "")?.status, 401);
    let answer = first.log_in()?;
    assert_eq!(answer.status, 204);
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(answer.headers.contains(part), "{}", answer.headers);
    }
    let cookie = first.cookie().unwrap().to_owned();
    assert_eq!(first.ask("GET", "/login", &[("Cookie", &cookie)], "")?.status, 204);
    assert_eq!(second.log_in()?.status, 403, "the address was used");
    assert!(second.cookie().is_none());
    // Another browser takes the next one that was printed.
    let next = alice.hears("prints another", |event| event["event"] == "web" && event["address"] != *address)?;
    let mut third = Browser::at(next["address"].as_str().unwrap())?;
    assert_eq!(third.log_in()?.status, 204);
    assert_eq!(third.page()?.call("home", &json!({}))?["name"], "alice");
    assert_eq!(first.page()?.call("home", &json!({}))?["state"], "open", "the first is in as before");
    Ok(())
}

#[test]
fn only_the_page_itself_calls_and_only_logged_in() -> Story {
    let (_alice, browser, _page) = at_home("alice")?;
    let (host, cookie) = (browser.host().to_owned(), browser.cookie());
    let origin = format!("http://{host}");
    let status = |origin: &str, host: &str, cookie: Option<&str>| {
        let refused = browser.opens(origin, host, cookie).map(drop).expect_err("refused").to_string();
        refused.split_once("HTTP error: ").unwrap().1[..3].parse::<u16>().unwrap()
    };
    assert_eq!(status(&origin, &host, None), 401);
    assert_eq!(status(&origin, &host, Some("bayou-1=x")), 401);
    assert_eq!(status("http://evil.example", &host, cookie), 403);
    assert_eq!(status("null", &host, cookie), 403);
    // Its name leads here: what a browser thinks is one origin is not ours.
    assert_eq!(status("http://evil.example", "evil.example", cookie), 403);
    assert!(browser.opens(&origin, &host, cookie).is_ok());
    let login = |headers: &[(&str, &str)]| browser.ask("POST", "/login", headers, "x").map(|answer| answer.status);
    assert_eq!(login(&[])?, 403, "who does not say where it is from is no page");
    assert_eq!(login(&[("Origin", "http://evil.example")])?, 403);
    assert_eq!(browser.ask("GET", "/", &[("Host", "evil.example")], "")?.status, 403);
    assert_eq!(browser.ask("GET", "/ws", &[("Origin", &origin)], "")?.status, 401);
    assert_eq!(browser.ask("DELETE", "/", &[], "")?.status, 405);
    for path in
        ["/assets/../../package.json", "/..", "/a//b.js", "//etc/passwd.txt", "/%2e%2e/package.json", "/a\\b.js"]
    {
        assert_eq!(browser.ask("GET", path, &[], "")?.status, 404, "{path}");
    }
    Ok(())
}

#[test]
fn a_browser_is_told_what_it_must_not_do() -> Story {
    let (_alice, browser, _page) = at_home("alice")?;
    for path in ["/", "/login", "/no-such.js"] {
        let headers = browser.ask("GET", path, &[], "")?.headers;
        for part in ["frame-ancestors 'none'", "default-src 'none'", "nosniff", "no-referrer"] {
            assert!(headers.contains(part), "{path}: {part} in {headers}");
        }
        assert!(!headers.contains("unsafe-eval") && !headers.contains("script-src 'self' '"), "{headers}");
    }
    Ok(())
}

#[test]
fn what_is_no_call_is_refused_and_what_is_too_long_ends_it() -> Story {
    let (_alice, browser, mut page) = at_home("alice")?;
    page.send("hello")?;
    assert_eq!(page.reads()?["error"]["code"], -32700);
    page.send(r#"{"jsonrpc":"2.0","id":"a","method":"nothing"}"#)?;
    assert_eq!(page.reads()?["error"]["code"], -32601);
    let ids: Vec<u64> = (0..500).map(|_| page.asks("status", &json!({}))).collect::<Result<_, _>>()?;
    for id in ids {
        assert!(page.answer_to(id)?["result"].is_object());
    }
    // The connection may be gone before all is sent.
    page.send(&"x".repeat(1024 * 1024 + 1)).ok();
    assert!(page.reads().is_err(), "too long to be read");
    assert!(browser.page()?.call("status", &json!({}))?.is_object(), "others are served on");
    Ok(())
}

#[test]
fn beyond_this_machine_it_is_encrypted_or_not_served() -> Story {
    let folder = tempfile::tempdir()?;
    let refuses = |arguments: &[&str]| -> std::io::Result<String> {
        let mut command = Command::new(bayou()?);
        let output = command.env("BAYOU_HOME", folder.path()).arg("serve").args(arguments).output()?;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let complaint = refuses(&["--web", "0.0.0.0:0"])?;
    assert!(complaint.contains("--web-cert") && complaint.contains("--web-without-tls"), "{complaint}");
    assert!(refuses(&["--web", "nonsense"])?.contains("127.0.0.1:4780"));
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, "")?;
    std::fs::write(&key, "")?;
    let files = ["--web", "127.0.0.1:0", "--web-cert", cert.to_str().unwrap(), "--web-key", key.to_str().unwrap()];
    assert!(refuses(&files)?.contains("cert.pem"), "an empty certificate");
    Ok(())
}

#[test]
fn with_a_certificate_it_is_encrypted() -> Story {
    let mut alice = Peer::new("alice")?;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (alice.home().join("cert.pem"), alice.home().join("key.pem"));
    std::fs::write(&cert, made.cert.pem())?;
    std::fs::write(&key, made.key_pair.serialize_pem())?;
    let files = ["--web-cert", cert.to_str().unwrap(), "--web-key", key.to_str().unwrap()];
    let address = alice.serve_web(&[], &files)?;
    let (host, token) = address.strip_prefix("https://").unwrap().split_once("/#token=").unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(host)?);
    let head = format!("POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{token}", token.len())?;
    let mut answer = String::new();
    // Without a farewell of TLS the end is an error.
    stream.read_to_string(&mut answer).ok();
    assert!(answer.starts_with("HTTP/1.1 204") && answer.contains("; Secure"), "{answer}");
    assert!(Browser::at(&address.replace("https", "http"))?.log_in().is_err(), "nothing is said in the clear");
    Ok(())
}
