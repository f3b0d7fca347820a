//! Messages are written in Markdown; front ends get it as a tree.

use serde::{Deserialize, Serialize};

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
