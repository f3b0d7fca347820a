//! All stories and all house rules, in one binary.

mod tidy;
