//! Names people type: validated once, where they enter, and carried as types from there on.
//!
//! **Invariants**: every accepted name is NFC, has no control, bidirectional-override or invisible characters (they
//! make two different names look alike, or rewrite a log line), and has a bounded length.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Longest e-mail address in bytes (RFC 5321 section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_MAX_BYTES: usize = 254;
/// Longest display or workspace name, in Unicode scalar values.
pub const NAME_MAX_CHARS: usize = 64;

/// Why a name was refused. The text is for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing visible is left.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// Over the limit.
    #[error("{what} must be at most {max} characters long")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A character that does not show.
    #[error("{0} contains a control or invisible character")]
    Invisible(&'static str),
    /// Not of the form `name@domain`.
    #[error("this is not an e-mail address: it needs the form name@example.com")]
    NotAnEmail,
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

fn tidy(what: &'static str, text: &str) -> Result<String, NameError> {
    // A bound before normalising: NFC can be asked to work on a megabyte otherwise.
    if text.len() > NAME_MAX_CHARS * 16 {
        return Err(NameError::TooLong { what, max: NAME_MAX_CHARS });
    }
    let name: String = text.nfc().collect::<String>().trim().to_owned();
    if name.is_empty() {
        return Err(NameError::Empty(what));
    }
    // A zero-width joiner is allowed where it joins two visible characters (emoji, Indic scripts).
    let chars: Vec<char> = name.chars().collect();
    for (index, &c) in chars.iter().enumerate() {
        let joins = matches!(c, '\u{200D}' | '\u{FE0F}') && index > 0 && !is_invisible(chars[index - 1]);
        if is_invisible(c) && !joins {
            return Err(NameError::Invisible(what));
        }
    }
    if chars.len() > NAME_MAX_CHARS {
        return Err(NameError::TooLong { what, max: NAME_MAX_CHARS });
    }
    Ok(name)
}

macro_rules! display_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);
        impl $name {
            /// Validates a name.
            ///
            /// # Errors
            /// Empty, too long, or with characters that do not show.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                tidy($what, text).map(Self)
            }
            /// The name, in NFC.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

display_name! {
    /// What a person is called.
    UserName, "the name"
}
display_name! {
    /// What a workspace is called. Not unique, not part of any path or address: the id is.
    WorkspaceName, "the workspace name"
}

/// An e-mail address in the one form in which it identifies an account: NFKC and lower case, so that two spellings
/// that look the same cannot be two accounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Validates an address: one `@`, a local part without spaces, a domain with a dot or `localhost`.
    /// Whether mail arrives there is for a confirmation mail to find out.
    ///
    /// # Errors
    /// Not of that form, over [`EMAIL_MAX_BYTES`], or with characters that do not show.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        const WHAT: &str = "the e-mail address";
        let too_long = NameError::TooLong { what: WHAT, max: EMAIL_MAX_BYTES };
        if text.len() > EMAIL_MAX_BYTES * 4 {
            return Err(too_long);
        }
        let email: String = text.trim().nfkc().collect::<String>().to_lowercase().nfkc().collect();
        if email.is_empty() {
            return Err(NameError::Empty(WHAT));
        }
        if email.chars().any(is_invisible) {
            return Err(NameError::Invisible(WHAT));
        }
        if email.len() > EMAIL_MAX_BYTES {
            return Err(too_long);
        }
        let (local, domain) = email.rsplit_once('@').ok_or(NameError::NotAnEmail)?;
        let bad_char = |c: char| {
            c.is_whitespace() || matches!(c, '@' | '<' | '>' | '(' | ')' | ',' | ';' | ':' | '\\' | '"' | '[' | ']')
        };
        let domain_ok =
            domain == "localhost" || (domain.contains('.') && domain.split('.').all(|label| !label.is_empty()));
        if local.is_empty() || local.chars().any(bad_char) || domain.chars().any(bad_char) || !domain_ok {
            return Err(NameError::NotAnEmail);
        }
        Ok(Self(email))
    }

    /// The canonical address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl TryFrom<String> for Email {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}
impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}
impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn look_alike_addresses_are_one_account() {
        let plain = Email::parse("ada@example.com").unwrap();
        assert_eq!(Email::parse(" ADA@Example.COM ").unwrap(), plain);
        assert_eq!(Email::parse("\u{ff41}da@example.com").unwrap(), plain);
    }

    #[test]
    fn hostile_names_are_refused_with_a_reason() {
        assert_eq!(UserName::parse(" \t "), Err(NameError::Empty("the name")));
        assert_eq!(UserName::parse("a\u{202e}b"), Err(NameError::Invisible("the name")));
        assert_eq!(UserName::parse("a\nb"), Err(NameError::Invisible("the name")));
        assert!(matches!(UserName::parse(&"x".repeat(65)), Err(NameError::TooLong { .. })));
        assert!(matches!(UserName::parse(&"x".repeat(1 << 20)), Err(NameError::TooLong { .. })));
        for text in ["", "a", "a@", "@b.c", "a b@c.d", "a@b@c.d", "a@b..c", "a@b", "<a>@b.c", "a@b.c\0"] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn real_names_from_everywhere_are_accepted() {
        for text in ["Ada Lovelace", "Nguyễn Thị Minh Khai", "محمد", "田中さくら", "👩‍🚀 Sally", "O’Brien-Łoś"]
        {
            assert!(UserName::parse(text).is_ok(), "{text}");
        }
        assert!(Email::parse("josé@exämple.de").is_ok());
    }

    proptest! {
        #[test]
        fn accepted_names_are_fixed_points(text in "\\PC{0,80}") {
            if let Ok(name) = WorkspaceName::parse(&text) {
                prop_assert_eq!(WorkspaceName::parse(name.as_str()).unwrap(), name);
            }
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()).unwrap(), email);
            }
        }
    }
}
