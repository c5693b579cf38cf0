//! The decision behind every workspace reconciliation: compare what is wanted with what a host reports.

use crate::workspace::{Desired, Generation, State};

/// One workspace as control has it in the store, beside what its host says of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the owner asked for.
    pub desired: Desired,
    /// The number of that wish.
    pub generation: Generation,
    /// What the store says is so.
    pub recorded: State,
    /// The generation whose start last failed, if the last start failed.
    pub failed_generation: Option<Generation>,
    /// Whether the host has a living sandbox for it.
    pub sandbox_alive: bool,
    /// Whether that sandbox has other limits than its owner's tier gives now, as far as they can be changed.
    pub limits_differ: bool,
}

/// What shall be done next. Idempotent: doing it twice is the same as once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing; wish, record and fact agree.
    Nothing,
    /// Make the sandbox, then record `Running` or `Failed`.
    Start,
    /// End the sandbox, then record `Stopped`.
    Stop,
    /// End the sandbox, remove the volume, then the record.
    Delete,
    /// Give the living sandbox the limits of now, then record them.
    SetLimits,
    /// The fact is as wished; write it down.
    Record(State),
    /// It ran and is gone (the machine restarted, or its pid 1 was killed): record it as stopped *and* as wished so,
    /// so that the next access starts it. Restarting by itself would hide a crash loop from its owner.
    RecordEnded,
}

/// Decides the next step for one workspace.
#[must_use]
pub fn plan(snapshot: Snapshot) -> Action {
    match (snapshot.desired, snapshot.sandbox_alive) {
        (Desired::Deleted, _) => Action::Delete,
        (Desired::Stopped, true) => Action::Stop,
        (Desired::Stopped, false) => record_unless(snapshot.recorded, State::Stopped),
        (Desired::Running, true) => match record_unless(snapshot.recorded, State::Running) {
            Action::Nothing if snapshot.limits_differ => Action::SetLimits,
            action => action,
        },
        // A start that failed is not tried again by itself: the next wish carries a new generation.
        (Desired::Running, false) if snapshot.failed_generation == Some(snapshot.generation) => {
            record_unless(snapshot.recorded, State::Failed)
        }
        (Desired::Running, false) => match snapshot.recorded {
            State::Running => Action::RecordEnded,
            State::Stopped | State::Starting | State::Stopping | State::Failed | State::Deleting => Action::Start,
        },
    }
}

fn record_unless(recorded: State, fact: State) -> Action {
    if recorded == fact { Action::Nothing } else { Action::Record(fact) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(desired: Desired, recorded: State, sandbox_alive: bool) -> Snapshot {
        let generation = Generation(4);
        Snapshot { desired, generation, recorded, failed_generation: None, sandbox_alive, limits_differ: false }
    }

    #[test]
    fn a_wish_that_differs_from_the_fact_is_acted_on() {
        assert_eq!(plan(snapshot(Desired::Running, State::Stopped, false)), Action::Start);
        assert_eq!(plan(snapshot(Desired::Running, State::Starting, false)), Action::Start);
        assert_eq!(plan(snapshot(Desired::Stopped, State::Running, true)), Action::Stop);
        assert_eq!(plan(snapshot(Desired::Deleted, State::Running, true)), Action::Delete);
        assert_eq!(plan(snapshot(Desired::Deleted, State::Stopped, false)), Action::Delete);
    }

    #[test]
    fn a_fact_that_differs_from_the_record_is_written_down() {
        assert_eq!(plan(snapshot(Desired::Running, State::Starting, true)), Action::Record(State::Running));
        assert_eq!(plan(snapshot(Desired::Stopped, State::Stopping, false)), Action::Record(State::Stopped));
        assert_eq!(plan(snapshot(Desired::Running, State::Running, false)), Action::RecordEnded);
    }

    #[test]
    fn limits_follow_once_what_runs_is_written_down() {
        for (desired, recorded, alive, expected) in [
            (Desired::Running, State::Running, true, Action::SetLimits),
            (Desired::Running, State::Starting, true, Action::Record(State::Running)),
            (Desired::Running, State::Stopped, false, Action::Start),
            (Desired::Stopped, State::Running, true, Action::Stop),
            (Desired::Stopped, State::Stopped, false, Action::Nothing),
        ] {
            let differ = Snapshot { limits_differ: true, ..snapshot(desired, recorded, alive) };
            assert_eq!(plan(differ), expected);
        }
    }

    #[test]
    fn a_failed_start_waits_for_a_new_wish() {
        let mut failed = snapshot(Desired::Running, State::Failed, false);
        failed.failed_generation = Some(Generation(4));
        assert_eq!(plan(failed), Action::Nothing);
        failed.generation = Generation(5);
        assert_eq!(plan(failed), Action::Start);
    }
}
