//! Arguments, environment, clocks, random numbers, standard streams.

use crate::guest::{DATA, Guest, RESULT, RESULT_2};
use wamr_runtime_min::host::wasi::{Errno, Exit};

/// Reads a NUL-terminated string.
fn string(guest: &Guest, address: u32) -> String {
    let start = usize::try_from(address).expect("address");
    let bytes = guest.bytes[start..].split(|byte| *byte == 0).next();
    String::from_utf8(bytes.expect("at least one").to_vec()).expect("text")
}

#[test]
fn arguments_and_environment_are_lists_of_strings() {
    let mut guest = Guest::with(|builder| {
        ["program", "", "two words"]
            .iter()
            .fold(builder, |builder, arg| builder.arg(*arg).expect("no NUL"))
            .env(b"NAME", b"a=b")
            .expect("a name")
            .env(b"EMPTY", b"")
            .expect("a name")
    });
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.args_sizes_get(&mut memory, RESULT, RESULT_2),
        Ok(())
    );
    assert_eq!(context.args_get(&mut memory, DATA, DATA + 100), Ok(()));
    assert_eq!(
        (guest.u32_at(RESULT), guest.u32_at(RESULT_2)),
        (3, 8 + 1 + 10)
    );
    let args: Vec<String> = [0, 4, 8]
        .iter()
        .map(|offset| string(&guest, guest.u32_at(DATA + offset)))
        .collect();
    assert_eq!(args, ["program", "", "two words"]);

    let (context, mut memory) = guest.split();
    assert_eq!(
        context.environ_sizes_get(&mut memory, RESULT, RESULT_2),
        Ok(())
    );
    assert_eq!(context.environ_get(&mut memory, DATA, DATA + 100), Ok(()));
    assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT_2)), (2, 9 + 7));
    let variables: Vec<String> = [0, 4]
        .iter()
        .map(|offset| string(&guest, guest.u32_at(DATA + offset)))
        .collect();
    assert_eq!(variables, ["NAME=a=b", "EMPTY="]);

    let end = u32::try_from(guest.bytes.len()).expect("small");
    let (context, mut memory) = guest.split();
    for (array, buffer) in [
        (end - 8, DATA),
        (DATA, end - 10),
        (u32::MAX, DATA),
        (DATA, u32::MAX),
    ] {
        assert_eq!(
            context.args_get(&mut memory, array, buffer),
            Err(Errno::Fault)
        );
    }
}

#[test]
fn clocks_go_forward() {
    let mut guest = Guest::new();
    for id in 0..4 {
        let mut last = 0;
        for _ in 0..10 {
            let (context, mut memory) = guest.split();
            assert_eq!(
                context.clock_time_get(&mut memory, id, 1000, RESULT),
                Ok(())
            );
            assert!(guest.u64_at(RESULT) >= last, "clock {id}");
            last = guest.u64_at(RESULT);
        }
        let (context, mut memory) = guest.split();
        assert_eq!(context.clock_res_get(&mut memory, id, RESULT), Ok(()));
        assert!((1..=1_000_000_000).contains(&guest.u64_at(RESULT)));
    }
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.clock_time_get(&mut memory, 4, 0, RESULT),
        Err(Errno::Inval)
    );
    assert_eq!(
        context.clock_res_get(&mut memory, 99, RESULT),
        Err(Errno::Inval)
    );
    assert_eq!(
        context.clock_time_get(&mut memory, 0, 0, u32::MAX),
        Err(Errno::Fault)
    );
}

#[test]
fn random_bytes_fill_the_buffer_and_nothing_else() {
    let mut guest = Guest::new();
    let (context, mut memory) = guest.split();
    assert_eq!(context.random_get(&mut memory, DATA, 1000), Ok(()));
    assert_eq!(context.random_get(&mut memory, DATA, 0), Ok(()));
    assert_eq!(
        context.random_get(&mut memory, DATA, u32::MAX),
        Err(Errno::Fault)
    );
    let bytes = guest.data(1001);
    assert_eq!(bytes[1000], 0);
    let distinct: std::collections::BTreeSet<u8> = bytes.into_iter().collect();
    assert!(distinct.len() > 100);
}

#[test]
fn standard_streams_can_be_given_and_captured() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(0, 3), Ok("inp".into()));
    assert_eq!(guest.read(0, 30), Ok("ut".into()));
    assert_eq!(guest.read(0, 30), Ok(String::new()));
    assert_eq!(guest.write(1, "out"), Ok(3));
    assert_eq!(guest.output.contents(), b"out");
    // Descriptor 2 was not given: what is written to it goes nowhere.
    assert_eq!(guest.write(2, "nowhere"), Ok(7));
    assert_eq!(guest.close(1), Ok(()));
    assert_eq!(guest.write(1, "x"), Err(Errno::BadF));
}

#[test]
fn a_program_ends_with_its_code() {
    let guest = Guest::new();
    assert_eq!(guest.context.proc_exit(u32::MAX), Exit(u32::MAX));
    assert_eq!(guest.context.proc_raise(6), Ok(Some(Exit(134))));
    assert_eq!(guest.context.proc_raise(0), Ok(None));
}
