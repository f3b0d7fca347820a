//! All stories, one binary.

mod net;
