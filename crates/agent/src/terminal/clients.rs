//! Who looks at a terminal: how far each connection has come in the output, and what each client has typed.
//!
//! A *client* is one emulator (a browser tab) that may lose and renew its connection; an *attachment* is one
//! connection. Input is counted per client and for good, so that nothing is typed twice or lost.
//!
//! **Invariants**: at most one attachment per client; input of an attachment that was replaced is never taken; at
//! most [`QUEUE_BYTES`] and one frame of input wait per client, at most [`CLIENTS_MAX`] clients are remembered.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::model::Size;

/// Clients of one terminal whose input count is remembered.
pub const CLIENTS_MAX: usize = 32;
/// Connections one terminal may have at once.
pub const ATTACHED_MAX: usize = 16;
/// Input of one client that waits for the terminal, in bytes, before its socket is read no more.
pub const QUEUE_BYTES: usize = 64 * 1024;

/// One connection.
pub struct Attachment {
    /// Names the connection.
    pub key: u64,
    /// Which client it belongs to.
    pub client: String,
    /// Output offset up to which it was sent.
    pub sent: u64,
    /// Output offset up to which it has drawn.
    pub acked: u64,
    /// Input offset it was told.
    pub input_told: u64,
    /// Size it was told.
    pub size_told: Size,
    /// Title it was told.
    pub title_told: String,
    /// It was told of the end.
    pub exit_told: bool,
    /// Wakes its sender: there is something to say.
    pub wake: Arc<Notify>,
    /// Wakes its receiver: its queue has room again.
    pub room: Arc<Notify>,
}

/// What one client has typed.
pub struct Input {
    client: String,
    /// Bytes the terminal has taken.
    pub taken: u64,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// The first frame of the queue was taken in part: nobody else's input may come between.
    split: bool,
}

impl Input {
    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Appends a frame.
    pub fn push(&mut self, frame: Bytes) {
        if !frame.is_empty() {
            self.queued += frame.len();
            self.queue.push_back(frame);
        }
    }

    /// Forgets what was not taken.
    fn clear(&mut self) {
        self.queue.clear();
        self.queued = 0;
        self.split = false;
    }

    fn front(&self) -> Option<Bytes> {
        self.queue.front().cloned()
    }

    /// The terminal has taken `count` bytes.
    fn take(&mut self, mut count: usize) {
        self.taken += count as u64;
        self.queued -= count;
        self.split = false;
        while let Some(frame) = self.queue.front_mut() {
            if frame.len() > count {
                self.split = count > 0;
                drop(frame.split_to(count));
                return;
            }
            count -= frame.len();
            self.queue.pop_front();
        }
    }

    fn position(&self, mut wanted: impl FnMut(u8) -> bool) -> Option<(usize, u8)> {
        let bytes = self.queue.iter().flat_map(|frame| frame.iter().copied());
        bytes.enumerate().find(|&(_, byte)| wanted(byte))
    }
}

/// All of a terminal's clients and connections.
#[derive(Default)]
pub struct Clients {
    attached: Vec<Attachment>,
    /// Least recently attached first.
    inputs: VecDeque<Input>,
    /// Whose turn it is to type.
    turn: usize,
    next_key: u64,
}

impl Clients {
    /// The connections.
    pub fn attached(&self) -> &[Attachment] {
        &self.attached
    }

    /// The connection `key`; `None` once it was replaced or detached.
    pub fn get(&mut self, key: u64) -> Option<&mut Attachment> {
        self.attached.iter_mut().find(|attachment| attachment.key == key)
    }

    /// The input of the client behind connection `key`.
    pub fn input(&mut self, key: u64) -> Option<&mut Input> {
        let client = &self.attached.iter().find(|attachment| attachment.key == key)?.client;
        self.inputs.iter_mut().find(|input| input.client == *client)
    }

    /// Connects `client` as of output offset `sent`, replacing its older connection, whose untaken input is dropped
    /// because the client will send it again. `None` when there are too many connections.
    pub fn attach(&mut self, client: &str, sent: u64, size: Size, title: &str) -> Option<&mut Attachment> {
        for old in self.attached.extract_if(.., |attachment| attachment.client == client) {
            old.wake.notify_one();
            old.room.notify_one();
        }
        if self.attached.len() >= ATTACHED_MAX {
            return None;
        }
        let known = self.inputs.iter().position(|input| input.client == client);
        let mut input = known.and_then(|index| self.inputs.remove(index)).unwrap_or_else(|| Input {
            client: client.to_owned(),
            taken: 0,
            queue: VecDeque::new(),
            queued: 0,
            split: false,
        });
        input.clear();
        let input_told = input.taken;
        self.inputs.push_back(input);
        while self.inputs.len() > CLIENTS_MAX {
            let attached = &self.attached;
            let idle = |input: &Input| attached.iter().all(|attachment| attachment.client != input.client);
            let Some(oldest) = self.inputs.iter().position(idle) else { break };
            self.inputs.remove(oldest);
        }
        self.next_key += 1;
        self.attached.push(Attachment {
            key: self.next_key,
            client: client.to_owned(),
            sent,
            acked: sent,
            input_told,
            size_told: size,
            title_told: title.to_owned(),
            exit_told: false,
            wake: Arc::new(Notify::new()),
            room: Arc::new(Notify::new()),
        });
        self.attached.last_mut()
    }

    /// The connection is gone. What it has queued is still typed, unless the client returns first.
    pub fn detach(&mut self, key: u64) {
        self.attached.retain(|attachment| attachment.key != key);
    }

    /// Disconnects everybody.
    pub fn detach_all(&mut self) {
        for attachment in self.attached.drain(..) {
            attachment.wake.notify_one();
            attachment.room.notify_one();
        }
    }

    /// Wakes every sender.
    pub fn wake_all(&self) {
        for attachment in &self.attached {
            attachment.wake.notify_one();
        }
    }

    /// The next input to hand to the terminal: whole frames in turn, one client after the other.
    pub fn next_input(&mut self) -> Option<(usize, Bytes)> {
        let split = self.inputs.iter().position(|input| input.split);
        let count = self.inputs.len();
        let mut in_turn = (0..count).map(|step| (self.turn + step) % count);
        let index = split.or_else(|| in_turn.find(|&index| self.inputs[index].queued > 0))?;
        self.turn = index + 1;
        Some((index, self.inputs[index].front()?))
    }

    /// The terminal has taken `count` bytes of the input that [`Self::next_input`] named.
    pub fn take_input(&mut self, index: usize, count: usize) {
        let Some(input) = self.inputs.get_mut(index) else { return };
        input.take(count);
        let client = &input.client;
        if let Some(attachment) = self.attached.iter().find(|attachment| attachment.client == *client) {
            attachment.wake.notify_one();
            attachment.room.notify_one();
        }
    }

    /// Drops all waiting input, as if it had been taken: nothing is left to take it.
    pub fn drop_input(&mut self) {
        for index in 0..self.inputs.len() {
            let queued = self.inputs[index].queued;
            self.take_input(index, queued);
        }
    }

    /// The first waiting byte that `wanted` accepts, of any client. It and everything the same client typed before it
    /// count as taken.
    pub fn skip_to(&mut self, mut wanted: impl FnMut(u8) -> bool) -> Option<u8> {
        let found = self.inputs.iter().enumerate();
        let (index, (position, byte)) =
            found.filter_map(|(index, input)| Some((index, input.position(&mut wanted)?))).next()?;
        self.take_input(index, position + 1);
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { cols: 80, rows: 24 };

    fn attach(clients: &mut Clients, client: &str) -> u64 {
        clients.attach(client, 0, SIZE, "").unwrap().key
    }

    #[test]
    fn a_returning_client_replaces_itself_and_keeps_its_count() {
        let mut clients = Clients::default();
        let first = attach(&mut clients, "a");
        clients.input(first).unwrap().push(Bytes::from_static(b"hello"));
        let (index, frame) = clients.next_input().unwrap();
        assert_eq!(frame, "hello");
        clients.take_input(index, 2);
        let second = attach(&mut clients, "a");
        assert!(clients.get(first).is_none() && clients.input(first).is_none());
        assert_eq!(clients.get(second).unwrap().input_told, 2);
        assert!(clients.next_input().is_none());
        assert_eq!(clients.attached().len(), 1);
    }

    #[test]
    fn a_frame_taken_in_part_is_finished_before_another_client_types() {
        let mut clients = Clients::default();
        let (one, two) = (attach(&mut clients, "a"), attach(&mut clients, "b"));
        clients.input(two).unwrap().push(Bytes::from_static(b"second"));
        let (index, _) = clients.next_input().unwrap();
        clients.take_input(index, 3);
        clients.input(one).unwrap().push(Bytes::from_static(b"first"));
        let (index, frame) = clients.next_input().unwrap();
        assert_eq!(frame, "ond");
        clients.take_input(index, 3);
        assert_eq!(clients.next_input().unwrap().1, "first");
    }

    #[test]
    fn an_interrupt_drops_what_was_typed_before_it() {
        let mut clients = Clients::default();
        let key = attach(&mut clients, "a");
        let input = clients.input(key).unwrap();
        input.push(Bytes::from_static(b"pasted"));
        input.push(Bytes::from_static(b"more\x03after"));
        assert_eq!(clients.skip_to(|byte| byte == 3), Some(3));
        assert_eq!(clients.skip_to(|byte| byte == 3), None);
        assert_eq!(clients.input(key).unwrap().taken, 11);
        assert_eq!(clients.next_input().unwrap().1, "after");
    }

    #[test]
    fn only_so_many_clients_are_remembered_and_connected() {
        let mut clients = Clients::default();
        for number in 0..ATTACHED_MAX {
            attach(&mut clients, &format!("stays{number}"));
        }
        assert!(clients.attach("one too many", 0, SIZE, "").is_none());
        let first = clients.attached()[0].key;
        clients.detach(first);
        for number in 0..100 {
            let key = attach(&mut clients, &format!("goes{number}"));
            clients.detach(key);
        }
        assert_eq!(clients.inputs.len(), CLIENTS_MAX);
        assert!(
            (1..ATTACHED_MAX).all(|number| clients.inputs.iter().any(|input| input.client == format!("stays{number}")))
        );
    }
}
