//! Stopping threads where their frames are whole.
//!
//! A store that was added to a group tells it of each step from compiled code to the host and back; other
//! stores pay nothing. A thread counts as stopped at a poll, where it waits, and in the host, which may go
//! on, but waits before it enters or returns to compiled code. So while a group is stopped, no compiled
//! code of its stores runs.
//!
//! All of it stands under one lock. A step of a thread is one change there, so nobody ever sees a thread
//! between two places.

use crate::{FrameView, Store, exec_env::ExecState, frame, poll, value::StoreId};
use core::{fmt, time::Duration};
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

/// Stores whose threads are stopped together. Clones are the same group.
#[derive(Clone, Default)]
pub struct StopGroup(Arc<Group>);

#[derive(Default)]
struct Group {
    state: Mutex<State>,
    /// A thread has come to another place, or the group goes on.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many want the group to be stopped.
    stops: usize,
    members: Vec<Member>,
}

struct Member {
    store: StoreId,
    thread: ThreadId,
    exec: Exec,
    place: Place,
}

struct Exec(*mut ExecState);

// SAFETY: it is reached under the group's lock only. A store leaves its group, under the lock, before the
// exec state is freed. Other threads than the store's touch the poll words, which are atomic, and read what
// compiled code has left while that is kept from running by the lock.
unsafe impl Send for Exec {}

/// Where a thread is.
enum Place {
    /// In compiled code, or in a function of the runtime's that returns there soon.
    Code,
    /// In the host.
    Host,
    /// Waiting at a poll, with these frames.
    Poll(Vec<FrameView>),
}

/// Keeps a group stopped until it is dropped.
pub struct Stopped {
    group: Arc<Group>,
    threads: Vec<StoppedThread>,
}

/// A thread that stands still, as far as compiled code is concerned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoppedThread {
    /// Which.
    pub thread: ThreadId,
    /// Does it wait at a poll? Else it was in the host when the group was stopped.
    pub is_at_poll: bool,
    /// Its frames, youngest first. At a poll with values, as far as the object has them; in the host
    /// without: functions and offsets.
    pub frames: Vec<FrameView>,
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let state = self.changed.wait(state);
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// One who wanted the group to be stopped does no more.
    fn go_on(&self) {
        let mut state = self.lock();
        state.stops -= 1;
        if state.stops == 0 {
            self.changed.notify_all();
        }
    }
}

impl State {
    fn is_stopped(&self) -> bool {
        let in_code = |member: &Member| matches!(member.place, Place::Code);
        !self.members.iter().any(in_code)
    }

    fn set_place(&mut self, store: StoreId, place: Place) {
        let mut members = self.members.iter_mut();
        if let Some(member) = members.find(|member| member.store == store) {
            member.place = place;
        }
    }
}

impl Member {
    /// Lets the thread come here at its next poll.
    fn ask(&self) {
        // SAFETY: the exec state is valid as long as the store is a member.
        unsafe { poll::ask(self.exec.0) };
    }

    /// What is to be seen of a thread. The group is stopped, and its lock held.
    fn view(&self) -> StoppedThread {
        let (is_at_poll, frames) = match &self.place {
            Place::Poll(frames) => (true, frames.clone()),
            // SAFETY: the thread is in the host, said so under the lock, and cannot enter or return to
            // compiled code as long as we hold it.
            Place::Host => (false, unsafe { frame::of_stopped(self.exec.0) }),
            Place::Code => (false, Vec::new()),
        };
        StoppedThread {
            thread: self.thread,
            is_at_poll,
            frames,
        }
    }
}

impl StopGroup {
    /// An empty group.
    pub fn new() -> StopGroup {
        StopGroup::default()
    }

    /// Adds a store, which leaves the group that it was in. Its calls from and to the host take a little
    /// longer from now on.
    pub fn add(&self, store: &mut Store) {
        let inner = store.inner_mut();
        let (id, exec) = (inner.id(), inner.exec());
        // SAFETY: the exec state is valid, and its code does not run.
        unsafe { (*exec).membership = None };
        let member = Member {
            store: id,
            thread: thread::current().id(),
            exec: Exec(exec),
            // Whoever adds it is the host.
            place: Place::Host,
        };
        let mut state = self.0.lock();
        state.members.push(member);
        drop(state);
        let membership = Membership {
            group: self.0.clone(),
            store: id,
        };
        // SAFETY: as above.
        unsafe { (*exec).membership = Some(membership) };
    }

    /// Stops all threads of the group: waits until each is at a poll or in the host. Code that does not
    /// poll, which is all that was not compiled with `--enable-safepoints`, is waited for until it calls
    /// the host or ends.
    ///
    /// A thread of the group may do this in a host function. It must not return from there before the
    /// result is dropped.
    pub fn stop(&self) -> Stopped {
        let mut state = self.begin();
        while !state.is_stopped() {
            state = self.0.wait(state);
        }
        self.finish(&state)
    }

    /// As [`stop`](Self::stop), but waits no longer than this; then the group goes on, and there is no
    /// result.
    pub fn stop_within(&self, limit: Duration) -> Option<Stopped> {
        let state = self.begin();
        let waited = self
            .0
            .changed
            .wait_timeout_while(state, limit, |state| !state.is_stopped());
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() && !state.is_stopped() {
            drop(state);
            self.0.go_on();
            return None;
        }
        Some(self.finish(&state))
    }

    fn begin(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock();
        state.stops += 1;
        state.members.iter().for_each(Member::ask);
        state
    }

    fn finish(&self, state: &State) -> Stopped {
        Stopped {
            group: self.0.clone(),
            threads: state.members.iter().map(Member::view).collect(),
        }
    }
}

impl fmt::Debug for StopGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("StopGroup")
            .field("stops", &state.stops)
            .field("members", &state.members.len())
            .finish()
    }
}

impl Stopped {
    /// The threads, in the order in which their stores were added.
    pub fn threads(&self) -> &[StoppedThread] {
        &self.threads
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.group.go_on();
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.threads).finish()
    }
}

/// A store's membership; it leaves the group on drop.
pub(crate) struct Membership {
    group: Arc<Group>,
    store: StoreId,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.group.lock();
        if let Some(at) = state.members.iter().position(|m| m.store == self.store) {
            state.members.remove(at);
        }
        self.group.changed.notify_all();
    }
}

impl Membership {
    #[cold]
    fn enter_code(&self) {
        let mut state = self.group.lock();
        while state.stops > 0 {
            state = self.group.wait(state);
        }
        state.set_place(self.store, Place::Code);
    }

    #[cold]
    fn leave_code(&self) {
        let mut state = self.group.lock();
        state.set_place(self.store, Place::Host);
        if state.stops > 0 {
            self.group.changed.notify_all();
        }
    }

    fn is_stopped(&self) -> bool {
        self.group.lock().stops > 0
    }

    fn wait_at_poll(&self, frames: Vec<FrameView>) {
        let mut state = self.group.lock();
        if state.stops == 0 {
            return;
        }
        state.set_place(self.store, Place::Poll(frames));
        self.group.changed.notify_all();
        while state.stops > 0 {
            state = self.group.wait(state);
        }
        state.set_place(self.store, Place::Code);
    }
}

/// The thread is about to enter compiled code or to return there; waits while its group is stopped.
///
/// # Safety
///
/// The exec state is valid and this thread's. So it is below. Nothing borrows from its store.
#[inline]
pub(crate) unsafe fn enter_code(exec: *mut ExecState) {
    // SAFETY: as the caller promises; only this thread changes the field, and not meanwhile.
    if let Some(membership) = unsafe { &(*exec).membership } {
        membership.enter_code();
    }
}

/// The thread has left compiled code for the host.
///
/// # Safety
///
/// As for [`enter_code`].
#[inline]
pub(crate) unsafe fn leave_code(exec: *mut ExecState) {
    // SAFETY: as in `enter_code`.
    if let Some(membership) = unsafe { &(*exec).membership } {
        membership.leave_code();
    }
}

/// The thread is at a poll, with the frames that the function returns, and waits there as long as its group
/// is stopped.
///
/// # Safety
///
/// As for [`enter_code`].
pub(crate) unsafe fn wait_at_poll(exec: *mut ExecState, frames: impl FnOnce() -> Vec<FrameView>) {
    // SAFETY: as in `enter_code`.
    if let Some(membership) = unsafe { &(*exec).membership }
        && membership.is_stopped()
    {
        membership.wait_at_poll(frames());
    }
}
