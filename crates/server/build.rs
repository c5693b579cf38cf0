//! The embedded web app is part of the binary: build again when it changes.

fn main() {
    // A directory is watched by its modification time; vite empties and refills it at every build.
    cargo_rerun("../../web/dist");
    cargo_rerun("../../web/dist/assets");
}

fn cargo_rerun(path: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "cargo::rerun-if-changed={path}");
}
