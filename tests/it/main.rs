//! Stories, by theme.

mod store;
