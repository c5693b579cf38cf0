//! Which system calls a workspace needs: what its editors, compilers, debuggers, servers and databases were seen to use
//! (the test `every_call_that_tools_use_is_on_the_list` runs them), and what libraries make of it on other kernels.
//!
//! **Invariants**: a call is in one list at most, or among those whose arguments decide (the parent module).

use std::ffi::c_long;

/// A call by its name and number.
pub(super) type Call = (&'static str, c_long);

/// Names the constants of `libc`, for a list of names and numbers.
macro_rules! calls {
    ($($constant:ident)*) => { &[$((stringify!($constant), libc::$constant)),*] };
}

/// Newest call that was looked at (Linux 6.18, file_setattr); what comes later is answered as unknown.
pub(super) const LAST_KNOWN: u32 = 469;

/// The calls that are always allowed, by what they are for.
pub(super) const ALLOWED: &[&[Call]] = &[
    // Files: everything that can be done to what one may see. Owners, modes and mounts decide, not the filter.
    calls![
        SYS_read SYS_write SYS_close SYS_fstat SYS_lseek SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv
        SYS_pwritev SYS_preadv2 SYS_pwritev2 SYS_dup SYS_dup3 SYS_pipe2 SYS_fcntl SYS_flock SYS_fsync SYS_fdatasync
        SYS_sync SYS_syncfs SYS_truncate SYS_ftruncate SYS_fallocate SYS_fadvise64 SYS_readahead
        SYS_sendfile SYS_copy_file_range SYS_splice SYS_tee SYS_vmsplice SYS_getdents64 SYS_getcwd SYS_chdir SYS_fchdir
        SYS_umask SYS_openat SYS_openat2 SYS_close_range SYS_mkdirat SYS_unlinkat SYS_renameat2 SYS_linkat
        SYS_symlinkat SYS_readlinkat SYS_newfstatat SYS_statx SYS_statfs SYS_fstatfs SYS_faccessat SYS_faccessat2
        SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_utimensat SYS_setxattr SYS_lsetxattr
        SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr
        SYS_removexattr SYS_lremovexattr SYS_fremovexattr SYS_name_to_handle_at SYS_memfd_create
    ],
    &[
        ("cachestat", 451),
        ("fchmodat2", 452),
        ("setxattrat", 463),
        ("getxattrat", 464),
        ("listxattrat", 465),
        ("removexattrat", 466),
        ("file_getattr", 468),
    ],
    // Waiting for files, timers, signals, changes of directories.
    calls![
        SYS_ppoll SYS_pselect6 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2
        SYS_signalfd4 SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_inotify_init1
        SYS_inotify_add_watch SYS_inotify_rm_watch
    ],
    // Memory, just-in-time compilers and garbage collectors included.
    calls![
        SYS_mmap SYS_munmap SYS_mprotect SYS_mremap SYS_msync SYS_mincore SYS_madvise SYS_brk SYS_mlock SYS_mlock2
        SYS_munlock SYS_mlockall SYS_munlockall SYS_remap_file_pages SYS_membarrier SYS_pkey_mprotect SYS_pkey_alloc
        SYS_pkey_free SYS_mseal
    ],
    // Processes and threads: birth, names, ids (which nobody without capabilities can change), priorities, ends.
    calls![
        SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_getpid SYS_getppid SYS_gettid
        SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getresuid
        SYS_getresgid SYS_getgroups SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid
        SYS_setfsuid SYS_setfsgid SYS_setgroups SYS_capget SYS_capset SYS_set_tid_address SYS_set_robust_list
        SYS_get_robust_list SYS_rseq SYS_futex SYS_futex_waitv SYS_prlimit64 SYS_getrusage
        SYS_times SYS_getpriority SYS_setpriority SYS_sched_yield SYS_sched_setparam SYS_sched_getparam
        SYS_sched_setscheduler SYS_sched_getscheduler SYS_sched_get_priority_max SYS_sched_get_priority_min
        SYS_sched_rr_get_interval SYS_sched_setaffinity SYS_sched_getaffinity SYS_sched_setattr SYS_sched_getattr
        SYS_ioprio_set SYS_ioprio_get SYS_getcpu SYS_pidfd_open SYS_restart_syscall
    ],
    &[("futex_wake", 454), ("futex_wait", 455), ("futex_requeue", 456)],
    // Signals.
    calls![
        SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigpending SYS_rt_sigtimedwait SYS_rt_sigqueueinfo
        SYS_rt_tgsigqueueinfo SYS_rt_sigsuspend SYS_sigaltstack SYS_kill SYS_tkill SYS_tgkill SYS_pidfd_send_signal
        SYS_getitimer SYS_setitimer
    ],
    // Debuggers and tracers, of one's own processes: the kernel asks for the same user and no dumpable bit cleared.
    calls![SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev],
    // The time, not the setting of it.
    calls![
        SYS_nanosleep SYS_clock_nanosleep SYS_clock_gettime SYS_clock_getres SYS_gettimeofday SYS_timer_create
        SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
    ],
    // System V and POSIX communication, which a namespace of its own holds (PostgreSQL, X).
    calls![
        SYS_shmget SYS_shmat SYS_shmctl SYS_shmdt SYS_semget SYS_semop SYS_semctl SYS_semtimedop SYS_msgget SYS_msgsnd
        SYS_msgrcv SYS_msgctl SYS_mq_open SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify
        SYS_mq_getsetattr
    ],
    // What is done with sockets; which can be had is decided by `socket` itself.
    calls![
        SYS_connect SYS_accept SYS_accept4 SYS_bind SYS_listen SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg
        SYS_sendmmsg SYS_recvmmsg SYS_shutdown SYS_getsockname SYS_getpeername SYS_getsockopt
    ],
    // The machine's name and size, randomness; filters and rules of one's own, which only take away.
    calls![
        SYS_uname SYS_sysinfo SYS_getrandom SYS_seccomp SYS_landlock_create_ruleset SYS_landlock_add_rule
        SYS_landlock_restrict_self
    ],
    LEGACY,
];

/// What newer processors' tables do not have any more: the same things under older names.
#[cfg(target_arch = "x86_64")]
const LEGACY: &[Call] = calls![
    SYS_open SYS_creat SYS_stat SYS_lstat SYS_poll SYS_access SYS_pipe SYS_select SYS_dup2 SYS_getdents SYS_rename
    SYS_mkdir SYS_rmdir SYS_link SYS_unlink SYS_symlink SYS_readlink SYS_chmod SYS_chown SYS_lchown SYS_utime SYS_utimes
    SYS_futimesat SYS_epoll_create SYS_epoll_wait SYS_eventfd SYS_signalfd SYS_inotify_init SYS_fork SYS_vfork
    SYS_getpgrp SYS_pause SYS_alarm SYS_time SYS_arch_prctl SYS_renameat SYS_getrlimit SYS_setrlimit
    SYS_sync_file_range
];

/// Those that every table has, but not every copy of it here names.
#[cfg(target_arch = "aarch64")]
const LEGACY: &[Call] = &[("renameat", 38), ("sync_file_range", 84), ("getrlimit", 163), ("setrlimit", 164)];

/// Answered with "no such call", because libraries then fall back: io_uring acts past the filter, clone3's flags are
/// behind a pointer that a filter cannot follow, the machine has one small number of asynchronous requests for everybody
/// (fs.aio-max-nr), memory policies and secret memory are rarely there, and what lists mounts names the host's paths.
pub(super) const UNKNOWN: &[Call] = calls![
    SYS_clone3 SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register SYS_io_setup SYS_io_destroy SYS_io_getevents
    SYS_io_submit SYS_io_cancel SYS_mbind SYS_set_mempolicy SYS_get_mempolicy SYS_set_mempolicy_home_node
    SYS_memfd_secret
];
/// As [`UNKNOWN`], those that are too new to have a name here.
pub(super) const UNKNOWN_NEW: &[Call] = &[
    ("map_shadow_stack", 453),
    ("statmount", 457),
    ("listmount", 458),
    ("lsm_get_self_attr", 459),
    ("lsm_set_self_attr", 460),
    ("lsm_list_modules", 461),
    ("open_tree_attr", 467),
    ("file_setattr", 469),
];
