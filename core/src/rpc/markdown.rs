//! Messages are written in Markdown; front ends get it as a tree, and never as text with marks to be trusted.
//!
//! What people write to each other is CommonMark with struck text, as far as it is text: there are no pictures from
//! elsewhere, no tables and no HTML. What looks like HTML is text, as is a link to anything but the web or a mail address; an
//! address in plain text becomes a link. One line feed is a new line, as whoever pressed the key meant it.
//!
//! Foreign text is read here, so the tree is bounded: [`MAX_DEPTH`] levels deep, [`MAX_NODES`] nodes, and not much more text
//! than was in the message. What would be larger is shown as it was written.

mod builder;
mod links;

use serde::{Deserialize, Serialize};

pub(super) use builder::read;

/// The most levels of a tree. What is nested deeper stands on the last one.
const MAX_DEPTH: usize = 16;

/// The most nodes of a tree.
const MAX_NODES: usize = 4096;

/// The most bytes of text and addresses in a tree: a few times those of the longest message.
const MAX_TEXT: usize = 128 * 1024;

/// A block of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// What is in it.
        inlines: Vec<Inline>,
    },
    /// A heading.
    Heading {
        /// 1 to 6.
        level: u8,
        /// What is in it.
        inlines: Vec<Inline>,
    },
    /// A quotation.
    Quote {
        /// What is in it.
        blocks: Vec<Block>,
    },
    /// A list.
    List {
        /// The number of the first item; absent: it has bullets.
        start: Option<u32>,
        /// What is in each item.
        items: Vec<Vec<Block>>,
    },
    /// Code.
    Code {
        /// The language that its author named; empty: none.
        lang: String,
        /// The code.
        text: String,
    },
    /// A line across.
    Rule,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inline {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Strong text.
    Strong {
        /// What is in it.
        inlines: Vec<Inline>,
    },
    /// Emphasised text.
    Emphasis {
        /// What is in it.
        inlines: Vec<Inline>,
    },
    /// Struck text.
    Strike {
        /// What is in it.
        inlines: Vec<Inline>,
    },
    /// Code within a line.
    Code {
        /// The code.
        text: String,
    },
    /// A link.
    Link {
        /// Where to: an address that begins with `http:`, `https:` or `mailto:`.
        href: String,
        /// What is shown for it.
        inlines: Vec<Inline>,
    },
    /// A new line.
    Break,
}

#[cfg(test)]
mod tests;
