//! The agent's life: takes over its sockets, serves, reaps, and ends everything when told to.
//!
//! **Invariants**: one runtime thread; as pid 1 it never exits while it may be needed, and its exit ends the sandbox.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use coditect_sandbox::agent_config::AgentConfig;
use coditect_sandbox::children::signal;
use coditect_sandbox::fds::inherited_listener;
use coditect_sandbox::spec::{AGENT_FD, PORTS_FD};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{DumpableBehavior, Signal};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal as on_signal};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::agent::Agent;
use crate::ambient::log;
use crate::{connect, routes};

/// Connections served at once.
const CONNECTIONS_MAX: usize = 512;
/// What a peer may take to send a request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);
/// Largest request head, in bytes; also what a connection reads ahead.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// Pause after an accept that failed, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What the workspace's processes have to end themselves before the sandbox ends.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How often the remaining processes are counted.
const RECOUNT: Duration = Duration::from_millis(20);
/// Threads for file operations: they end when idle, and touch little of their stacks.
const BLOCKING_THREADS_MAX: usize = 16;
const BLOCKING_STACK_BYTES: usize = 512 * 1024;
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Waits to be told whose agent this is; `None`: nobody's, ever. Nothing is made ready meanwhile: a machine has many that
/// wait, and most of what an agent needs is made faster than it is paged in again.
///
/// # Errors
/// See [`coditect_sandbox::unbound::wait`].
pub fn wait_for_identity() -> io::Result<Option<AgentConfig>> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    coditect_sandbox::unbound::wait()
}

/// Runs the agent until it is told to end.
///
/// # Errors
/// The inherited sockets or the kernel's help are not to be had.
pub fn run(config: AgentConfig) -> io::Result<()> {
    // Programs of the same user must not read the agent's memory or trace it.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if !is_pid_1() {
        // Orphans come to pid 1 by themselves; elsewhere they are asked for.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    let agent_socket = inherited_listener(AGENT_FD)?;
    let ports_socket = inherited_listener(PORTS_FD)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_stack_size(BLOCKING_STACK_BYTES)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .build()?;
    runtime.block_on(live(config, agent_socket, ports_socket))?;
    // File operations under way end with the process.
    runtime.shutdown_background();
    Ok(())
}

fn is_pid_1() -> bool {
    rustix::process::getpid().is_init()
}

async fn live(config: AgentConfig, agent_socket: StdListener, ports_socket: StdListener) -> io::Result<()> {
    let agent = Arc::new(Agent::new(config));
    let mut ended = on_signal(SignalKind::child())?;
    let mut terminate = on_signal(SignalKind::terminate())?;
    // As pid 1 it would ignore these; elsewhere a terminal's hang-up must not end it either.
    let (mut _interrupt, mut _hang_up) = (on_signal(SignalKind::interrupt())?, on_signal(SignalKind::hangup())?);
    let (agent_socket, ports_socket) = (listener(agent_socket)?, listener(ports_socket)?);
    let service = routes::router(Arc::clone(&agent));
    let serving = tokio::spawn(accept(agent_socket, service));
    let connecting = tokio::spawn(connect::serve(ports_socket));
    let reaper = {
        let agent = Arc::clone(&agent);
        tokio::spawn(async move {
            loop {
                agent.children.reap();
                if ended.recv().await.is_none() {
                    return;
                }
            }
        })
    };
    tokio::select! {
        _ = terminate.recv() => agent.stop(),
        () = agent.stopped() => {}
    }
    end(&agent).await;
    for task in [serving, connecting, reaper] {
        task.abort();
    }
    Ok(())
}

fn listener(socket: StdListener) -> io::Result<UnixListener> {
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

async fn accept(listener: UnixListener, service: Router) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log(&format!("cannot accept a connection: {error}"));
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_DEADLINE)
                .max_buf_size(HEAD_MAX_BYTES)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // A peer that goes away or speaks something else is its own business.
            let _ = connection.await;
            drop(permit);
        });
    }
}

/// Hangs up the terminals, asks everything to end, and waits for that a while.
async fn end(agent: &Agent) {
    agent.terminals.hang_up();
    agent.running.signal(Signal::TERM);
    let begun = Instant::now();
    if is_pid_1() {
        for process in processes() {
            // It may have ended just now.
            let _ = signal(process, Signal::TERM);
        }
        while begun.elapsed() < STOP_GRACE && !processes().is_empty() {
            sleep(RECOUNT).await;
        }
        return;
    }
    let terminals = agent.terminals.all();
    while begun.elapsed() < STOP_GRACE && terminals.iter().any(|terminal| !terminal.exited()) {
        sleep(RECOUNT).await;
    }
    for terminal in terminals.iter().filter(|terminal| !terminal.exited()) {
        // It may have ended just now.
        let _ = coditect_sandbox::children::signal_session(terminal.pid(), Signal::KILL);
    }
    agent.running.signal(Signal::KILL);
}

/// Everybody else in the sandbox who still lives.
fn processes() -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| pid != 1).collect()
}
