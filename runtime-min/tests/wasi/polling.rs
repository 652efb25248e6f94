//! Waiting for times and descriptors.

use crate::guest::{Guest, RESULT};
use std::io::Write as _;
use std::time::{Duration, Instant};
use wamr_runtime_min::host::wasi::{Errno, Event, EventType, Subscription};

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;
const MILLISECOND: u64 = 1_000_000;

fn clock(userdata: u64, id: u32, timeout: u64, clock_flags: u16) -> Subscription {
    Subscription {
        userdata,
        event: EventType::Clock,
        subject: id,
        timeout,
        clock_flags,
    }
}

fn descriptor(userdata: u64, event: EventType, fd: u32) -> Subscription {
    Subscription {
        userdata,
        event,
        subject: fd,
        timeout: 0,
        clock_flags: 0,
    }
}

fn success(userdata: u64, event: EventType) -> Event {
    Event {
        userdata,
        error: Errno::Success,
        event,
        available: 0,
        hangup: false,
    }
}

fn now(guest: &mut Guest, id: u32) -> u64 {
    let (context, mut memory) = guest.split();
    context
        .clock_time_get(&mut memory, id, 0, RESULT)
        .expect("a clock");
    guest.u64_at(RESULT)
}

#[test]
fn a_duration_passes_and_only_the_shortest_one_is_waited_for() {
    let mut guest = Guest::new();
    for id in [REALTIME, MONOTONIC] {
        let start = Instant::now();
        let events = guest.poll(&[
            clock(7, id, 30 * MILLISECOND, 0),
            clock(8, id, 3_600_000 * MILLISECOND, 0),
        ]);
        assert_eq!(events, Ok(vec![success(7, EventType::Clock)]));
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn points_in_time_are_waited_for_and_past_ones_are_not() {
    let mut guest = Guest::new();
    for id in [REALTIME, MONOTONIC] {
        let until = now(&mut guest, id) + 20 * MILLISECOND;
        let events = guest.poll(&[clock(1, id, until, 1)]);
        assert_eq!(events, Ok(vec![success(1, EventType::Clock)]));
        assert!(now(&mut guest, id) >= until);
        let events = guest.poll(&[clock(1, id, until, 1)]);
        assert_eq!(events, Ok(vec![success(1, EventType::Clock)]));
    }
}

#[test]
fn what_is_wrong_with_one_subscription_is_in_its_event() {
    let mut guest = Guest::new();
    let far = u64::MAX;
    for (subscription, error) in [
        (clock(1, 9, 0, 0), Errno::Inval),
        (clock(1, 2, 0, 0), Errno::NotSup),
        (clock(1, MONOTONIC, 0, 2), Errno::Inval),
        (descriptor(1, EventType::FdRead, 99), Errno::BadF),
        (descriptor(1, EventType::FdRead, 3), Errno::BadF),
        (descriptor(1, EventType::FdWrite, 0), Errno::NotCapable),
    ] {
        let events = guest.poll(&[subscription, clock(2, MONOTONIC, far, 0)]);
        let mut expected = success(1, subscription.event);
        expected.error = error;
        assert_eq!(events, Ok(vec![expected]), "{subscription:?}");
    }
    assert_eq!(guest.poll(&[]), Err(Errno::Inval));
}

#[test]
fn captured_streams_are_always_ready() {
    let mut guest = Guest::new();
    let events = guest.poll(&[
        descriptor(1, EventType::FdRead, 0),
        descriptor(2, EventType::FdWrite, 1),
        clock(3, MONOTONIC, u64::MAX, 0),
    ]);
    let mut input = success(1, EventType::FdRead);
    input.available = 5;
    assert_eq!(events, Ok(vec![input, success(2, EventType::FdWrite)]));
}

#[test]
fn pipes_are_ready_when_they_have_data_or_are_closed() {
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let mut guest = Guest::with(|builder| builder.preopen_file(reader).expect("open"));
    let wait = [
        descriptor(1, EventType::FdRead, 4),
        clock(2, MONOTONIC, 10 * MILLISECOND, 0),
    ];
    assert_eq!(guest.poll(&wait), Ok(vec![success(2, EventType::Clock)]));

    let mut data = success(1, EventType::FdRead);
    data.available = 3;
    writer.write_all(b"abc").expect("written");
    assert_eq!(guest.poll(&wait), Ok(vec![data]));
    assert_eq!(guest.read(4, 10), Ok("abc".into()));

    // Somebody writes while the program waits.
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        writer.write_all(b"d").expect("written");
    });
    let start = Instant::now();
    let events = guest.poll(&[descriptor(1, EventType::FdRead, 4)]);
    assert!(start.elapsed() >= Duration::from_millis(20));
    let events = events.expect("an event");
    assert_eq!((events.len(), events[0].available), (1, 1));
    other.join().expect("ended");
    assert_eq!(guest.read(4, 10), Ok("d".into()));

    let mut end = success(1, EventType::FdRead);
    end.hangup = true;
    assert_eq!(guest.poll(&wait), Ok(vec![end]));
    assert_eq!(guest.read(4, 10), Ok(String::new()));
}

#[test]
fn regular_files_say_how_much_is_left() {
    let mut guest = Guest::new();
    let fd = guest
        .open("file", crate::guest::Open::CREATE)
        .expect("created");
    guest.write(fd, "0123456789").expect("written");
    guest
        .seek(fd, 4, wamr_runtime_min::host::wasi::Whence::Set)
        .expect("seekable");
    let events = guest.poll(&[
        descriptor(1, EventType::FdRead, fd),
        descriptor(2, EventType::FdWrite, fd),
    ]);
    let mut left = success(1, EventType::FdRead);
    left.available = 6;
    assert_eq!(events, Ok(vec![left, success(2, EventType::FdWrite)]));
}
