//! One terminal: a PTY with the user's shell, the model of its screen, and the clients that look at it.

pub mod model;
mod render;
mod ring;
mod scan;
