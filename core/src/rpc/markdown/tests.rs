use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

/// Writes a tree down, for comparing.
fn shown(blocks: &[Block]) -> String {
    let one = |block: &Block| match block {
        Block::Paragraph { inlines } => format!("p({})", lined(inlines)),
        Block::Heading { level, inlines } => format!("h{level}({})", lined(inlines)),
        Block::Quote { blocks } => format!("quote({})", shown(blocks)),
        Block::List { start, items } => {
            let items: Vec<String> = items.iter().map(|item| shown(item)).collect();
            format!("list{}({})", start.map(|n| n.to_string()).unwrap_or_default(), items.join("; "))
        }
        Block::Code { lang, text } => format!("code[{lang}]({text})"),
        Block::Rule => "rule".into(),
    };
    blocks.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn lined(inlines: &[Inline]) -> String {
    let one = |inline: &Inline| match inline {
        Inline::Text { text } => text.clone(),
        Inline::Strong { inlines } => format!("b<{}>", lined(inlines)),
        Inline::Emphasis { inlines } => format!("i<{}>", lined(inlines)),
        Inline::Strike { inlines } => format!("s<{}>", lined(inlines)),
        Inline::Code { text } => format!("c<{text}>"),
        Inline::Link { href, inlines } => format!("a[{href}]<{}>", lined(inlines)),
        Inline::Break => "⏎".into(),
    };
    inlines.iter().map(one).collect()
}

#[test]
fn what_people_write_is_read_as_they_mean_it() {
    let cases = [
        ("hello", "p(hello)"),
        ("one\ntwo", "p(one⏎two)"),
        ("**bold**, *leaning*, ~~gone~~ and `code`", "p(b<bold>, i<leaning>, s<gone> and c<code>)"),
        ("# Boats\n\ntext", "h1(Boats) p(text)"),
        ("> said\n\nanswered", "quote(p(said)) p(answered)"),
        ("- a\n- b\n  - c", "list(p(a); p(b) list(p(c)))"),
        ("3. a\n4. b", "list3(p(a); p(b))"),
        ("```rust ignore\nlet a = 1;\n```", "code[rust](let a = 1;\n)"),
        ("---", "rule"),
        ("[here](https://example.org/a)", "p(a[https://example.org/a]<here>)"),
        ("<https://example.org>", "p(a[https://example.org]<https://example.org>)"),
        ("see https://example.org/a_b_(c).", "p(see a[https://example.org/a_b_(c)]<https://example.org/a_b_(c)>.)"),
        ("看 https://example.org/路。", "p(看 a[https://example.org/路]<https://example.org/路>。)"),
        ("[mail](mailto:a@example.org)", "p(a[mailto:a@example.org]<mail>)"),
        ("![a boat](https://example.org/a.png)", "p(a[https://example.org/a.png]<a boat>)"),
        ("[https://good.example](https://bad.example)", "p(a[https://bad.example]<https://good.example>)"),
        ("", ""),
    ];
    for (text, tree) in cases {
        assert_eq!(shown(&read(text)), tree, "{text:?}");
    }
}

#[test]
fn what_is_no_text_is_shown_as_text() {
    for (text, tree) in [
        ("<script>alert(1)</script>", "p(<script>alert(1)</script>)"),
        ("a <b onclick=x>b</b>", "p(a <b onclick=x>b</b>)"),
        ("[x](javascript:alert(1))", "p(x)"),
        ("[x](data:text/html,y)", "p(x)"),
        ("[x](file:///etc/passwd)", "p(x)"),
        ("[x](JaVaScRiPt:alert)", "p(x)"),
        ("[x](//example.org)", "p(x)"),
        ("https://", "p(https://)"),
        ("xhttps://example.org", "p(xhttps://example.org)"),
    ] {
        assert_eq!(shown(&read(text)), tree, "{text:?}");
    }
}

/// Returns how deep and how large a tree is, and how much text is in it.
fn measured(blocks: &[Block]) -> (usize, usize, usize) {
    let join = |all: Vec<(usize, usize, usize)>| {
        all.into_iter().fold((0, 0, 0), |sum, one| (sum.0.max(one.0), sum.1 + one.1, sum.2 + one.2))
    };
    fn lines(inlines: &[Inline]) -> Vec<(usize, usize, usize)> {
        let one = |inline: &Inline| match inline {
            Inline::Text { text } | Inline::Code { text } => (1, 1, text.len()),
            Inline::Strong { inlines } | Inline::Emphasis { inlines } | Inline::Strike { inlines } => {
                let (depth, nodes, text) = sum(lines(inlines));
                (depth + 1, nodes + 1, text)
            }
            Inline::Link { href, inlines } => {
                let (depth, nodes, text) = sum(lines(inlines));
                (depth + 1, nodes + 1, text + href.len())
            }
            Inline::Break => (1, 1, 0),
        };
        inlines.iter().map(one).collect()
    }
    fn sum(all: Vec<(usize, usize, usize)>) -> (usize, usize, usize) {
        all.into_iter().fold((0, 0, 0), |sum, one| (sum.0.max(one.0), sum.1 + one.1, sum.2 + one.2))
    }
    let one = |block: &Block| {
        let (depth, nodes, text) = match block {
            Block::Paragraph { inlines } | Block::Heading { inlines, .. } => join(lines(inlines)),
            Block::Quote { blocks } => measured(blocks),
            Block::List { items, .. } => {
                let (depth, nodes, text) = join(items.iter().map(|item| measured(item)).collect());
                (depth + 1, nodes, text)
            }
            Block::Code { text, .. } => (0, 0, text.len()),
            Block::Rule => (0, 0, 0),
        };
        (depth + 1, nodes + 1, text)
    };
    join(blocks.iter().map(one).collect())
}

#[track_caller]
fn is_bounded(text: &str) {
    let blocks = read(text);
    let (depth, nodes, weight) = measured(&blocks);
    // Above the deepest that is open stand a line and its text.
    assert!(depth <= MAX_DEPTH + 2, "{depth} deep");
    assert!(nodes <= MAX_NODES && weight <= MAX_TEXT, "{nodes} nodes, {weight} bytes of {}", text.len());
    // What the page gets, it can read.
    let json = serde_json::to_string(&blocks).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Block>>(&json).unwrap(), blocks);
}

#[test]
fn what_would_grow_without_end_is_bounded() {
    for text in [">", "- ", "*a _b ", "[", "![", "**", "~~a ", "1. a\n   ", "`", "\\", "<", "&amp;", "> - "] {
        is_bounded(&text.repeat(32 * 1024 / text.len()));
    }
    let far = format!("[a]: https://{}\n\n{}", "x".repeat(1900), "[a] ".repeat(7_000));
    is_bounded(&far);
    is_bounded(&"https://a.example ".repeat(1_700));
}

/// Pieces of Markdown in any order, with damage: no panic, and the tree stays bounded.
#[test]
fn foreign_text_does_no_harm() {
    const PIECES: [&str; 26] = [
        "**", "*", "_", "~~", "`", "```", "\n", "\n\n", "> ", "- ", "1. ", "    ", "[", "](", ")", "![", "<", ">",
        "https://", "a", "é", "路", "&#x0;", "\\", "---", "\u{0}",
    ];
    let seed = 20_261_125;
    println!("SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut below = move |bound: usize| rng.next_u32() as usize % bound;
    for _ in 0..3_000 {
        let text: String = (0..below(200)).map(|_| PIECES[below(PIECES.len())]).collect();
        is_bounded(&text);
    }
}
