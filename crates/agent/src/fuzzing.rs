//! What fuzzers call: each function takes any bytes and asserts what must hold of one parser, whatever they are.
//!
//! Behind the feature `fuzzing`, which only crate `fuzzing` asks for.

pub use crate::files::fuzzing::{page_token, path, precondition, range};
pub use crate::search::fuzzing::shown_line;
pub use crate::terminal::fuzzing::screen;
