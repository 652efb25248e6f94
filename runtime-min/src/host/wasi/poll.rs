//! Waiting for times and descriptors: `poll_oneoff`.

use super::WasiCtx;
use super::clock;
use super::errno::Errno;
use super::guest_memory::GuestMemory;
use super::rights::Rights;
use super::table::{Descriptor, Object};
use super::types::{ClockId, Event, EventType, FileType, SubClockFlags, Subscription};
use rustix::event::{PollFd, PollFlags};
use std::sync::Arc;

/// The most subscriptions in one call; more is [`Errno::Inval`], as `poll` has it for more than
/// there can be descriptors.
const MAX_SUBSCRIPTIONS: u32 = 4096;

/// Size of a subscription and of an event in memory.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

/// The longest wait at a time, in nanoseconds (about 11 days); a longer one goes on after it.
const LONGEST: u64 = 1_000_000_000_000_000;

/// What a subscription waits for, after the look-up.
enum Wait {
    /// A point in time of a clock, in nanoseconds.
    Until { clock: u32, time: u64 },
    /// A descriptor of the host. Holds what keeps it open.
    Host(Arc<Descriptor>),
    /// Nothing: the event is there at once.
    Ready(Event),
}

/// An event without bytes.
fn event(subscription: &Subscription, error: Errno) -> Event {
    Event {
        userdata: subscription.userdata,
        error,
        event: subscription.event,
        available: 0,
        hangup: false,
    }
}

/// The point in time at which a clock subscription ends.
fn deadline(subscription: &Subscription) -> Result<Wait, Errno> {
    let clock = subscription.subject;
    match ClockId::from_code(clock)? {
        ClockId::Realtime | ClockId::Monotonic => {}
        ClockId::ProcessCpuTime | ClockId::ThreadCpuTime => return Err(Errno::NotSup),
    }
    let flags = SubClockFlags::from_guest(u32::from(subscription.clock_flags))?;
    if flags.contains(SubClockFlags::ABSTIME) {
        let time = subscription.timeout;
        return Ok(Wait::Until { clock, time });
    }
    // A duration has nothing to do with what happens to the wall clock meanwhile.
    let clock = u32::from(ClockId::Monotonic.code());
    let time = clock::now(clock)?.saturating_add(subscription.timeout);
    Ok(Wait::Until { clock, time })
}

impl WasiCtx {
    /// Waits until at least one of the subscriptions has its event. Reads an array of
    /// [`Subscription`]; writes an array of [`Event`], at most as many, and their number to
    /// `result`: u32. What is wrong with one subscription is in its event.
    pub fn poll_oneoff(
        &self,
        memory: &mut GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        memory.check(subscriptions, count * SUBSCRIPTION)?;
        memory.check(events, count * EVENT)?;
        memory.check(result, 4)?;
        let mut waits = Vec::new();
        for index in 0..count {
            let address = subscriptions.wrapping_add(index * SUBSCRIPTION);
            let subscription = Subscription::decode(&memory.read(address)?)?;
            let wait = match subscription.event {
                EventType::Clock => deadline(&subscription),
                EventType::FdRead => self.watch(&subscription, Rights::FD_READ),
                EventType::FdWrite => self.watch(&subscription, Rights::FD_WRITE),
            };
            let wait = wait.unwrap_or_else(|error| Wait::Ready(event(&subscription, error)));
            waits.push((subscription, wait));
        }
        let happened = loop {
            let happened = look(&waits)?;
            if !happened.is_empty() {
                break happened;
            }
        };
        for (event, index) in happened.iter().zip(0..) {
            memory.write(events.wrapping_add(EVENT * index), &event.encode())?;
        }
        memory.write_size(result, happened.len())
    }

    fn watch(&self, subscription: &Subscription, direction: Rights) -> Result<Wait, Errno> {
        let descriptor = self.descriptor(subscription.subject)?;
        let object = descriptor.as_stream(direction | Rights::POLL_FD_READWRITE)?;
        Ok(match object {
            Object::Host(_) => Wait::Host(descriptor),
            Object::Input(input) => {
                let mut ready = event(subscription, Errno::Success);
                ready.available = input.available();
                ready.hangup = ready.available == 0;
                Wait::Ready(ready)
            }
            Object::Output(_) | Object::Directory(_) => {
                Wait::Ready(event(subscription, Errno::Success))
            }
        })
    }
}

/// Waits once and collects what has happened; nothing, if only a part of the time has passed.
fn look(waits: &[(Subscription, Wait)]) -> Result<Vec<Event>, Errno> {
    let mut timeout = LONGEST;
    let mut infinite = true;
    let mut descriptors = Vec::new();
    for (subscription, wait) in waits {
        match wait {
            Wait::Ready(_) => {
                infinite = false;
                timeout = 0;
            }
            Wait::Until { clock, time } => {
                infinite = false;
                timeout = timeout.min(time.saturating_sub(clock::now(*clock)?));
            }
            Wait::Host(descriptor) => {
                let interest = match subscription.event {
                    EventType::FdWrite => PollFlags::OUT,
                    EventType::Clock | EventType::FdRead => PollFlags::IN,
                };
                if let Some(host) = descriptor.as_host() {
                    descriptors.push(PollFd::from_borrowed_fd(host, interest));
                }
            }
        }
    }
    let timeout = rustix::event::Timespec::try_from(std::time::Duration::from_nanos(timeout))
        .map_err(|_| Errno::Overflow)?;
    match rustix::event::poll(&mut descriptors, (!infinite).then_some(&timeout)) {
        Ok(_) => {}
        // The program is to stop, which it does when it runs again.
        Err(rustix::io::Errno::INTR) if crate::host::interrupt::is_requested() => {
            return Err(Errno::Intr);
        }
        // Another signal of the host's: look again.
        Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }

    let mut states = descriptors.iter().map(PollFd::revents);
    let mut happened = Vec::new();
    for (subscription, wait) in waits {
        match wait {
            Wait::Ready(event) => happened.push(*event),
            Wait::Until { clock, time } => {
                if clock::now(*clock)? >= *time {
                    happened.push(event(subscription, Errno::Success));
                }
            }
            Wait::Host(descriptor) => {
                let state = states.next().unwrap_or(PollFlags::empty());
                if !state.is_empty() {
                    happened.push(host_event(subscription, descriptor, state));
                }
            }
        }
    }
    Ok(happened)
}

/// The event for what the host says of a descriptor.
fn host_event(subscription: &Subscription, descriptor: &Descriptor, state: PollFlags) -> Event {
    let ready = state.intersects(PollFlags::IN | PollFlags::OUT);
    let error = if state.contains(PollFlags::NVAL) {
        Errno::BadF
    } else if state.contains(PollFlags::ERR) && !ready {
        // The other end of a pipe is gone: writing says so. Otherwise the next call does.
        match subscription.event {
            EventType::FdWrite => Errno::Pipe,
            EventType::Clock | EventType::FdRead => Errno::Io,
        }
    } else {
        Errno::Success
    };
    let mut event = event(subscription, error);
    event.hangup = state.contains(PollFlags::HUP);
    if subscription.event == EventType::FdRead {
        event.available = available(descriptor);
    }
    event
}

/// The number of bytes that can be read without waiting; 0 where the host cannot say.
fn available(descriptor: &Descriptor) -> u64 {
    let Object::Host(host) = &descriptor.object else {
        return 0;
    };
    if host.file_type == FileType::RegularFile {
        let size = host.file.metadata().map_or(0, |metadata| metadata.len());
        let position = rustix::fs::tell(&host.file).unwrap_or(0);
        return size.saturating_sub(position);
    }
    rustix::io::ioctl_fionread(&host.file).unwrap_or(0)
}
