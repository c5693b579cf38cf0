//! A tenant who tries everything: whatever it tries is refused or held, and its neighbour works on.

mod attempts;
mod world;
