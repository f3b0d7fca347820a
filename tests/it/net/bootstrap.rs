//! The bootstrap node as a process.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use bayou_core::id::Address;
use bayou_core::net::split_peer;
use bayou_tests::process::bayou;

use super::end::{QUIC, TCP};
use super::stranger::question;

pub(super) struct Node {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Node {
    pub(super) fn start(home: &Path, listen: &[&str]) -> Node {
        let mut child = Command::new(bayou().unwrap().with_file_name("bayou-bootstrap"))
            .arg("--home")
            .arg(home)
            .args(listen.iter().flat_map(|address| ["--listen", address]))
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Node { child, lines }
    }

    /// Returns the next address that it prints.
    pub(super) fn address(&mut self) -> Address {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        Address(line["address"].as_str().unwrap().to_owned())
    }

    /// Ends it as the system does, and returns whether it ended well.
    fn terminate(mut self) -> bool {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn a_bootstrap_node_keeps_its_identity_and_answers() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Node::start(home.path(), &[QUIC, TCP]);
    let mut peers = Vec::new();
    for _ in 0..2 {
        let address = first.address();
        let (info, _ping) = question(&address).await;
        assert_eq!((&*info.protocol_version, &*info.agent_version), ("/bayou/1", "bayou"));
        let (bare, _) = split_peer(&address).unwrap();
        let told: Vec<_> = info.listen_addrs.iter().map(ToString::to_string).collect();
        assert!(told.contains(&bare.0), "it says where it is: {told:?}");
        peers.push(split_peer(&address).unwrap().1);
    }
    assert!(first.terminate(), "it stops in order");
    let mode = std::fs::metadata(home.path().join("identity")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut second = Node::start(home.path(), &[QUIC]);
    peers.push(split_peer(&second.address()).unwrap().1);
    assert!(peers[0].is_some() && peers.iter().all(|peer| *peer == peers[0]), "{peers:?}");
}

#[test]
fn a_bootstrap_node_that_cannot_run_says_why() {
    let home = tempfile::tempdir().unwrap();
    let said = |listen: &str| {
        let run = Command::new(bayou().unwrap().with_file_name("bayou-bootstrap"))
            .arg("--home")
            .arg(home.path())
            .args(["--listen", listen])
            .output()
            .unwrap();
        assert!(!run.status.success());
        String::from_utf8(run.stderr).unwrap()
    };
    assert!(said("nonsense").contains("`nonsense` is not an address"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    assert!(said(&taken).contains(&format!("cannot listen on {taken}")), "{}", said(&taken));
    std::fs::write(home.path().join("identity"), b"short").unwrap();
    assert!(said(TCP).contains("is damaged"));
}
