//! WebSocket in TLS: who is let in by which certificate, and how it is replaced.

use bayou_core::net::tls::Roots;
use bayou_core::net::visit::Visit;
use bayou_tests::certificate::Certificate;
use bayou_tests::public_node::{PublicNode, bootstrap};
use tokio::time::timeout;

use super::{PATIENCE, try_visit, until};

const LISTEN: &str = "listen=[\"/ip4/127.0.0.1/tcp/0/tls/ws\"]";

fn start(certificate: &Certificate) -> PublicNode {
    let [chain, key] = certificate.settings();
    PublicNode::start(&[LISTEN, &chain, &key]).unwrap()
}

fn roots(certificate: &Certificate) -> Roots {
    Roots::from_pem(&std::fs::read(certificate.chain()).unwrap()).unwrap()
}

async fn come(node: &PublicNode, who: u8, roots: &Roots) -> Result<Visit, String> {
    let (secret, address) = ([who; 32], node.address());
    timeout(PATIENCE, Visit::begin_trusting(&secret, &address, roots)).await.expect("an answer")
}

#[tokio::test]
async fn whom_a_root_vouches_for_is_believed_and_nobody_else() {
    let certificate = Certificate::of(&["127.0.0.1"]).unwrap();
    let node = start(&certificate);
    assert!(node.address().0.contains("/tls/ws/p2p/"), "{:?}", node.address());
    let mut alice = come(&node, 1, &roots(&certificate)).await.unwrap();
    assert_eq!(alice.reserve().await, Ok(()));
    let refused = try_visit(2, &node.address()).await.err().unwrap();
    assert!(refused.contains("certificate"), "{refused}");
    let other = Certificate::of(&["192.0.2.7"]).unwrap();
    let elsewhere = start(&other);
    assert!(come(&elsewhere, 3, &roots(&other)).await.is_err(), "it is for another name");

    let (address, file) = (node.address().0, certificate.chain().display().to_string());
    let said = String::from_utf8(bootstrap(&["doctor", &address, "--tls-roots", &file]).unwrap().stdout).unwrap();
    assert!(said.contains("ok   reached") && said.contains("gives a reservation"), "{said}");
    let said = String::from_utf8(bootstrap(&["doctor", &address]).unwrap().stdout).unwrap();
    assert!(said.contains("certificate"), "{said}");
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_node_runs() {
    let certificate = Certificate::of(&["127.0.0.1"]).unwrap();
    let node = start(&certificate);
    let old = roots(&certificate);
    let mut alice = come(&node, 1, &old).await.unwrap();
    // In between the two files are not of each other, and the old one is shown.
    std::fs::write(certificate.key(), std::fs::read(Certificate::of(&["127.0.0.1"]).unwrap().key()).unwrap()).unwrap();
    let logged = |what: &str| std::fs::read_to_string(node.log()).unwrap().contains(what);
    until("it complains", || logged("certificate and key are not of each other")).await;
    come(&node, 2, &old).await.unwrap();
    certificate.renew(&["127.0.0.1"]).unwrap();
    until("it reads the new one", || logged("the certificate was read again")).await;
    assert!(come(&node, 3, &old).await.is_err());
    come(&node, 4, &roots(&certificate)).await.unwrap();
    // Who was there did not notice.
    assert_eq!(alice.reserve().await, Ok(()));
    assert_eq!(node.number("bayou_connections_total"), 3);
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_the_node_runs() {
    let certificate = Certificate::of(&["127.0.0.1"]).unwrap();
    let [chain, key] = certificate.settings();
    let check = |settings: &[&str]| {
        let mut arguments = vec!["--check-config", "--set", LISTEN];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        String::from_utf8(bootstrap(&arguments).unwrap().stderr).unwrap()
    };
    assert_eq!(check(&[&chain, &key]), "");
    assert!(check(&[]).contains("`tls.certificate` and `tls.key`"));
    assert!(check(&[&chain, "tls.key=/nowhere"]).contains("cannot read /nowhere"));
    let swapped = format!("tls.key={}", certificate.chain().display());
    assert!(check(&[&chain, &swapped]).contains("holds no private key"));
    let other = Certificate::of(&["127.0.0.1"]).unwrap();
    assert!(check(&[&chain, &other.settings()[1]]).contains("are not of each other"));
}
