//! `[warm]`: how many sandboxes are prepared before anybody asks for them.

use coditect_model::warm::Policy;
use serde::Deserialize;

use super::Reader;

/// The most that one helper process keeps waiting.
const MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    max: Option<usize>,
    memory_bytes: Option<u64>,
}

/// Reads the table; a problem is noted and leaves the default.
pub(super) fn read(reader: &mut Reader) -> Policy {
    let default = Policy::default();
    let Some(value) = reader.take("warm") else { return default };
    let section = match value.try_into::<Section>() {
        Ok(section) => section,
        Err(error) => {
            reader.problem(format!("warm: {}", error.message()));
            return default;
        }
    };
    let max = section.max.unwrap_or(default.max);
    if max > MAX {
        reader.problem(format!("warm.max: must be a whole number from 0 to {MAX}"));
        return default;
    }
    Policy { max, memory_bytes: section.memory_bytes.unwrap_or(default.memory_bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Problems};

    #[test]
    fn a_number_is_taken_and_nonsense_is_named() {
        let parse = |text: &str| Config::parse(text, &Environment::new());
        assert_eq!(parse("").unwrap().warm, Policy::default());
        assert_eq!(parse("[warm]\nmax = 0").unwrap().warm, Policy { max: 0, ..Policy::default() });
        assert_eq!(parse("[warm]\nmax = 9\nmemory_bytes = 5").unwrap().warm, Policy { max: 9, memory_bytes: 5 });
        for wrong in ["[warm]\nmax = 1000", "[warm]\nmax = -1", "[warm]\nmost = 1", "warm = 3"] {
            let Problems(problems) = parse(wrong).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with("warm"), "{problems:?}");
        }
        let environment = Environment::from([("CODITECT_WARM__MAX".to_owned(), "2".to_owned())]);
        assert_eq!(Config::parse("", &environment).unwrap().warm.max, 2);
    }
}
