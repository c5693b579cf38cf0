//! The agent's children: whoever started one learns how it ended, and orphans that pid 1 inherits are reaped.
//!
//! **Invariants**: only [`Children::reap`] waits for processes, on the runtime's one thread. A child that was started and
//! [`Children::expect`]ed without an await in between cannot be missed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use coditect_sandbox::children::{Exit, reap};
use tokio::sync::oneshot;

use crate::ambient::log;

/// Children whose end somebody waits for.
#[derive(Default)]
pub struct Children {
    waiting: Mutex<HashMap<u32, oneshot::Sender<i32>>>,
}

impl Children {
    /// Tells the exit code of this child (128 + signal number when a signal ended it) once it has ended.
    pub fn expect(&self, pid: u32) -> oneshot::Receiver<i32> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(pid, sender);
        receiver
    }

    /// Reaps everything that has ended. Called at every SIGCHLD.
    pub fn reap(&self) {
        loop {
            match reap() {
                Ok(Some(Exit { pid, code })) => {
                    let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
                    if let Some(sender) = waiting {
                        // Whoever asked may have gone meanwhile.
                        let _ = sender.send(code);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    log(&format!("cannot reap children: {error}"));
                    return;
                }
            }
        }
    }
}
