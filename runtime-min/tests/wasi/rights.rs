//! Rights: kept with each descriptor, passed on, given up, and enforced.

use crate::guest::{DATA, Guest, Open, RESULT, ROOT, code};
use wamr_runtime_min::host::wasi::{Errno, FdFlags, FileType, LookupFlags, OFlags, Rights, Whence};

/// An operation on a descriptor.
type OnFile = fn(&mut Guest, u32) -> Result<(), Errno>;

/// An operation on paths in the preopened directory.
type OnPaths = fn(&mut Guest) -> Result<(), Errno>;

#[test]
fn a_preopened_directory_has_every_right_of_a_directory() {
    let mut guest = Guest::new();
    let stat = guest.attributes(ROOT).expect("open");
    assert_eq!(stat.file_type, code(FileType::Directory));
    assert_eq!(stat.base, Rights::DIRECTORY);
    assert_eq!(stat.inheriting, Rights::all());
}

#[test]
fn a_descriptor_gets_what_it_asks_for_as_far_as_it_means_something() {
    let mut guest = Guest::new();
    let asked = Rights::FD_READ | Rights::FD_SEEK | Rights::PATH_OPEN;
    let open = Open {
        inheriting: Rights::FD_READ,
        ..Open::CREATE.base(asked)
    };
    let fd = guest.open("file", open).expect("created");
    let stat = guest.attributes(fd).expect("open");
    assert_eq!(stat.base, Rights::FD_READ | Rights::FD_SEEK);
    assert_eq!(stat.inheriting, Rights::empty());

    let open = Open {
        inheriting: Rights::FD_READ | Rights::FD_TELL,
        ..Open::DIRECTORY.base(Rights::FD_READDIR | Rights::FD_READ | Rights::PATH_OPEN)
    };
    let fd = guest.open(".", open).expect("opened");
    let stat = guest.attributes(fd).expect("open");
    assert_eq!(stat.base, Rights::FD_READDIR | Rights::PATH_OPEN);
    assert_eq!(stat.inheriting, Rights::FD_READ | Rights::FD_TELL);

    // Through it nothing more can be had.
    let result = guest.open_at(fd, "file", Open::READ.base(Rights::FD_WRITE));
    assert_eq!(result, Err(Errno::NotCapable));
    assert!(
        guest
            .open_at(fd, "file", Open::READ.base(Rights::FD_READ))
            .is_ok()
    );
    let sync = Open::READ.base(Rights::FD_READ).flags(FdFlags::SYNC);
    assert_eq!(guest.open_at(fd, "file", sync), Err(Errno::NotCapable));
}

#[test]
fn rights_are_given_up_for_good() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    let all = guest.attributes(fd).expect("open").base;
    let less = all - Rights::FD_WRITE;
    assert_eq!(guest.set_rights(fd, less, Rights::empty()), Ok(()));
    assert_eq!(guest.write(fd, "x"), Err(Errno::NotCapable));
    assert_eq!(
        guest.set_rights(fd, all, Rights::empty()),
        Err(Errno::NotCapable)
    );
    assert_eq!(
        guest.set_rights(fd, less, Rights::FD_READ),
        Err(Errno::NotCapable)
    );
    let (context, mut memory) = guest.split();
    let unknown = context.fd_fdstat_set_rights(&mut memory, fd, u64::MAX, 0);
    assert_eq!(unknown, Err(Errno::NotCapable));
    assert_eq!(guest.attributes(fd).expect("open").base, less);
}

#[test]
fn operations_on_files_need_their_rights() {
    let mut guest = Guest::new();
    guest.file("file", "0123456789");
    let none = Rights::empty();
    let needs: [(Rights, OnFile); 15] = [
        (Rights::FD_READ, |g, fd| g.read(fd, 1).map(|_| ())),
        (Rights::FD_WRITE, |g, fd| g.write(fd, "x").map(|_| ())),
        (Rights::FD_READ | Rights::FD_SEEK, |g, fd| {
            g.pread(fd, 1, 0).map(|_| ())
        }),
        (Rights::FD_WRITE | Rights::FD_SEEK, |g, fd| {
            g.pwrite(fd, "x", 0).map(|_| ())
        }),
        (Rights::FD_SEEK, |g, fd| {
            g.seek(fd, 1, Whence::Set).map(|_| ())
        }),
        (Rights::FD_TELL, |g, fd| {
            g.seek(fd, 0, Whence::Cur).map(|_| ())
        }),
        (Rights::FD_TELL, |g, fd| g.tell(fd).map(|_| ())),
        (Rights::FD_FDSTAT_SET_FLAGS, |g, fd| {
            g.set_flags(fd, FdFlags::APPEND)
        }),
        (Rights::FD_FILESTAT_GET, |g, fd| g.fd_stat(fd).map(|_| ())),
        (Rights::FD_SYNC, |g, fd| {
            let (context, mut memory) = g.split();
            context.fd_sync(&mut memory, fd)
        }),
        (Rights::FD_DATASYNC, |g, fd| {
            let (context, mut memory) = g.split();
            context.fd_datasync(&mut memory, fd)
        }),
        (Rights::FD_ADVISE, |g, fd| {
            let (context, mut memory) = g.split();
            context.fd_advise(&mut memory, fd, 0, 0, 0)
        }),
        (Rights::FD_ALLOCATE, |g, fd| {
            let (context, mut memory) = g.split();
            context.fd_allocate(&mut memory, fd, 0, 1)
        }),
        (Rights::FD_FILESTAT_SET_SIZE, |g, fd| {
            let (context, mut memory) = g.split();
            context.fd_filestat_set_size(&mut memory, fd, 10)
        }),
        (Rights::FD_FILESTAT_SET_TIMES, |g, fd| {
            let (context, mut memory) = g.split();
            context.fd_filestat_set_times(&mut memory, fd, 0, 0, 0)
        }),
    ];
    for (needed, operation) in needs {
        let fd = guest.open("file", Open::READ.base(needed)).expect("opened");
        assert_eq!(operation(&mut guest, fd), Ok(()), "{needed:?}");
        guest.close(fd).expect("open");
        for right in needed.iter() {
            let less = (Rights::REGULAR_FILE - right - Rights::FD_SEEK) | (needed - right);
            let fd = guest.open("file", Open::READ.base(less)).expect("opened");
            let result = operation(&mut guest, fd);
            assert_eq!(result, Err(Errno::NotCapable), "without {right:?}");
            guest.close(fd).expect("open");
        }
    }
    let fd = guest.open("file", Open::READ.base(none)).expect("opened");
    assert_eq!(guest.attributes(fd).expect("open").base, none);
}

#[test]
fn operations_on_paths_need_their_rights() {
    let mut guest = Guest::new();
    let needs: [(Rights, OnPaths); 13] = [
        (Rights::PATH_OPEN, |g| {
            g.open(".", Open::DIRECTORY).map(|_| ())
        }),
        (Rights::PATH_OPEN | Rights::PATH_CREATE_FILE, |g| {
            g.open("file", Open::CREATE).map(|_| ())
        }),
        (Rights::PATH_OPEN | Rights::PATH_FILESTAT_SET_SIZE, |g| {
            g.open("file", Open::CREATE.create(OFlags::TRUNC))
                .map(|_| ())
        }),
        (Rights::PATH_CREATE_DIRECTORY, |g| g.mkdir("dir")),
        (Rights::PATH_FILESTAT_GET, |g| {
            g.stat("file", LookupFlags::empty()).map(|_| ())
        }),
        (Rights::PATH_FILESTAT_SET_TIMES, |g| {
            let (path, length) = g.put_path("file");
            let (context, mut memory) = g.split();
            context.path_filestat_set_times(&mut memory, ROOT, 0, path, length, 0, 0, 0)
        }),
        (Rights::PATH_LINK_SOURCE | Rights::PATH_LINK_TARGET, |g| {
            g.hard_link("file", "hard", LookupFlags::empty())
        }),
        (Rights::PATH_SYMLINK, |g| g.symlink("file", "soft")),
        (Rights::PATH_READLINK, |g| g.readlink("soft", 9).map(|_| ())),
        (
            Rights::PATH_RENAME_SOURCE | Rights::PATH_RENAME_TARGET,
            |g| g.rename("hard", "renamed"),
        ),
        (Rights::PATH_UNLINK_FILE, |g| g.unlink("renamed")),
        (Rights::PATH_REMOVE_DIRECTORY, |g| g.rmdir("dir")),
        (Rights::FD_READDIR, |g| {
            let (context, mut memory) = g.split();
            context.fd_readdir(&mut memory, ROOT, DATA, 100, 0, RESULT)
        }),
    ];
    // One directory through which everything is done, with fewer rights each time.
    let spare = guest.open(".", Open::DIRECTORY).expect("opened");
    let restrict = |guest: &mut Guest, base: Rights| {
        let copy = guest.open_at(spare, ".", Open::DIRECTORY.base(base));
        let copy = copy.expect("opened");
        let (context, mut memory) = guest.split();
        context
            .fd_renumber(&mut memory, copy, ROOT)
            .expect("both open");
    };
    for (needed, operation) in needs {
        for right in needed.iter() {
            restrict(&mut guest, Rights::DIRECTORY - right);
            let result = operation(&mut guest);
            assert_eq!(result, Err(Errno::NotCapable), "without {right:?}");
        }
        restrict(&mut guest, needed);
        assert_eq!(operation(&mut guest), Ok(()), "{needed:?}");
    }
}

#[test]
fn streams_have_no_position() {
    let mut guest = Guest::new();
    for (fd, has, lacks) in [
        (0, Rights::FD_READ, Rights::FD_WRITE),
        (1, Rights::FD_WRITE, Rights::FD_READ),
    ] {
        let base = guest.attributes(fd).expect("open").base;
        assert!(base.contains(has));
        assert!(!base.intersects(lacks | Rights::FD_SEEK | Rights::FD_TELL));
        assert_eq!(guest.tell(fd), Err(Errno::NotCapable));
    }
    assert_eq!(guest.write(0, "x"), Err(Errno::NotCapable));
    assert_eq!(guest.read(1, 1), Err(Errno::NotCapable));
}

#[test]
fn inherited_files_have_the_rights_of_their_access_mode() {
    let mut guest = Guest::with(|builder| {
        let file = tempfile::tempfile().expect("temporary file");
        let reading = std::fs::File::open("/dev/null").expect("null");
        let writing = std::fs::File::options()
            .append(true)
            .open("/dev/null")
            .expect("null");
        let builder = builder.preopen_file(file).expect("open");
        let builder = builder.preopen_file(reading).expect("open");
        builder.preopen_file(writing).expect("open")
    });
    let both = Rights::FD_READ | Rights::FD_WRITE;
    for (fd, expected, flags) in [
        (4, both, FdFlags::empty()),
        (5, Rights::FD_READ, FdFlags::empty()),
        (6, Rights::FD_WRITE, FdFlags::APPEND),
    ] {
        let stat = guest.attributes(fd).expect("open");
        assert_eq!(stat.base & both, expected, "descriptor {fd}");
        assert_eq!(stat.flags, flags, "descriptor {fd}");
        assert!(stat.base.contains(Rights::FD_SEEK));
    }
}
