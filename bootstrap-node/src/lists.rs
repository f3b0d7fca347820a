//! Who may come in: files with one entry a line, which the operator edits while the node runs (SIGHUP reads them again).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bayou_core::id::{Address, PeerId};
use bayou_core::net::meeting::{Lists, Subnet, Token};
use bayou_core::net::split_peer;

use crate::config::Admission;

/// Entries that a list may have.
const MAX_ENTRIES: usize = 100_000;

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{path}, line {line}: {reason}")]
    NotUnderstood { path: PathBuf, line: usize, reason: &'static str },
    #[error("{0} has more than {MAX_ENTRIES} entries")]
    TooLong(PathBuf),
}

/// Reads the lists that the settings name.
///
/// # Errors
/// When one of them cannot be read whole: a list that is half understood would let in the wrong people.
pub(crate) fn read(admission: &Admission) -> Result<Lists, ListError> {
    let mut lists = Lists::default();
    if let Some(allow) = named(&admission.allow) {
        let mut allowed = BTreeSet::new();
        each(allow, |entry| match peer(entry) {
            Some(peer) => {
                allowed.insert(peer);
                Ok(())
            }
            None => Err("expected a peer id (12D3Koo…)"),
        })?;
        lists.allowed = Some(allowed);
    }
    if let Some(block) = named(&admission.block) {
        each(block, |entry| {
            if let Some(peer) = peer(entry) {
                lists.blocked_peers.insert(peer);
            } else if let Ok(subnet) = entry.parse::<Subnet>() {
                lists.blocked_subnets.push(subnet);
            } else {
                return Err("expected a peer id (12D3Koo…), an address or a subnet (192.0.2.0/24)");
            }
            Ok(())
        })?;
    }
    if let Some(path) = named(&admission.tokens) {
        let mut tokens = BTreeSet::new();
        each(path, |entry| {
            let token = Token::of(entry.as_bytes());
            tokens.insert(token.ok_or("expected a token of 16 to 256 characters; `openssl rand -hex 16` makes one")?);
            Ok(())
        })?;
        lists.tokens = Some(tokens);
    }
    Ok(lists)
}

fn named(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}

/// Reads each entry of a file; what stands behind a # is a remark.
fn each(path: &Path, mut take: impl FnMut(&str) -> Result<(), &'static str>) -> Result<(), ListError> {
    let text = fs::read_to_string(path).map_err(|reason| ListError::Unreadable { path: path.to_owned(), reason })?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    for (number, entry) in lines.enumerate().filter(|(_, entry)| !entry.is_empty()) {
        if number >= MAX_ENTRIES {
            return Err(ListError::TooLong(path.to_owned()));
        }
        take(entry).map_err(|reason| ListError::NotUnderstood { path: path.to_owned(), line: number + 1, reason })?;
    }
    Ok(())
}

fn peer(text: &str) -> Option<PeerId> {
    split_peer(&Address(format!("/p2p/{text}"))).ok()?.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn lists(allow: &str, block: &str, tokens: &str) -> Result<Lists, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let named = Admission { allow: file("a", allow), block: file("b", block), tokens: file("t", tokens) };
        read(&named).map_err(|e| e.to_string())
    }

    #[test]
    fn peers_addresses_and_subnets_are_read_and_remarks_passed_over() {
        let read =
            lists(PEER, &format!("# whom we block\n{PEER} # spam\n\n192.0.2.0/24\n2001:db8::1\n"), "0123456789abcdef")
                .unwrap();
        assert_eq!(read.allowed.as_ref().map(BTreeSet::len), Some(1));
        assert_eq!((read.blocked_peers.len(), read.blocked_subnets.len()), (1, 2));
        assert!(read.tokens.unwrap().contains(&Token::of(b"0123456789abcdef").unwrap()));
        let none = Admission { allow: "".into(), block: "".into(), tokens: "".into() };
        assert_eq!(super::read(&none).unwrap(), Lists::default());
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        assert!(lists("nobody", "", "").unwrap_err().contains("line 1: expected a peer id"));
        assert!(lists("", "192.0.2.0/24\n192.0.2.0/40\n", "").unwrap_err().contains("line 2: expected a peer id"));
        assert!(lists("", "", "short").unwrap_err().contains("16 to 256 characters"));
    }
}
