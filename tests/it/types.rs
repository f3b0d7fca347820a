//! The types of the calls, as the page has them: written from the Rust types, and never by hand.
//!
//! `cargo xtask types` writes `desktop/ui/src/lib/rpc/bindings.ts`; the test fails when that is not what would be written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bayou_core::rpc::{Event, METHODS, Reply, Request, RpcError};
use ts_rs::{Config, TS, TypeVisitor};

const HEAD: &str = "\
// Written by `cargo xtask types` from core/src/rpc. Do not change it here.
//
// `Methods` has what each call takes and gives, `Events` what comes unasked: see docs/api.md.
";

const TAIL: &str = "
/** What each call takes, and what answers it. */
export type Methods = {
  [M in keyof Replies]: { params: Params<M>; result: Replies[M] };
};

/** What a call takes; `undefined` if nothing. */
export type Params<M extends Request[\"method\"]> = Extract<Request, { method: M }> extends { params: infer P } ? P : undefined;

/** What comes unasked, by name; `undefined` if the name says all. */
export type Events = {
  [E in Event as E[\"method\"]]: E extends { params: infer P } ? P : undefined;
};
";

/// Declares types, each once, in order of name.
#[derive(Default)]
struct Declarations(BTreeMap<String, String>);

impl Declarations {
    fn config() -> Config {
        Config::new().with_large_int("number")
    }

    fn declare<T: TS + 'static + ?Sized>(&mut self) {
        T::visit_dependencies(self);
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // What has no file of its own is built in.
        if T::output_path().is_none() || self.0.contains_key(&T::ident(&Self::config())) {
            return;
        }
        self.0.insert(T::ident(&Self::config()), document(T::docs()) + "export " + &T::decl(&Self::config()));
        self.declare::<T>();
    }
}

fn document(docs: Option<String>) -> String {
    docs.map_or_else(String::new, |docs| docs.trim_end().to_owned() + "\n")
}

/// Returns all types, as a file.
fn typescript() -> String {
    let config = Declarations::config();
    let mut types = Declarations::default();
    types.declare::<Reply>();
    types.visit::<Request>();
    types.visit::<Event>();
    types.visit::<RpcError>();
    let mut out = HEAD.to_owned();
    for declaration in types.0.values() {
        writeln!(out, "\n{}", declaration.trim_end()).unwrap();
    }
    let (names, answers) = (names(), variants(&Reply::inline(&config)));
    assert_eq!(names.len(), answers.len());
    for (name, answer) in names.iter().zip(answers) {
        writeln!(out, "\nexport type {name}Reply = {answer};").unwrap();
    }
    writeln!(out, "\n/** What answers each call. */\nexport type Replies = {{").unwrap();
    for (method, replies) in METHODS {
        assert!(replies.iter().all(|reply| names.contains(reply)), "{method}");
        let of = |name: &&str| format!("{name}Reply");
        writeln!(out, "  {method}: {};", replies.iter().map(of).collect::<Vec<_>>().join(" | ")).unwrap();
    }
    tighten(&(out + "};\n" + TAIL))
}

/// Puts comments of one line on one line.
fn tighten(text: &str) -> String {
    let mut parts = text.split("/**\n * ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("\n */") {
            Some((line, rest)) if !line.contains('\n') => write!(out, "/** {line} */{rest}").unwrap(),
            _ => write!(out, "/**\n * {part}").unwrap(),
        }
    }
    out.replace(" \n", "\n").replace(", };", " };")
}

/// Returns the names of the replies, in order: serde and ts-rs leave them out, as they do not travel.
fn names() -> Vec<&'static str> {
    let source = include_str!("../../core/src/rpc/reply.rs").lines().skip_while(|line| !line.starts_with("pub enum"));
    let variants = source.filter(|line| line.starts_with("    ") && line.as_bytes()[4].is_ascii_uppercase());
    variants.map(|line| line.trim().split([' ', '(', ',']).next().unwrap()).collect()
}

/// Cuts a union into its variants. What stands in comments and in quotes cuts nothing.
fn variants(union: &str) -> Vec<String> {
    let (mut found, mut depth, mut one, mut rest) = (Vec::new(), 0, String::new(), union);
    while let Some(c) = rest.chars().next() {
        let quoted = match c {
            '"' => rest[1..].find('"').map(|end| end + 2),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2),
            _ => None,
        };
        match c {
            '{' | '<' | '(' | '[' => depth += 1,
            '}' | '>' | ')' | ']' => depth -= 1,
            _ => {}
        }
        let length = quoted.unwrap_or(c.len_utf8());
        if c == '|' && depth == 0 {
            found.push(std::mem::take(&mut one).trim().to_owned());
        } else {
            one.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    found.push(one.trim().to_owned());
    found
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../desktop/ui/src/lib/rpc/bindings.ts")
}

#[test]
fn the_page_has_the_types_that_the_peer_has() {
    let written = typescript();
    if std::env::var_os("BAYOU_WRITE_TYPES").is_some() {
        std::fs::write(committed(), &written).unwrap();
    }
    let committed = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(committed == written, "the calls changed: run `cargo xtask types` and commit what it writes");
}
