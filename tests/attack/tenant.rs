//! A tenant who tries everything: whatever it tries is refused or held, and its neighbour works on.

mod agent;
mod attempts;
mod descriptors;
mod hogs;
mod races;
mod terminal;
mod world;
