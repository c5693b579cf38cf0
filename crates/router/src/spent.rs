//! Tickets that have been used: each works once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Why a ticket is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSpent {
    /// It was taken before.
    Again,
    /// More tickets are in flight than are remembered. Refused rather than forgotten: forgetting allows a replay.
    Full,
}

/// The tickets used, until they would have expired anyway.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// Ticket to its expiry, seconds since the epoch.
    until: Mutex<HashMap<String, i64>>,
}

impl Spent {
    /// Takes a ticket whose signature and time have been checked.
    pub(crate) fn take(&self, ticket: &str, expires_s: i64, now_s: i64, max: usize) -> Result<(), NotSpent> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.contains_key(ticket) {
            return Err(NotSpent::Again);
        }
        if until.len() >= max {
            until.retain(|_, expires| *expires >= now_s);
        }
        if until.len() >= max {
            return Err(NotSpent::Full);
        }
        until.insert(ticket.to_owned(), expires_s);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_works_once_and_none_is_forgotten_early() {
        let spent = Spent::default();
        assert_eq!(spent.take("a", 30, 0, 2), Ok(()));
        assert_eq!(spent.take("a", 30, 29, 2), Err(NotSpent::Again));
        assert_eq!(spent.take("b", 30, 0, 2), Ok(()));
        assert_eq!(spent.take("c", 60, 30, 2), Err(NotSpent::Full));
        assert_eq!(spent.take("a", 30, 30, 2), Err(NotSpent::Again));
        assert_eq!(spent.take("c", 60, 31, 2), Ok(()));
    }
}
