//! `bayou-bootstrap doctor ADDRESS`: looks at another node from here, as a peer would, and says what works.

use bayou_core::id::Address;
use bayou_core::net::mailbox::{Answer, GetRequest, Request};
use bayou_core::net::tls::Roots;
use bayou_core::net::visit::{Offers, Visit};

/// One thing that was tried, and what came of it.
struct Finding {
    what: &'static str,
    came: Result<String, String>,
}

/// Visits a node and prints what works. Returns whether all that it offers does.
pub(crate) async fn examine(
    address: &Address,
    (token, roots): (Option<&str>, &Roots),
    secret: [u8; 32],
    json: bool,
    now: u64,
) -> bool {
    let mut findings = Vec::new();
    let mut found = |what, came: Result<String, String>| {
        let well = came.is_ok();
        findings.push(Finding { what, came });
        well
    };
    match Visit::begin_trusting(&secret, address, roots).await {
        Err(reason) => drop(found("reached", Err(reason))),
        Ok(mut visit) => {
            let (connected, ping) = visit.times();
            found("reached", Ok(format!("connected in {connected:.0?}, a ping takes {ping:.1?}")));
            match token {
                Some(token) => drop(found("token", visit.show(token.as_bytes()).await.map(|()| "accepted".to_owned()))),
                None if visit.show(&[]).await.is_err() => {
                    found("token", Err("the node serves only who shows one: give it with --token".to_owned()));
                }
                None => {}
            }
            let Offers { rendezvous, kademlia, relay, autonat, mailbox } = visit.offers();
            let offered = |yes: bool| Ok(if yes { "offered" } else { "not offered" }.to_owned());
            found("rendezvous", offered(rendezvous && kademlia));
            found("autonat", offered(autonat));
            let relay =
                if relay { visit.reserve().await.map(|()| "gives a reservation".to_owned()) } else { offered(false) };
            found("relay", relay);
            found("mailbox", if mailbox { ask_mailbox(&mut visit, secret, now).await } else { offered(false) });
        }
    }
    print(&findings, json);
    findings.iter().all(|finding| finding.came.is_ok())
}

/// Asks for what lies under a topic that nobody else knows: nothing, if the mailbox works.
async fn ask_mailbox(visit: &mut Visit, secret: [u8; 32], now: u64) -> Result<String, String> {
    let request = Request::Get(GetRequest::signed(&secret, visit.node(), now, 0));
    match visit.ask(request).await? {
        Answer::Batch(_) => Ok("answers".to_owned()),
        Answer::Refused(refusal) => Err(refusal.to_string()),
        Answer::Kept => Err("it answers what was not asked".to_owned()),
    }
}

fn print(findings: &[Finding], json: bool) {
    for Finding { what, came } in findings {
        let (well, text) = match came {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        };
        if json {
            println!("{}", serde_json::json!({ "check": what, "ok": well, "says": text }));
        } else {
            println!("{} {what}: {text}", if well { "ok  " } else { "FAIL" });
        }
    }
}
