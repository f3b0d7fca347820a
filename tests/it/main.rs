//! All stories, all attacks and all house rules, in one binary.

mod adversary;
mod cli;
mod convergence;
mod crash;
mod gate;
mod gate_fuzz;
mod harm;
mod identity;
mod lab;
mod net;
mod processes;
mod store;
mod stories;
mod tidy;
mod wire;
