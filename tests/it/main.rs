//! All stories, all attacks and all house rules, in one binary.

mod cli;
mod lab;
mod net;
mod processes;
mod store;
mod tidy;
