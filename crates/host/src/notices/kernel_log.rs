//! The two lines of the kernel's log that are about workspaces.
//!
//! **Invariants**: what a tenant decides (a program's name) stands behind what it does not (the groups), and is looked
//! at last; only records of the kernel itself count.

/// Longest name of a program that is told, in characters; the kernel keeps 15 bytes.
const PROCESS_MAX_CHARS: usize = 15;

/// A line that is about some control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `oom-kill:…`: a process of the group is ended (mm/oom_kill.c, `dump_oom_victim`).
    Killed {
        /// The process's group.
        group: &'a str,
        /// Whether that group's own limit was reached, not that of a group above or the machine's memory.
        own_limit: bool,
        /// What the process had called itself.
        process: String,
    },
    /// A fork was refused, for the first time in this group (kernel/cgroup/pids.c, `pids_event`).
    Refused {
        /// The group.
        group: &'a str,
    },
}

impl<'a> Line<'a> {
    /// Reads one record of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg).
    pub(super) fn parse(record: &'a [u8]) -> Option<Self> {
        let message = message(record)?;
        if let Some(group) = message.strip_prefix("cgroup: fork rejected by pids controller in ") {
            return Some(Self::Refused { group });
        }
        let fields = message.strip_prefix("oom-kill:")?;
        // The first of each: no tenant names what stands before.
        let (before, rest) = fields.split_once(",task_memcg=")?;
        let (group, rest) = rest.split_once(",task=")?;
        let (process, _) = rest.rsplit_once(",pid=")?;
        let limited = before.split(',').find_map(|field| field.strip_prefix("oom_memcg="));
        Some(Self::Killed { group, own_limit: limited == Some(group), process: clean(process) })
    }

    pub(super) fn group(&self) -> &'a str {
        match self {
            Self::Killed { group, .. } | Self::Refused { group } => group,
        }
    }
}

/// Whether a record says that a process was ended for its group's memory. This one is never left out for being one of
/// many, and names no group.
pub(super) fn is_kill(record: &[u8]) -> bool {
    message(record).is_some_and(|message| message.starts_with("Memory cgroup out of memory: Killed process "))
}

/// The text of a record that the kernel wrote; others may write there too.
fn message(record: &[u8]) -> Option<&str> {
    let (head, text) = std::str::from_utf8(record).ok()?.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    let from_kernel = priority >> 3 == 0;
    from_kernel.then(|| text.lines().next().unwrap_or_default())
}

/// The kernel writes what is not printable as `\x1b`; that is told as it is. Nothing else may be in a name.
fn clean(process: &str) -> String {
    process.chars().filter(|c| !c.is_control()).take(PROCESS_MAX_CHARS * 4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed<'a>(group: &'a str, own_limit: bool, process: &str) -> Option<Line<'a>> {
        Some(Line::Killed { group, own_limit, process: process.to_owned() })
    }

    #[test]
    fn the_killed_program_and_its_group_are_read() {
        let record = b"6,1234,98765,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
            oom_memcg=/a/coditect-x/label,task_memcg=/a/coditect-x/label,task=python3,pid=77,uid=1879049192\n SUBSYSTEM=x\n";
        assert_eq!(Line::parse(record), killed("/a/coditect-x/label", true, "python3"));
        let machine =
            b"6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
            task_memcg=/a/coditect-x/label,task=node,pid=77,uid=0\n";
        assert_eq!(Line::parse(machine), killed("/a/coditect-x/label", false, "node"));
        let refused = b"6,7,8,-;cgroup: fork rejected by pids controller in /coditect-x/label\n";
        assert_eq!(Line::parse(refused), Some(Line::Refused { group: "/coditect-x/label" }));
        assert!(is_kill(b"3,9,9,-;Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB\n"));
    }

    #[test]
    fn a_program_cannot_name_another_group_by_its_own_name() {
        let record = b"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/i/mine,task_memcg=/i/mine,\
            task=,task_memcg=/i/o,pid=5,pid=77,uid=0\n";
        assert_eq!(Line::parse(record), killed("/i/mine", true, ",task_memcg=/i/o,pid=5"));
    }

    #[test]
    fn what_others_write_and_what_is_broken_is_nothing() {
        for record in [
            &b"14,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/i/a,task_memcg=/i/a,task=x,pid=1,uid=0\n"[..],
            b"6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/i/a\n",
            b"6,1,2,-;",
            b"garbage",
            b"\xff\xfe;oom-kill:",
            b"",
        ] {
            assert_eq!(Line::parse(record), None);
        }
    }
}
