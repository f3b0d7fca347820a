//! From the parser's events to the tree.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TextMergeStream};

use super::{Block, Inline, MAX_DEPTH, MAX_NODES, MAX_TEXT, links};

/// The longest name of a language of code, in characters.
const MAX_LANGUAGE: usize = 40;

/// Reads a message. Whatever the text, there is a tree.
pub(in crate::rpc) fn read(text: &str) -> Vec<Block> {
    let mut builder = Builder::default();
    for event in TextMergeStream::new(Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH)) {
        if builder.take(event).is_none() {
            return plain(text);
        }
    }
    builder.done
}

/// Returns a text as it was written.
fn plain(text: &str) -> Vec<Block> {
    vec![Block::Code { lang: String::new(), text: text.to_owned() }]
}

/// What was begun and is not at its end.
enum Open {
    Paragraph(Vec<Inline>),
    Heading(u8, Vec<Inline>),
    Quote(Vec<Block>),
    List(Option<u32>, Vec<Vec<Block>>),
    Item(Vec<Block>),
    Code(String, String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Strike(Vec<Inline>),
    Link(String, Vec<Inline>),
    /// Text alone: its parts stand where it stands.
    Bare(Vec<Inline>),
}

/// A tree that grows.
#[derive(Default)]
struct Builder {
    done: Vec<Block>,
    open: Vec<Open>,
    /// How many are open that are nested too deep to be shown as such.
    flat: usize,
    nodes: usize,
    text: usize,
}

impl Builder {
    /// Takes an event in; `None` when the tree would be too large.
    fn take(&mut self, event: Event<'_>) -> Option<()> {
        match event {
            Event::Start(_) if self.open.len() >= MAX_DEPTH => self.flat += 1,
            Event::Start(tag) => self.begin(tag)?,
            Event::End(_) if self.flat > 0 => self.flat -= 1,
            Event::End(_) => self.end()?,
            Event::Text(text) => self.say(&text)?,
            Event::Html(text) | Event::InlineHtml(text) => self.say(&text)?,
            Event::Code(text) => {
                self.weigh(text.len())?;
                self.put(Inline::Code { text: text.into_string() })?;
            }
            Event::SoftBreak | Event::HardBreak => self.put(Inline::Break)?,
            Event::Rule => self.place(Block::Rule)?,
            // These come only with options that are not set.
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
        Some(())
    }

    fn begin(&mut self, tag: Tag<'_>) -> Option<()> {
        let open = match tag {
            Tag::Heading { level, .. } => Open::Heading(level as u8, vec![]),
            Tag::BlockQuote(_) => Open::Quote(vec![]),
            Tag::List(start) => Open::List(start.map(|start| u32::try_from(start).unwrap_or(u32::MAX)), vec![]),
            Tag::Item => Open::Item(vec![]),
            Tag::CodeBlock(kind) => {
                let named = if let CodeBlockKind::Fenced(info) = &kind { info.as_ref() } else { "" };
                let lang = named.split_whitespace().next().unwrap_or_default();
                Open::Code(lang.chars().take(MAX_LANGUAGE).collect(), String::new())
            }
            Tag::Strong => Open::Strong(vec![]),
            Tag::Emphasis => Open::Emphasis(vec![]),
            Tag::Strikethrough => Open::Strike(vec![]),
            // A picture is not fetched: there is a link to it.
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => match links::allowed(&dest_url) {
                Some(href) if !self.is_in_link() => {
                    self.weigh(href.len())?;
                    Open::Link(href.to_owned(), vec![])
                }
                _ => Open::Bare(vec![]),
            },
            _ => Open::Paragraph(vec![]),
        };
        self.open.push(open);
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        match self.open.pop()? {
            Open::Paragraph(inlines) if inlines.is_empty() => Some(()),
            Open::Paragraph(inlines) => self.place(Block::Paragraph { inlines }),
            Open::Heading(level, inlines) => self.place(Block::Heading { level, inlines }),
            Open::Quote(blocks) => self.place(Block::Quote { blocks }),
            Open::List(start, items) => self.place(Block::List { start, items }),
            Open::Item(blocks) => match self.open.last_mut() {
                Some(Open::List(_, items)) => {
                    items.push(blocks);
                    self.count()
                }
                _ => blocks.into_iter().try_for_each(|block| self.place(block)),
            },
            Open::Code(lang, text) => self.place(Block::Code { lang, text }),
            Open::Strong(inlines) => self.put(Inline::Strong { inlines }),
            Open::Emphasis(inlines) => self.put(Inline::Emphasis { inlines }),
            Open::Strike(inlines) => self.put(Inline::Strike { inlines }),
            Open::Link(href, inlines) => self.put(Inline::Link { href, inlines }),
            Open::Bare(inlines) => inlines.into_iter().try_for_each(|inline| self.put(inline)),
        }
    }

    /// Takes text in, in which addresses become links.
    fn say(&mut self, text: &str) -> Option<()> {
        self.weigh(text.len())?;
        if let Some(Open::Code(_, code)) = self.open.last_mut() {
            code.push_str(text);
            return Some(());
        }
        let is_in_link = self.is_in_link();
        for (at, line) in text.trim_end_matches('\n').split('\n').enumerate() {
            if at > 0 {
                self.put(Inline::Break)?;
            }
            for (piece, is_link) in links::pieces(line) {
                let text = Inline::Text { text: piece.to_owned() };
                if is_link && !is_in_link {
                    self.weigh(piece.len())?;
                    self.count()?;
                    self.put(Inline::Link { href: piece.to_owned(), inlines: vec![text] })?;
                } else {
                    self.put(text)?;
                }
            }
        }
        Some(())
    }

    /// Puts a piece of a line where it belongs. Text joins the text before it: the parser gives it in bits.
    fn put(&mut self, inline: Inline) -> Option<()> {
        self.count()?;
        if matches!(self.open.last(), None | Some(Open::Item(_) | Open::Quote(_) | Open::List(..))) {
            // Perhaps there is to be a paragraph around it.
            self.count()?;
        }
        let line = match self.open.last_mut() {
            Some(
                Open::Paragraph(inlines)
                | Open::Heading(_, inlines)
                | Open::Strong(inlines)
                | Open::Emphasis(inlines)
                | Open::Strike(inlines)
                | Open::Link(_, inlines)
                | Open::Bare(inlines),
            ) => inlines,
            // The items of a tight list hold lines without a paragraph around them.
            Some(Open::Item(blocks) | Open::Quote(blocks)) => paragraph(blocks)?,
            Some(Open::List(_, items)) => paragraph(items.last_mut()?)?,
            Some(Open::Code(_, code)) => {
                if let Inline::Text { text } | Inline::Code { text } = inline {
                    code.push_str(&text);
                }
                return Some(());
            }
            None => paragraph(&mut self.done)?,
        };
        match (line.last_mut(), inline) {
            (Some(Inline::Text { text }), Inline::Text { text: more }) => text.push_str(&more),
            (_, inline) => line.push(inline),
        }
        Some(())
    }

    fn place(&mut self, block: Block) -> Option<()> {
        self.count()?;
        match self.open.last_mut() {
            Some(Open::Quote(blocks) | Open::Item(blocks)) => blocks.push(block),
            Some(Open::List(_, items)) => items.push(vec![block]),
            // Blocks stand in nothing else.
            _ => self.done.push(block),
        }
        Some(())
    }

    fn is_in_link(&self) -> bool {
        self.open.iter().any(|open| matches!(open, Open::Link(..)))
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= MAX_NODES).then_some(())
    }

    fn weigh(&mut self, bytes: usize) -> Option<()> {
        self.text += bytes;
        (self.text <= MAX_TEXT).then_some(())
    }
}

/// Returns the line at the end of blocks, which begins there if there is none.
fn paragraph(blocks: &mut Vec<Block>) -> Option<&mut Vec<Inline>> {
    if !matches!(blocks.last(), Some(Block::Paragraph { .. })) {
        blocks.push(Block::Paragraph { inlines: vec![] });
    }
    match blocks.last_mut() {
        Some(Block::Paragraph { inlines }) => Some(inlines),
        _ => None,
    }
}
