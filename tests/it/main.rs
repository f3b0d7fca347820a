//! Stories and attacks, in one binary.

mod gate;
mod gate_fuzz;
