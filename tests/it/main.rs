//! All stories, all attacks and all house rules, in one binary.

mod cli;
mod convergence;
mod gate;
mod gate_fuzz;
mod harm;
mod lab;
mod net;
mod processes;
mod store;
mod tidy;
mod wire;
