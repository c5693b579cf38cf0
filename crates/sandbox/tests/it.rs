//! Real sandboxes on this machine: what they keep apart, what they limit, and that nothing is left of them.
//!
//! These tests make namespaces, mounts and control groups, so they need root, and say so if they do not have it.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

mod it {
    pub(crate) mod harness;
    mod isolation;
    mod lifecycle;
    mod limits;
    mod network;
    mod programs;
    mod speed;
    mod tools;
    mod unprivileged;
    mod warm;
}
