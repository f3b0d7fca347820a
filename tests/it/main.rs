//! All stories, all attacks and all house rules, in one binary.

mod adversary;
mod cli;
mod convergence;
mod crash;
mod gate;
mod gate_fuzz;
mod net;
mod store;
mod stories;
mod tidy;
