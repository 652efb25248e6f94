//! Sockets that a program was given.

use crate::guest::{DATA, Guest, RESULT, RESULT_2, code};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use wamr_runtime_min::host::wasi::{Errno, FdFlags, FileType, Rights};

fn receive(guest: &mut Guest, fd: u32, length: u32, flags: u32) -> Result<(String, u16), Errno> {
    let (list, count) = guest.put_buffers(&[(DATA, length)]);
    let (context, mut memory) = guest.split();
    context.sock_recv(&mut memory, fd, list, count, flags, RESULT, RESULT_2)?;
    let bytes = guest.data(guest.u32_at(RESULT));
    let text = String::from_utf8(bytes).expect("text");
    Ok((text, guest.u16_at(RESULT_2)))
}

fn send(guest: &mut Guest, fd: u32, text: &str, flags: u32) -> Result<u32, Errno> {
    guest.set(DATA, text.as_bytes());
    let length = u32::try_from(text.len()).expect("short");
    let (list, count) = guest.put_buffers(&[(DATA, length)]);
    let (context, mut memory) = guest.split();
    context.sock_send(&mut memory, fd, list, count, flags, RESULT)?;
    Ok(guest.u32_at(RESULT))
}

#[test]
fn a_connection_is_accepted_and_talked_over() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listening");
    let address = listener.local_addr().expect("address");
    let mut guest = Guest::with(|builder| builder.preopen_file(listener).expect("open"));
    let mut client = TcpStream::connect(address).expect("connected");
    let (context, mut memory) = guest.split();
    let nonblock = u32::from(FdFlags::NONBLOCK.bits());
    assert_eq!(
        context.sock_accept(&mut memory, 4, 1, RESULT),
        Err(Errno::Inval)
    );
    assert_eq!(
        context.sock_accept(&mut memory, 4, nonblock, RESULT),
        Ok(())
    );
    let fd = guest.u32_at(RESULT);
    let stat = guest.attributes(fd).expect("open");
    assert_eq!(stat.file_type, code(FileType::SocketStream));
    assert_eq!(stat.flags, FdFlags::NONBLOCK);
    assert_eq!(stat.base, Rights::SOCKET);
    assert_eq!(receive(&mut guest, fd, 10, 0), Err(Errno::Again));

    guest.set_flags(fd, FdFlags::empty()).expect("changeable");
    client.write_all(b"question").expect("sent");
    assert_eq!(
        receive(&mut guest, fd, 3, 1),
        Ok(("que".into(), 0)),
        "peeked"
    );
    assert_eq!(
        receive(&mut guest, fd, 8, 2),
        Ok(("question".into(), 0)),
        "waited for all"
    );
    assert_eq!(send(&mut guest, fd, "answer", 0), Ok(6));
    assert_eq!(send(&mut guest, fd, "x", 1), Err(Errno::Inval));
    assert_eq!(guest.write(fd, "!"), Ok(1));
    let (context, mut memory) = guest.split();
    assert_eq!(context.sock_shutdown(&mut memory, fd, 0), Err(Errno::Inval));
    assert_eq!(context.sock_shutdown(&mut memory, fd, 4), Err(Errno::Inval));
    assert_eq!(context.sock_shutdown(&mut memory, fd, 2), Ok(()));
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("received");
    assert_eq!(answer, "answer!");
    // To send now is an error of the program's, not a signal that ends the host.
    assert_eq!(send(&mut guest, fd, "x", 0), Err(Errno::Pipe));
    drop(client);
    assert_eq!(receive(&mut guest, fd, 10, 0), Ok((String::new(), 0)));
}

#[test]
fn a_datagram_that_does_not_fit_says_so() {
    let (ours, theirs) = UnixDatagram::pair().expect("pair");
    let mut guest = Guest::with(|builder| builder.preopen_file(theirs).expect("open"));
    let stat = guest.attributes(4).expect("open");
    assert_eq!(stat.file_type, code(FileType::SocketDgram));
    ours.send(b"0123456789").expect("sent");
    assert_eq!(receive(&mut guest, 4, 4, 0), Ok(("0123".into(), 1)));
    ours.send(b"01").expect("sent");
    assert_eq!(receive(&mut guest, 4, 4, 0), Ok(("01".into(), 0)));
}

#[test]
fn socket_functions_need_sockets_and_rights() {
    let (_ours, theirs) = UnixStream::pair().expect("pair");
    let mut guest = Guest::with(|builder| builder.preopen_file(theirs).expect("open"));
    for fd in [0, 3] {
        assert_eq!(receive(&mut guest, fd, 1, 0), Err(Errno::NotSock));
        assert_eq!(send(&mut guest, fd, "x", 0), Err(Errno::NotSock));
        let (context, mut memory) = guest.split();
        assert_eq!(
            context.sock_shutdown(&mut memory, fd, 1),
            Err(Errno::NotSock)
        );
        assert_eq!(
            context.sock_accept(&mut memory, fd, 0, RESULT),
            Err(Errno::NotSock)
        );
    }
    assert_eq!(receive(&mut guest, 9, 1, 0), Err(Errno::BadF));
    assert_eq!(receive(&mut guest, 4, 1, 4), Err(Errno::Inval));
    guest
        .set_rights(4, Rights::FD_WRITE, Rights::empty())
        .expect("fewer");
    assert_eq!(receive(&mut guest, 4, 1, 0), Err(Errno::NotCapable));
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.sock_shutdown(&mut memory, 4, 1),
        Err(Errno::NotCapable)
    );
    assert_eq!(
        context.sock_accept(&mut memory, 4, 0, RESULT),
        Err(Errno::NotCapable)
    );
}
