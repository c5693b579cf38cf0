//! Feeds the target that `CODITECT_FUZZ_TARGET` names.
#![no_main]

use std::sync::LazyLock;

use coditect_fuzzing::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("CODITECT_FUZZ_TARGET").expect("CODITECT_FUZZ_TARGET names a target");
    coditect_fuzzing::target(&name).expect("a directory of fuzz/corpus names a target")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
