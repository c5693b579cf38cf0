//! Links that are ready before anybody needs them, and the clearing away of those that were used.
//!
//! **Invariants**: a namespace is given out once; an address is given out again only after the kernel has forgotten its
//! last user, and after every other free address was given out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use coditect_sandbox::network::Namespace;
use tracing::warn;

use super::link::{self, Links};
use super::netlink::Netlink;
use super::{conntrack, nft, policy};

/// Numbers that are no workspace's: the subnet's own address and the gateway.
const FIRST_NUMBER: u32 = 2;
/// How long the worker rests after it could not make a link.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// A link that was given out.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) address: Ipv4Addr,
    pub(super) namespace: Namespace,
}

/// The links of an installation.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    links: Links,
    table: String,
    /// How many are kept ready.
    size: usize,
    /// The bandwidth they are made with.
    kbit: u32,
    state: Mutex<State>,
    changed: Condvar,
    machine: Mutex<Netlink>,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<(u32, Namespace)>,
    /// Numbers that nobody has, the one that has rested longest first.
    free: VecDeque<u32>,
    /// The bandwidth of each that is in use; `None` where it is not known.
    leased: BTreeMap<u32, Option<u32>>,
    /// Found when the pool was opened: of a sandbox that will be adopted, or left behind.
    unknown: BTreeSet<u32>,
    /// To be cleared away.
    ended: Vec<u32>,
    closing: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Begins to make links ready.
    ///
    /// # Errors
    /// No netlink socket, no thread, or a first link that cannot be made: then this machine cannot do it at all.
    pub(super) fn open(links: Links, table: String, size: usize, kbit: u32) -> io::Result<Self> {
        let mut machine = Netlink::route()?;
        let mut state = State::default();
        for (_, name) in link::names(&mut machine)? {
            state.unknown.extend(links.number(&name));
        }
        let last = u32::try_from(links.range.size()).unwrap_or(u32::MAX).saturating_sub(1);
        state.free = (FIRST_NUMBER..last).filter(|number| !state.unknown.contains(number)).collect();
        // Of sandboxes that ended while nobody was there to clear them away.
        conntrack::forget_all(&mut Netlink::netfilter()?, links.range, |address| {
            links.range.number(address).is_some_and(|number| state.unknown.contains(&number))
        })?;
        if let Some(number) = state.free.pop_front() {
            let namespace = links.prepare(&mut machine, number, kbit)?;
            state.ready.push_back((number, namespace));
        }
        let shared = Arc::new(Shared {
            links,
            table,
            size,
            kbit,
            state: Mutex::new(state),
            changed: Condvar::new(),
            machine: Mutex::new(machine),
        });
        let worker = std::thread::Builder::new().name("network".to_owned()).spawn({
            let shared = shared.clone();
            move || shared.work()
        })?;
        Ok(Self { shared, worker: Mutex::new(Some(worker)) })
    }

    /// Takes a link that is ready, or makes one. `None` when all addresses are in use.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn take(&self, kbit: u32) -> io::Result<Option<Taken>> {
        let shared = &self.shared;
        let mut state = lock(&shared.state);
        let ready = state.ready.pop_front();
        let number = match &ready {
            Some((number, _)) => *number,
            None => match state.free.pop_front() {
                Some(number) => number,
                None => return Ok(None),
            },
        };
        state.leased.insert(number, Some(kbit));
        drop(state);
        shared.changed.notify_all();
        let made = match ready {
            Some((_, namespace)) if kbit == shared.kbit => Ok(namespace),
            Some((_, namespace)) => shared.set_bandwidth(number, &namespace, kbit).map(|()| namespace),
            None => shared.links.prepare(&mut lock(&shared.machine), number, kbit),
        };
        let address = shared.links.range.nth(number);
        match (made, address) {
            (Ok(namespace), Some(address)) => Ok(Some(Taken { address, namespace })),
            (made, _) => {
                self.end(number);
                made.map(|_| None)
            }
        }
    }

    /// Takes over the link of a sandbox that runs. Answers whether the machine's end is there.
    pub(super) fn adopt(&self, address: Ipv4Addr) -> bool {
        let Some(number) = self.shared.links.range.number(address) else { return false };
        let mut state = lock(&self.shared.state);
        let known = state.unknown.remove(&number);
        state.free.retain(|&free| free != number);
        state.leased.insert(number, None);
        known
    }

    /// Gives a link back, of whose sandbox nothing lives. It is cleared away soon.
    pub(super) fn release(&self, address: Ipv4Addr) {
        if let Some(number) = self.shared.links.range.number(address) {
            self.end(number);
        }
    }

    fn end(&self, number: u32) {
        let mut state = lock(&self.shared.state);
        if state.leased.remove(&number).is_some() || state.unknown.remove(&number) {
            state.ended.push(number);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Clears away what was found at the opening and adopted by nobody.
    pub(super) fn sweep(&self) {
        let mut state = lock(&self.shared.state);
        let strays = std::mem::take(&mut state.unknown);
        state.ended.extend(strays);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Sets the bandwidth of a link that is in use, each way.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn set_bandwidth(&self, address: Ipv4Addr, namespace: &Namespace, kbit: u32) -> io::Result<()> {
        let number = self.shared.links.range.number(address);
        let number = number.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "an address of another range"))?;
        if lock(&self.shared.state).leased.get(&number) == Some(&Some(kbit)) {
            return Ok(());
        }
        self.shared.set_bandwidth(number, namespace, kbit)?;
        if let Some(known) = lock(&self.shared.state).leased.get_mut(&number) {
            *known = Some(kbit);
        }
        Ok(())
    }

    /// How many wait to be taken: for tests and measurements.
    pub(super) fn ready(&self) -> usize {
        lock(&self.shared.state).ready.len()
    }

    /// Ends the worker, after it has cleared away what has ended and what nobody has taken. Answers whether links in use
    /// remain.
    pub(super) fn close(&self) -> bool {
        lock(&self.shared.state).closing = true;
        self.shared.changed.notify_all();
        if let Some(worker) = lock(&self.worker).take() {
            // One that panicked has said so.
            let _ = worker.join();
        }
        let state = lock(&self.shared.state);
        !state.leased.is_empty() || !state.unknown.is_empty()
    }
}

impl Shared {
    fn set_bandwidth(&self, number: u32, namespace: &Namespace, kbit: u32) -> io::Result<()> {
        link::set_bandwidth(&mut lock(&self.machine), &self.links.name(number), kbit)?;
        namespace.within(|| link::set_bandwidth_inside(kbit))?
    }

    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            if !state.ended.is_empty() {
                let ended = std::mem::take(&mut state.ended);
                drop(state);
                self.clear(&ended);
                state = lock(&self.state);
                state.free.extend(ended);
            } else if state.closing {
                let unused: Vec<u32> = state.ready.drain(..).map(|(number, _)| number).collect();
                drop(state);
                self.clear(&unused);
                return;
            } else if state.ready.len() < self.size
                && let Some(number) = state.free.pop_front()
            {
                drop(state);
                let made = self.links.prepare(&mut lock(&self.machine), number, self.kbit);
                state = lock(&self.state);
                match made {
                    Ok(namespace) => state.ready.push_back((number, namespace)),
                    Err(error) => {
                        warn!(%error, "no network can be made ready; starts try it themselves");
                        state.free.push_back(number);
                        let waited = self.changed.wait_timeout(state, FAILURE_PAUSE);
                        state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    }
                }
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Makes the machine forget these links and whoever had them.
    fn clear(&self, numbers: &[u32]) {
        if numbers.is_empty() {
            return;
        }
        let addresses: Vec<Ipv4Addr> = numbers.iter().filter_map(|&number| self.links.range.nth(number)).collect();
        for &number in numbers {
            let name = self.links.name(number);
            if let Err(error) = link::remove(&mut lock(&self.machine), &name) {
                warn!(%name, %error, "the network of an ended workspace could not be removed");
            }
        }
        let forgotten = Netlink::netfilter()
            .and_then(|mut netlink| addresses.iter().try_for_each(|&address| conntrack::forget(&mut netlink, address)));
        if let Err(error) = forgotten.and_then(|()| nft::run(&policy::forget(&self.table, &addresses))) {
            warn!(%error, "the machine may still know connections of an ended workspace");
        }
    }
}
