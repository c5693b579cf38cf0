//! Which files a search looks at.

use std::path::{Component, Path};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, Walk, WalkBuilder};

use crate::error::{Error, Result};
use crate::files::failure::failed;
use crate::files::is_temporary;

/// Deepest nesting that is searched: each level keeps one directory open.
const DEPTH_MAX: usize = 128;
/// Most patterns in one list.
const GLOBS_MAX: usize = 64;

/// Walks the regular files below `root`: hidden ones too, what ignore files name only if `ignored`; never `.git`, the
/// trash, links, or other file systems.
pub(super) fn files(root: &Path, ignored: bool, globs: Globs) -> Result<impl Iterator<Item = DirEntry> + use<>> {
    // Told here, because the walk itself passes over what it cannot read.
    root.read_dir().map_err(|error| failed("search", root, &error))?;
    Ok(walk(root, ignored, globs)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file())))
}

fn walk(root: &Path, ignored: bool, globs: Globs) -> impl Iterator<Item = Result<DirEntry, ignore::Error>> + use<> {
    let Globs { include, exclude } = globs;
    let walk: Walk = WalkBuilder::new(root)
        .standard_filters(!ignored)
        .hidden(false)
        // A .gitignore counts before `git init` too, as it does for an editor.
        .require_git(false)
        .follow_links(false)
        .same_file_system(true)
        .max_depth(Some(DEPTH_MAX))
        .filter_entry(move |entry| {
            let name = entry.file_name();
            let directory = entry.file_type().is_some_and(|kind| kind.is_dir());
            let own = name == ".git" || is_temporary(name) || entry.path().ends_with(".coditect/trash");
            let left_out = own || exclude.matched(entry.path(), directory).is_ignore();
            entry.depth() == 0 || !left_out
        })
        .build();
    walk.filter(move |entry| {
        let Ok(entry) = entry else { return true };
        include.is_empty() || include.matched(entry.path(), false).is_whitelist()
    })
}

/// The patterns of `include` and `exclude`, each a list as editors take it: `*.rs, src/**, docs`.
#[derive(Clone)]
pub(super) struct Globs {
    include: Override,
    exclude: Override,
}

impl Globs {
    pub(super) fn none() -> Self {
        Self { include: Override::empty(), exclude: Override::empty() }
    }

    pub(super) fn parse(root: &Path, include: Option<&str>, exclude: Option<&str>) -> Result<Self> {
        Ok(Self {
            include: overrides(root, "include", include, "")?,
            exclude: overrides(root, "exclude", exclude, "!")?,
        })
    }
}

fn overrides(root: &Path, field: &str, list: Option<&str>, sign: &str) -> Result<Override> {
    let wrong = |error: ignore::Error| Error::invalid_value(field, format!("a pattern is not understood: {error}"));
    let mut builder = OverrideBuilder::new(root);
    for (count, pattern) in split(list.unwrap_or_default()).into_iter().enumerate() {
        if count == GLOBS_MAX {
            return Err(Error::invalid_value(field, format!("more than {GLOBS_MAX} patterns")));
        }
        if pattern.starts_with('!') {
            return Err(Error::invalid_value(field, "write what to leave out into `exclude`, without `!`"));
        }
        // `./src` is anchored; `src` means the directory of that name anywhere, and all that is in it.
        let pattern = pattern.strip_prefix('.').filter(|rest| rest.starts_with('/')).unwrap_or(pattern);
        let pattern = pattern.trim_end_matches('/');
        builder.add(&format!("{sign}{pattern}")).map_err(wrong)?;
        if !pattern.ends_with("**") {
            builder.add(&format!("{sign}{}/**", anywhere(pattern))).map_err(wrong)?;
        }
    }
    builder.build().map_err(wrong)
}

/// With `/**` behind it a pattern holds a slash, which anchors it in an ignore file: say again that it was not.
fn anywhere(pattern: &str) -> String {
    if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") }
}

/// Splits at commas outside braces and brackets.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (index, character) in list.char_indices() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The path below `root`, as text.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let mut text = String::with_capacity(below.as_os_str().len());
    for component in below.components() {
        if let Component::Normal(part) = component {
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(&part.to_string_lossy());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_braces() {
        assert_eq!(split("*.{rs,toml}, src/** ,,[,]x"), ["*.{rs,toml}", "src/**", "[,]x"]);
        assert!(split(" , ").is_empty());
    }
}
