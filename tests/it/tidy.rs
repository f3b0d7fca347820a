//! House rules, as tests: who may know whom, which door leads to which crate, how long things may be.
//!
//! Each rule is a function from files to complaints. One test holds it against the workspace; another feeds it a bad
//! sample, so that a rule that cannot fail is noticed. A new arrow means: change [`ARROWS`] and ARCHITECTURE.md in one
//! commit, and say why.

mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// Who may name whom. A room that is not here may not exist; an arrow that is not here may not be drawn.
const ARROWS: &[(&str, &[&str])] = &[
    ("id", &[]),
    ("time", &[]),
    ("crypto", &["id"]),
    ("identity", &["crypto", "id", "time"]),
    ("authority", &["crypto", "id", "time"]),
    ("conversation", &["crypto", "id", "time"]),
    ("envelope", &["conversation", "crypto", "id", "time"]),
    ("sync", &["conversation", "crypto", "id", "time"]),
    // Who was told already travels with a push, as the envelope's type. Links are chosen by lot.
    ("gossip", &["envelope", "crypto", "id", "time"]),
    ("timeline", &["conversation", "id", "time"]),
    ("rpc", &["id", "time"]),
    (
        "engine",
        &[
            "timeline",
            "gossip",
            "sync",
            "envelope",
            "conversation",
            "authority",
            "identity",
            "crypto",
            // Only its types: what is asked, what is answered.
            "rpc",
            // Only its trait and values: what is read through a view, what is asked to be kept.
            "store",
            "id",
            "time",
        ],
    ),
    ("store", &["id"]),
    ("net", &["crypto", "id"]),
    // Of authority only the limit of a name, which `init` checks.
    (
        "node",
        // Of envelope only the frame in which a new device answers, before there is an engine.
        &["engine", "store", "net", "rpc", "envelope", "identity", "authority", "crypto", "id", "time"],
    ),
    // Front ends hold a node and nothing else.
    ("cli", &["node", "rpc", "id", "time"]),
    ("desktop", &["node", "rpc", "id", "time"]),
    // It can read nothing, so it knows nothing that could.
    ("bootstrap-node", &["net", "id"]),
];

/// Foreign crates, and where alone they may be named.
const DOORS: &[(&str, &[&str])] = &[
    ("automerge", &["core/src/conversation"]),
    ("pulldown_cmark", &["core/src/rpc/markdown"]),
    ("qrcode", &["core/src/rpc/qr"]),
    // The types of the calls derive from it where they are; nothing else does.
    ("ts_rs", &["core/src/rpc"]),
    // The web is one front end of several, and stands in one place.
    ("hyper", &["cli/src/web"]),
    ("hyper_util", &["cli/src/web"]),
    ("http_body_util", &["cli/src/web"]),
    ("rust_embed", &["cli/src/web"]),
    ("tokio_rustls", &["cli/src/web"]),
    ("tokio_tungstenite", &["cli/src/web"]),
    ("sled", &["core/src/store/disk"]),
    ("zstd", &["core/src/store"]),
    ("crc32fast", &["core/src/store", "bootstrap-node/src/mailbox"]),
    ("toml", &["bootstrap-node/src/config"]),
    ("libp2p", &["core/src/net"]),
    ("futures_rustls", &["core/src/net"]),
    // Each program has one place that draws: the node, and the bootstrap node's own key.
    ("getrandom", &["core/src/node", "bootstrap-node/src/identity"]),
    ("keyring", &["core/src/node/system_keys"]),
    ("keyring_core", &["core/src/node/system_keys", "core/src/node/key/tests"]),
    ("rpassword", &["cli/src/unlock"]),
    ("rustix", &["cli/src/harden"]),
    ("ed25519_dalek", &["core/src/crypto"]),
    ("chacha20poly1305", &["core/src/crypto"]),
    ("hpke", &["core/src/crypto"]),
    ("hkdf", &["core/src/crypto"]),
    ("argon2", &["core/src/crypto"]),
    ("bip39", &["core/src/identity"]),
    ("sha2", &["core/src/crypto"]),
    ("unicode_security", &["core/src/engine/alarms"]),
    // A link's binding and a snapshot's checksum are hashes, and neither room knows one that could make them.
    ("blake3", &["core/src/crypto", "core/src/net", "core/src/store/disk"]),
];

/// Lines of shipped code in a file; with its tests it may have [`MAX_FILE_WITH_TESTS`].
const MAX_FILE: usize = 500;
const MAX_FILE_WITH_TESTS: usize = 700;
const MAX_FUNCTION: usize = 60;

/// What shipped code never says.
const FORBIDDEN: &[&str] = &["unwrap()", "todo!", "unimplemented!", "dbg!"];

/// What only `core/src/node` may ask; what clippy cannot see (another crate's `Instant`) is seen here.
const CLOCKS: &[&str] = &["SystemTime::now", "Instant::now"];

/// The public node is a program of its own, and has one clock, too.
const NODES_CLOCK: &str = "bootstrap-node/src/clock.rs";

/// The one exception: the network's timers. They say when to dial again and whom to give up, and never what is true.
const TIMERS: (&str, &str) = ("net", "Instant::now");

#[test]
fn rooms_know_only_whom_they_may() {
    complain(&arrows(&workspace()));
}

#[test]
fn foreign_crates_are_named_behind_their_doors() {
    complain(&doors(&workspace()));
}

#[test]
fn files_and_functions_fit_a_head_and_a_screen() {
    complain(&sizes(&workspace()));
}

#[test]
fn shipped_code_neither_panics_on_a_whim_nor_reads_the_clock() {
    complain(&words(&workspace()));
}

#[test]
fn links_in_documents_lead_somewhere() {
    complain(&links(&root(), &source::files(&root(), "md")));
}

#[test]
fn what_is_said_to_hold_is_shown_by_tests_that_exist() {
    let document = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    complain(&shown(&root(), &document));
}

#[test]
fn contexts_of_keys_and_hashes_are_listed() {
    let document = fs::read_to_string(root().join("docs/security-review.md")).unwrap();
    complain(&contexts(&workspace(), &document));
}

#[test]
fn the_wire_format_is_described_as_it_is() {
    let wire = fs::read_to_string(root().join("core/src/envelope/wire.rs"));
    let document = fs::read_to_string(root().join("docs/wire-format.md"));
    if let (Ok(wire), Ok(document)) = (wire, document) {
        complain(&described(&wire, &document));
    }
}

#[test]
fn the_table_has_no_circle() {
    let reached = |from: &str| -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = may_name(from).unwrap().to_vec();
        while let Some(room) = next.pop() {
            if seen.insert(room) {
                next.extend(may_name(room).unwrap_or_else(|| panic!("{room} has no row")));
            }
        }
        seen
    };
    let circular: Vec<_> = ARROWS.iter().map(|(room, _)| *room).filter(|room| reached(room).contains(room)).collect();
    assert_eq!(circular, [""; 0]);
}

/// Complains about rooms that name a room they may not, and about rooms that the table does not know.
fn arrows(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.package().is_some_and(|package| package != "xtask")) {
        let (room, mut named) = match source.room() {
            Some(room) => (room, source.named_from("crate")),
            None if source.path.starts_with("core/") => continue,
            None => (source.package().unwrap(), source.named_from("bayou_core")),
        };
        // In a room's first file, `super` is the whole crate.
        if source.path == format!("core/src/{room}.rs") {
            named.extend(source.named_from("super"));
        }
        let Some(allowed) = may_name(room) else {
            complaints.push(format!("{}: the room `{room}` is not in the table", source.path));
            continue;
        };
        let refused = named.iter().filter(|(name, _)| name != room && !allowed.contains(&name.as_str()));
        complaints
            .extend(refused.map(|(name, line)| format!("{}:{line}: `{room}` may not know `{name}`", source.path)));
    }
    complaints
}

/// Complains about foreign crates that are named outside their folder.
fn doors(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.package().is_some()) {
        for (name, folders) in DOORS {
            let inside = folders.iter().any(|folder| {
                source.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
            });
            if inside {
                continue;
            }
            let uses = [format!("{name}::"), format!("use {name};"), format!("use {name} as")];
            let lines: BTreeSet<usize> = uses.iter().flat_map(|text| source.lines_with(text)).collect();
            complaints.extend(
                lines.iter().map(|line| format!("{}:{line}: {name} is named outside {folders:?}", source.path)),
            );
        }
    }
    complaints
}

/// Complains about files and functions that are too long.
fn sizes(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let (all, shipped) = (source.text.lines().count(), shipped_lines(source));
        if shipped > MAX_FILE || all > MAX_FILE_WITH_TESTS {
            complaints.push(format!("{}: {shipped} lines and {all} with tests: split it", source.path));
        }
        for function in source.functions().iter().filter(|function| function.lines > MAX_FUNCTION) {
            let (name, line, lines) = (&function.name, function.line, function.lines);
            complaints.push(format!("{}:{line}: `{name}` has {lines} lines, at most {MAX_FUNCTION}", source.path));
        }
    }
    complaints
}

/// Complains about words that shipped code may not say.
fn words(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.package().is_some()) {
        for word in FORBIDDEN {
            let lines = source.lines_with(word);
            complaints.extend(lines.iter().map(|line| format!("{}:{line}: {word} outside tests", source.path)));
        }
        let may_ask = source.room() == Some("node") || source.package() == Some("xtask") || source.path == NODES_CLOCK;
        let timer = |clock: &str| source.room().is_some_and(|room| (room, clock) == TIMERS);
        for clock in CLOCKS.iter().filter(|clock| !may_ask && !timer(clock)) {
            let lines = source.lines_with(clock);
            complaints
                .extend(lines.iter().map(|line| format!("{}:{line}: {clock}: take `now` as an argument", source.path)));
        }
    }
    complaints
}

/// Complains about links that lead to no file.
fn links(root: &Path, documents: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in documents {
        let text = fs::read_to_string(root.join(path)).unwrap();
        let folder = root.join(path).parent().unwrap().to_path_buf();
        // Every second part between fences is code.
        for target in text.split("```").step_by(2).flat_map(targets) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !file.is_empty() && !folder.join(file).exists() {
                complaints.push(format!("{path}: the link to {target} leads nowhere"));
            }
        }
    }
    complaints
}

/// Complains when the code of the wire format was changed and its document was not read again.
fn described(wire: &str, document: &str) -> Vec<String> {
    let code: Vec<String> = Source::new("wire.rs", wire).shipped.split_whitespace().map(Into::into).collect();
    let hash = &blake3::hash(code.join(" ").as_bytes()).to_hex()[..16];
    if document.contains(&format!("wire.rs {hash}")) {
        return Vec::new();
    }
    vec![format!(
        "the wire format's code changed: bring docs/wire-format.md up to date and write in it: wire.rs {hash}"
    )]
}

/// Complains about rows of *What holds* that name no test, or one that is not there.
fn shown(root: &Path, document: &str) -> Vec<String> {
    let section = document.split("## What holds").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut complaints = Vec::new();
    for row in section.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            complaints.push(format!("no test shows it: {row}"));
        }
        let missing = names.iter().filter(|name| !is_test(root, name));
        complaints.extend(missing.map(|name| format!("there is no test {name}, which is to show: {row}")));
    }
    complaints
}

/// Tells whether there is a module of stories, or a test in one, by this path.
fn is_test(root: &Path, name: &str) -> bool {
    let file = |path: &str| root.join("tests/it").join(format!("{}.rs", path.replace("::", "/")));
    let function = |(module, function): (&str, &str)| {
        let text = fs::read_to_string(file(module)).unwrap_or_default();
        text.contains(&format!("fn {function}("))
    };
    file(name).exists() || name.rsplit_once("::").is_some_and(function)
}

/// Complains about strings that separate one use of a key or a hash from another, when code and document differ.
fn contexts(sources: &[Source], document: &str) -> Vec<String> {
    let used: BTreeSet<String> = sources
        .iter()
        .filter(|source| source.path.starts_with("core/src/"))
        .flat_map(|source| {
            source.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().split('"').skip(1)
        })
        .filter(|text| text.starts_with("bayou/") && text.len() < 60 && !text.contains('\n'))
        .map(str::to_owned)
        .collect();
    let listed: BTreeSet<String> =
        document.split('`').filter(|text| text.starts_with("bayou/")).map(str::to_owned).collect();
    let unlisted = used.difference(&listed).map(|text| format!("docs/security-review.md does not list `{text}`"));
    let unused =
        listed.difference(&used).map(|text| format!("docs/security-review.md lists `{text}`, which is not used"));
    unlisted.chain(unused).collect()
}

fn targets(markdown: &str) -> impl Iterator<Item = &str> {
    markdown.split("](").skip(1).filter_map(|after| after.split([')', ' ']).next())
}

fn shipped_lines(source: &Source) -> usize {
    if source.package().is_none() {
        return 0;
    }
    // Blanked tests are blank lines; what was blank before stays counted as shipped.
    let lines = source.text.lines().zip(source.shipped.lines()).zip(source.code.lines());
    lines.filter(|((_, shipped), code)| code.trim().is_empty() || !shipped.trim().is_empty()).count()
}

fn may_name(room: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(name, _)| *name == room).map(|(_, allowed)| *allowed)
}

fn workspace() -> Vec<Source> {
    source::all(&root())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn complain(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Bad samples: each rule must see what it is there to see.
mod samples {
    use super::*;

    fn one(path: &str, text: &str) -> [Source; 1] {
        [Source::new(path, text)]
    }

    #[test]
    fn a_forbidden_arrow_is_seen() {
        assert_eq!(arrows(&one("core/src/store/disk.rs", "use crate::engine::Engine;")).len(), 1);
        assert_eq!(arrows(&one("core/src/sync.rs", "use super::{id, engine::Input};")).len(), 1);
        assert_eq!(arrows(&one("core/src/conversation/gate.rs", "fn f(x: crate::store::Lsn) {}")).len(), 1);
        assert_eq!(arrows(&one("cli/src/main.rs", "use bayou_core::{node::Node, store::disk};")).len(), 1);
        assert_eq!(arrows(&one("core/src/helpers.rs", "")).len(), 1);
        assert!(arrows(&one("core/src/store.rs", "//! [`crate::engine`]\nuse crate::id::StreamId;")).is_empty());
    }

    #[test]
    fn a_crate_beside_its_door_is_seen() {
        assert_eq!(doors(&one("core/src/timeline.rs", "use automerge::ChangeHash;")).len(), 1);
        assert_eq!(doors(&one("core/src/store/disk_full.rs", "fn f() { sled::open(0) }")).len(), 1);
        assert!(doors(&one("core/src/store/disk/index.rs", "use sled::Db;")).is_empty());
        assert!(doors(&one("core/src/crypto.rs", "use blake3;")).is_empty());
    }

    #[test]
    fn too_long_is_seen() {
        let file = "fn f() {}\n".repeat(MAX_FILE + 1);
        assert_eq!(sizes(&one("core/src/long.rs", &file)).len(), 1);
        let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(MAX_FILE));
        assert!(sizes(&one("core/src/short.rs", &tests)).is_empty());
        let function = format!("fn f() {{\n{}}}\n", "g();\n".repeat(MAX_FUNCTION));
        assert_eq!(sizes(&one("core/src/x.rs", &function)).len(), 1);
    }

    #[test]
    fn a_forbidden_word_is_seen() {
        assert_eq!(words(&one("core/src/x.rs", "fn f() { g().unwrap(); }")).len(), 1);
        assert_eq!(words(&one("cli/src/main.rs", "fn f() { std::time::Instant::now(); dbg!(1); }")).len(), 2);
        assert!(words(&one("core/src/node/run.rs", "fn f() { Instant::now(); }")).is_empty());
        assert_eq!(words(&one("core/src/net/x.rs", "fn f() { Instant::now(); SystemTime::now(); }")).len(), 1);
        assert!(
            words(&one("core/src/x.rs", "// .unwrap()\n#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }"))
                .is_empty()
        );
    }

    #[test]
    fn a_dead_link_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.md"), "[b](b.md) [a](a.md#top) [w](https://b.md)\n```\n[c](c.md)\n```")
            .unwrap();
        assert_eq!(links(folder.path(), &["a.md".into()]), ["a.md: the link to b.md leads nowhere"]);
    }

    #[test]
    fn a_claim_without_a_test_is_seen() {
        let rows =
            |cell: &str| format!("## What holds\n\n| a | b | c |\n|---|---|---|\n| x | y | {cell} |\n\n## Else\n");
        assert_eq!(shown(&root(), &rows("`adversary::stranger`, `tidy`")), [""; 0]);
        assert_eq!(shown(&root(), &rows("`tidy::the_table_has_no_circle`")), [""; 0]);
        for bad in ["by reason", "`adversary::nobody`", "`tidy::all_is_well`", "`nothing::at_all`"] {
            assert_eq!(shown(&root(), &rows(bad)).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_context_that_is_not_listed_is_seen() {
        let code = one("core/src/x.rs", "const A: &str = \"bayou/1/a\";\n#[cfg(test)]\nmod tests { f(\"bayou/1/b\") }");
        assert_eq!(contexts(&code, "| `bayou/1/a` |"), [""; 0]);
        assert_eq!(contexts(&code, "").len(), 1);
        assert_eq!(contexts(&code, "`bayou/1/a` `bayou/1/c`").len(), 1);
    }

    #[test]
    fn a_changed_wire_format_is_seen() {
        let complaint = &described("fn encode() {}", "")[0];
        let hash = complaint.rsplit(' ').next().unwrap();
        let document = format!("Describes wire.rs {hash}.");
        assert!(described("// why\nfn encode() {}", &document).is_empty());
        assert_eq!(described("fn encode(more: u8) {}", &document).len(), 1);
    }
}
