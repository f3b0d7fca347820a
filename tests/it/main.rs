//! All stories, all attacks and all house rules, in one binary.

mod cli;
mod net;
mod store;
mod tidy;
