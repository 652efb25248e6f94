//! Open files: data, position, size, times, flags.

use crate::guest::{DATA, Guest, Open, RESULT, code};
use wamr_runtime_min::host::wasi::{Errno, FdFlags, FileType, LookupFlags, OFlags, Rights, Whence};

#[test]
fn what_is_written_is_read_back() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    assert_eq!(guest.write(fd, "hello, world"), Ok(12));
    assert_eq!(guest.tell(fd), Ok(12));
    assert_eq!(guest.seek(fd, 0, Whence::Set), Ok(0));
    assert_eq!(guest.read(fd, 5), Ok("hello".into()));
    assert_eq!(guest.seek(fd, 2, Whence::Cur), Ok(7));
    assert_eq!(guest.read(fd, 100), Ok("world".into()));
    assert_eq!(guest.read(fd, 100), Ok(String::new()));
    assert_eq!(guest.seek(fd, -5, Whence::End), Ok(7));
    assert_eq!(guest.seek(fd, -1, Whence::Set), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, -100, Whence::Cur), Err(Errno::Inval));
    assert_eq!(guest.contents("file"), "hello, world");
    assert_eq!(guest.close(fd), Ok(()));
    assert_eq!(guest.read(fd, 1), Err(Errno::BadF));
}

#[test]
fn positioned_reads_and_writes_leave_the_position_alone() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    assert_eq!(guest.write(fd, "abcdef"), Ok(6));
    assert_eq!(guest.pwrite(fd, "XY", 1), Ok(2));
    assert_eq!(guest.pread(fd, 4, 2), Ok("Ydef".into()));
    assert_eq!(guest.pread(fd, 4, 100), Ok(String::new()));
    assert_eq!(guest.pread(fd, 4, u64::MAX), Err(Errno::Inval));
    assert_eq!(guest.pwrite(fd, "x", u64::MAX), Err(Errno::Inval));
    assert_eq!(guest.tell(fd), Ok(6));
    assert_eq!(guest.contents("file"), "aXYdef");
    assert_eq!(guest.pwrite(fd, "!", 8), Ok(1));
    assert_eq!(guest.contents("file"), "aXYdef\0\0!");
}

#[test]
fn several_buffers_are_one_read_and_one_write() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    guest.set(DATA, b"abcdefgh");
    // Overlapping, empty and out of order: all fine for writing.
    let (list, count) = guest.put_buffers(&[(DATA + 4, 4), (DATA, 0), (DATA, 6)]);
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.fd_write(&mut memory, fd, list, count, RESULT),
        Ok(())
    );
    assert_eq!(guest.u32_at(RESULT), 10);
    assert_eq!(guest.contents("file"), "efghabcdef");

    assert_eq!(guest.seek(fd, 0, Whence::Set), Ok(0));
    let (list, count) = guest.put_buffers(&[(DATA + 100, 3), (DATA + 50, 4)]);
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.fd_read(&mut memory, fd, list, count, RESULT),
        Ok(())
    );
    assert_eq!(guest.u32_at(RESULT), 7);
    assert_eq!(&guest.data(103)[100..], b"efg");
    assert_eq!(&guest.data(54)[50..], b"habc");
}

#[test]
fn a_failing_buffer_leaves_the_file_as_it_was() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    let (list, count) = guest.put_buffers(&[(DATA, 4), (u32::MAX, 4)]);
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.fd_write(&mut memory, fd, list, count, RESULT),
        Err(Errno::Fault)
    );
    let (list, count) = guest.put_buffers(&[(DATA, 4)]);
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.fd_write(&mut memory, fd, list, count, u32::MAX - 1),
        Err(Errno::Fault)
    );
    assert_eq!(guest.contents("file"), "");
}

#[test]
fn appending_writes_go_to_the_end_until_it_is_switched_off() {
    let mut guest = Guest::new();
    guest.file("log", "one\n");
    let fd = guest
        .open("log", Open::CREATE.flags(FdFlags::APPEND))
        .expect("opened");
    assert_eq!(guest.attributes(fd).expect("open").flags, FdFlags::APPEND);
    assert_eq!(guest.write(fd, "two\n"), Ok(4));
    assert_eq!(guest.seek(fd, 0, Whence::Set), Ok(0));
    assert_eq!(guest.write(fd, "three\n"), Ok(6));
    assert_eq!(guest.contents("log"), "one\ntwo\nthree\n");
    assert_eq!(guest.set_flags(fd, FdFlags::empty()), Ok(()));
    assert_eq!(guest.seek(fd, 0, Whence::Set), Ok(0));
    assert_eq!(guest.write(fd, "ONE"), Ok(3));
    assert_eq!(guest.contents("log"), "ONE\ntwo\nthree\n");
    assert_eq!(guest.set_flags(fd, FdFlags::NONBLOCK), Ok(()));
    assert_eq!(guest.set_flags(fd, FdFlags::SYNC), Err(Errno::NotSup));
    assert_eq!(guest.attributes(fd).expect("open").flags, FdFlags::NONBLOCK);
}

#[test]
fn synchronous_flags_hold_from_the_opening_on() {
    let mut guest = Guest::new();
    let flags = FdFlags::SYNC | FdFlags::DSYNC | FdFlags::RSYNC | FdFlags::APPEND;
    let fd = guest
        .open("file", Open::CREATE.flags(flags))
        .expect("created");
    assert_eq!(guest.attributes(fd).expect("open").flags, flags);
    assert_eq!(guest.write(fd, "x"), Ok(1));
    let (context, mut memory) = guest.split();
    assert_eq!(context.fd_sync(&mut memory, fd), Ok(()));
    assert_eq!(context.fd_datasync(&mut memory, fd), Ok(()));
}

#[test]
fn creation_flags_do_what_their_names_say() {
    let mut guest = Guest::new();
    guest.file("old", "contents");
    let exclusive = OFlags::CREAT | OFlags::EXCL;
    assert_eq!(
        guest.open("old", Open::CREATE.create(exclusive)),
        Err(Errno::Exist)
    );
    assert_eq!(guest.open("new", Open::READ), Err(Errno::NoEnt));
    assert!(guest.open("new", Open::CREATE.create(exclusive)).is_ok());
    assert!(guest.open("old", Open::CREATE).is_ok());
    assert_eq!(guest.contents("old"), "contents");
    let truncating = Open::CREATE.create(OFlags::TRUNC);
    assert!(guest.open("old", truncating).is_ok());
    assert_eq!(guest.contents("old"), "");
    // Appending and truncating, which needs care on the host.
    guest.file("old", "contents");
    let fd = guest.open("old", truncating.flags(FdFlags::APPEND));
    assert_eq!(guest.write(fd.expect("opened"), "x"), Ok(1));
    assert_eq!(guest.contents("old"), "x");

    guest.mkdir("dir").expect("made");
    let directory = Open::DIRECTORY;
    assert!(guest.open("dir", directory).is_ok());
    assert_eq!(guest.open("old", directory), Err(Errno::NotDir));
    assert_eq!(guest.open("dir", Open::CREATE), Err(Errno::IsDir));
    let reading = Open::READ.create(OFlags::CREAT);
    assert_eq!(guest.open("dir", reading), Err(Errno::IsDir));
    let both = OFlags::CREAT | OFlags::DIRECTORY;
    assert_eq!(guest.open("dir", directory.create(both)), Err(Errno::Inval));
}

#[test]
fn a_read_only_file_can_be_opened_with_creat() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut guest = Guest::new();
    guest.file("file", "x");
    let mode = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(guest.path("file"), mode).expect("mode");
    let fd = guest.open("file", Open::READ.create(OFlags::CREAT));
    assert_eq!(guest.read(fd.expect("opened"), 1), Ok("x".into()));
    // And one that does not exist is created, although nothing can be written to it.
    let fd = guest.open("new", Open::READ.create(OFlags::CREAT));
    assert_eq!(
        guest.write(fd.expect("created"), "x"),
        Err(Errno::NotCapable)
    );
}

#[test]
fn sizes_and_allocations() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    for (size, expected) in [(100, Ok(())), (3, Ok(())), (u64::MAX, Err(Errno::FBig))] {
        let (context, mut memory) = guest.split();
        assert_eq!(
            context.fd_filestat_set_size(&mut memory, fd, size),
            expected
        );
    }
    assert_eq!(guest.fd_stat(fd).expect("open").size, 3);
    for (offset, length, expected) in [
        (0, 10, Ok(())),
        (0, 5, Ok(())),
        (8, 8, Ok(())),
        (0, 0, Err(Errno::Inval)),
        (u64::MAX, 1, Err(Errno::FBig)),
        (u64::MAX / 2, 1, Err(Errno::FBig)),
    ] {
        let (context, mut memory) = guest.split();
        assert_eq!(
            context.fd_allocate(&mut memory, fd, offset, length),
            expected,
            "{offset} {length}"
        );
    }
    assert_eq!(guest.fd_stat(fd).expect("open").size, 16);
    for (advice, expected) in [(0, Ok(())), (5, Ok(())), (6, Err(Errno::Inval))] {
        let (context, mut memory) = guest.split();
        assert_eq!(context.fd_advise(&mut memory, fd, 0, 0, advice), expected);
    }
}

#[test]
fn times_are_set_by_descriptor_and_by_path() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    let before = guest.fd_stat(fd).expect("open");
    assert!(before.mtim > 1_600_000_000_000_000_000);
    let (context, mut memory) = guest.split();
    // The access time to 5 s and 7 ns, the modification time stays.
    assert_eq!(
        context.fd_filestat_set_times(&mut memory, fd, 5_000_000_007, 1, 1),
        Ok(())
    );
    let stat = guest.fd_stat(fd).expect("open");
    assert_eq!((stat.atim, stat.mtim), (5_000_000_007, before.mtim));

    let (path, length) = guest.put_path("file");
    let (context, mut memory) = guest.split();
    // The access time to now, the modification time to 9 ns.
    assert_eq!(
        context.path_filestat_set_times(&mut memory, 3, 0, path, length, 0, 9, 2 | 4),
        Ok(())
    );
    assert_eq!(
        context.path_filestat_set_times(&mut memory, 3, 0, path, length, 0, 9, 4 | 8),
        Err(Errno::Inval)
    );
    let stat = guest.stat("file", LookupFlags::empty()).expect("there");
    assert!(stat.atim >= before.atim);
    assert_eq!(stat.mtim, 9);

    // Of a symbolic link itself, and of a directory.
    guest.symlink("file", "link").expect("made");
    let (path, length) = guest.put_path("link");
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.path_filestat_set_times(&mut memory, 3, 0, path, length, 0, 11, 4),
        Ok(())
    );
    assert_eq!(
        context.fd_filestat_set_times(&mut memory, 3, 0, 13, 4),
        Ok(())
    );
    let link = guest.stat("link", LookupFlags::empty()).expect("there");
    let target = guest
        .stat("link", LookupFlags::SYMLINK_FOLLOW)
        .expect("there");
    assert_eq!((link.mtim, target.mtim), (11, 9));
    assert_eq!(guest.fd_stat(3).expect("open").mtim, 13);
}

#[test]
fn attributes_tell_types_links_and_sizes() {
    let mut guest = Guest::new();
    guest.file("file", "12345");
    guest.mkdir("dir").expect("made");
    guest.symlink("file", "link").expect("made");
    guest
        .hard_link("file", "other", LookupFlags::empty())
        .expect("made");
    let none = LookupFlags::empty();
    let file = guest.stat("file", none).expect("there");
    assert_eq!(file.file_type, code(FileType::RegularFile));
    assert_eq!((file.size, file.nlink), (5, 2));
    assert_eq!(guest.stat("other", none).expect("there").ino, file.ino);
    let link = guest.stat("link", none).expect("there");
    assert_eq!(link.file_type, code(FileType::SymbolicLink));
    assert_eq!(link.size, 4);
    let followed = guest.stat("link", LookupFlags::SYMLINK_FOLLOW);
    assert_eq!(followed.expect("there").ino, file.ino);
    let dir = guest.stat("dir", none).expect("there");
    assert_eq!(dir.file_type, code(FileType::Directory));
    assert_eq!(guest.stat("none", none), Err(Errno::NoEnt));
    assert_eq!(guest.stat("file/", none), Err(Errno::NotDir));
    assert_eq!(guest.stat("link/", none), Err(Errno::NotDir));
    assert_eq!(guest.stat("dir/", none), Ok(dir));
    let fd = guest.open("file", Open::READ).expect("opened");
    assert_eq!(guest.fd_stat(fd), Ok(file));
}

#[test]
fn descriptors_move_to_another_number() {
    let mut guest = Guest::new();
    let first = guest.open("one", Open::CREATE).expect("created");
    let second = guest.open("two", Open::CREATE).expect("created");
    guest.write(first, "first").expect("written");
    let (context, mut memory) = guest.split();
    assert_eq!(context.fd_renumber(&mut memory, first, second), Ok(()));
    assert_eq!(
        context.fd_renumber(&mut memory, second, first),
        Err(Errno::BadF)
    );
    assert_eq!(guest.close(first), Err(Errno::BadF));
    assert_eq!(guest.tell(second), Ok(5));
    assert_eq!(guest.open("three", Open::CREATE), Ok(first));
}

#[test]
fn directories_have_no_data() {
    let mut guest = Guest::new();
    let none = Rights::empty();
    let fd = guest.open(".", Open::DIRECTORY.base(none)).expect("opened");
    assert_eq!(guest.read(fd, 1), Err(Errno::BadF));
    assert_eq!(guest.write(fd, "x"), Err(Errno::BadF));
    assert_eq!(guest.pread(fd, 1, 0), Err(Errno::BadF));
    assert_eq!(guest.pwrite(fd, "x", 0), Err(Errno::BadF));
    assert_eq!(guest.seek(fd, 0, Whence::Cur), Err(Errno::BadF));
    assert_eq!(guest.tell(fd), Err(Errno::BadF));
    let (context, mut memory) = guest.split();
    assert_eq!(context.fd_allocate(&mut memory, fd, 0, 1), Err(Errno::BadF));
    assert_eq!(
        context.fd_filestat_set_size(&mut memory, fd, 0),
        Err(Errno::BadF)
    );
    assert_eq!(context.fd_sync(&mut memory, 3), Ok(()));
    let asked = Open::DIRECTORY.base(Rights::FD_READ | Rights::FD_WRITE);
    assert_eq!(guest.open(".", asked), Err(Errno::IsDir));
}
