//! All stories, all attacks and all house rules, in one binary.

mod cli;
mod convergence;
mod gate;
mod gate_fuzz;
mod net;
mod store;
mod tidy;
