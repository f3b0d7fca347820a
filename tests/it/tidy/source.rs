//! Reading Rust as far as the house rules need it: a file with its comments and literals blanked out.

use std::fs;
use std::path::Path;

/// One file of ours.
pub(super) struct Source {
    /// Where it is, from the workspace's root, with `/`.
    pub(super) path: String,
    /// As it was written.
    pub(super) text: String,
    /// The same with comments and literals replaced by spaces: lines and columns stay.
    pub(super) code: String,
    /// `code` with what is compiled only for tests blanked as well.
    pub(super) shipped: String,
}

/// One function: where it begins and how long it is.
#[derive(Debug, PartialEq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        let code = blank_words(text);
        let shipped = if is_test(path) { code.replace(|c| c != '\n', " ") } else { blank_tests(&code) };
        Source { path: path.into(), text: text.into(), code, shipped }
    }

    /// Returns the room that a file of `core` belongs to: `core/src/net/swarm.rs` is in `net`.
    pub(super) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("core/src/")?;
        let room = inside.split('/').next()?.trim_end_matches(".rs");
        (room != "lib").then_some(room)
    }

    /// Returns the crate whose shipped code this is.
    pub(super) fn package(&self) -> Option<&str> {
        let (package, _) = self.path.split_once("/src/")?;
        (package != "tests").then_some(package)
    }

    /// Returns the functions with their lengths, signature to closing brace.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("fn ").filter(|(at, _)| starts_word(&self.code, *at)) {
            let after = &self.code[at + 3..];
            let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(body) = body(after) else { continue };
            if !name.is_empty() {
                let item = &after[..body + block(&after[body..])];
                let line = self.code[..at].matches('\n').count() + 1;
                found.push(Function { name, line, lines: item.lines().count() });
            }
        }
        found
    }

    /// Returns the modules that shipped code reaches with a path that begins with `root::`, each with its line.
    pub(super) fn named_from(&self, root: &str) -> Vec<(String, usize)> {
        let mut named = Vec::new();
        let prefix = format!("{root}::");
        for (at, _) in self.shipped.match_indices(&prefix).filter(|(at, _)| starts_word(&self.shipped, *at)) {
            let line = self.shipped[..at].matches('\n').count() + 1;
            let after = &self.shipped[at + prefix.len()..];
            named.extend(first_names(after).into_iter().map(|name| (name, line)));
        }
        named
    }

    /// Returns the lines of shipped code that contain `what` as a word of its own.
    pub(super) fn lines_with(&self, what: &str) -> Vec<usize> {
        let hits = self.shipped.match_indices(what).filter(|(at, _)| starts_word(&self.shipped, *at));
        hits.map(|(at, _)| self.shipped[..at].matches('\n').count() + 1).collect()
    }
}

/// Returns all Rust files below `root` that are ours.
pub(super) fn all(root: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in files(root, "rs") {
        let text = fs::read_to_string(root.join(&path)).unwrap();
        sources.push(Source::new(&path, &text));
    }
    sources
}

/// Returns all files with an ending below `root`, without what is built, fetched or hidden; sorted.
pub(super) fn files(root: &Path, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// Whether a whole file is tests: the stories, and the acceptance tests that rooms ship for their traits.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.starts_with("tests/it/") || path.contains("/tests/") || name == "tests.rs" || name == "conformance.rs"
}

/// Whether no letter of the same word stands before position `at`.
fn starts_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Returns the first names in `a::b`, `{a::b, c}` or `{self, a}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    if !path.starts_with('{') {
        return vec![name(path)];
    }
    let group = &path[1..block(path) - 1];
    let mut depth = 0;
    let parts = group.split(|c| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        c == ',' && depth == 0
    });
    parts.map(|part| name(part.trim())).filter(|name| !name.is_empty() && name != "self").collect()
}

/// Returns where a function's body begins, if it has one. A `;` inside brackets belongs to an array's type.
fn body(signature: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in signature.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Returns the length of the block that `code` begins with, braces included.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + c.len_utf8();
        }
    }
    code.len()
}

/// Blanks each item under `#[cfg(test)]`.
fn blank_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut shipped = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let (before, item) = rest.split_at(at);
        let end = match item.find(['{', ';']) {
            Some(open) if item[open..].starts_with('{') => open + block(&item[open..]),
            Some(semicolon) => semicolon + 1,
            None => item.len(),
        };
        shipped.push_str(before);
        shipped.extend(item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    shipped + rest
}

/// Blanks comments, strings and character literals.
fn blank_words(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skip = word_length(rest, in_word);
        let (taken, blank) = if skip > 0 { (skip, true) } else { (first.len_utf8(), false) };
        code.extend(rest[..taken].chars().map(|c| if blank && c != '\n' { ' ' } else { c }));
        rest = &rest[taken..];
    }
    code
}

/// Returns how long the comment or literal is that `text` begins with; 0 when it begins with code.
fn word_length(text: &str, in_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    let raw = text.strip_prefix('b').unwrap_or(text);
    if !in_word && (raw.starts_with("r\"") || raw.starts_with("r#")) {
        let hashes = raw[1..].chars().take_while(|c| *c == '#').count();
        if raw[1 + hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = text.len() - raw.len() + 2 + hashes;
            return text[open..].find(&close).map_or(text.len(), |end| open + end + close.len());
        }
    }
    // 'a' and '\n' are characters, 'a without a closing quote is a lifetime.
    let letter = text.strip_prefix('\'').and_then(|after| after.chars().next());
    match letter {
        Some('\\') => quoted(text, '\''),
        Some(c) if text[1 + c.len_utf8()..].starts_with('\'') => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// Returns the length of a literal up to its unescaped closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

#[test]
fn comments_and_literals_are_blanked_and_lifetimes_are_not() {
    let text = "a /* x */ b \"s // \\\" t\" c 'x' '\\'' 'long r#\"q\" q\"# // e\nf";
    let code = blank_words(text);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "'long", "f"]);
    assert_eq!(code.matches('\n').count(), 1);
}

#[test]
fn tests_are_not_shipped() {
    let source = Source::new("core/src/x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}");
    assert_eq!(source.shipped.split_whitespace().collect::<Vec<_>>(), ["fn", "a()", "{}", "fn", "c()", "{}"]);
    assert!(Source::new("tests/it/x.rs", "fn a() {}").shipped.trim().is_empty());
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let source =
        Source::new("x.rs", "trait T { fn declared(&self); }\n\nfn one(f: fn(u8)) {}\nfn two() -> [u8; 2]\n{\n}\n");
    let found: Vec<_> = source.functions().into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    assert_eq!(found, [("one".to_string(), 3, 1), ("two".to_string(), 4, 3)]);
}

#[test]
fn paths_are_found_in_groups_and_outside() {
    let source = Source::new("x.rs", "use crate::{a::{b, c}, d, self};\nfn f(x: crate::e::F) { not_crate::g() }");
    let names: Vec<_> = source.named_from("crate").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "d", "e"]);
}
