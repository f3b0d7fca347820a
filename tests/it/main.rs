//! All stories, all attacks and all house rules, in one binary.

mod adversary;
mod authority;
mod cli;
mod convergence;
mod crash;
mod devices;
mod disappearing;
mod epochs;
mod erasing;
mod gate;
mod gate_fuzz;
mod group_keys;
mod harm;
mod identity;
mod lab;
mod members;
mod net;
mod notices;
mod parsers;
mod processes;
mod rest;
mod roles;
mod store;
mod stories;
mod tidy;
mod wire;
