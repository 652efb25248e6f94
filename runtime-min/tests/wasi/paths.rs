//! Names: making, removing, renaming and linking files.

use crate::guest::{DATA, Guest, Open, RESULT, ROOT};
use wamr_runtime_min::host::wasi::{Errno, LookupFlags};

#[test]
fn directories_are_made_and_removed() {
    let mut guest = Guest::new();
    assert_eq!(guest.mkdir("a"), Ok(()));
    assert_eq!(guest.mkdir("a/b"), Ok(()));
    assert_eq!(guest.mkdir("a/b"), Err(Errno::Exist));
    assert_eq!(guest.mkdir("x/y"), Err(Errno::NoEnt));
    assert_eq!(guest.rmdir("a"), Err(Errno::NotEmpty));
    assert_eq!(guest.unlink("a/b"), Err(Errno::IsDir));
    assert_eq!(guest.rmdir("a/b"), Ok(()));
    assert_eq!(guest.rmdir("a/b"), Err(Errno::NoEnt));
    guest.file("file", "");
    assert_eq!(guest.rmdir("file"), Err(Errno::NotDir));
    assert_eq!(guest.unlink("file/"), Err(Errno::NotDir));
    assert_eq!(guest.unlink("file"), Ok(()));
    assert_eq!(guest.unlink("file"), Err(Errno::NoEnt));
    assert_eq!(guest.mkdir(""), Err(Errno::NoEnt));
}

#[test]
fn renaming_replaces_files_but_not_full_directories() {
    let mut guest = Guest::new();
    guest.file("one", "1");
    guest.file("two", "2");
    assert_eq!(guest.rename("one", "two"), Ok(()));
    assert_eq!(guest.contents("two"), "1");
    assert_eq!(guest.rename("one", "three"), Err(Errno::NoEnt));
    guest.mkdir("dir").expect("made");
    guest.mkdir("full").expect("made");
    guest.file("full/file", "");
    assert_eq!(guest.rename("dir", "full"), Err(Errno::NotEmpty));
    assert_eq!(guest.rename("two", "dir"), Err(Errno::IsDir));
    assert_eq!(guest.rename("dir", "two"), Err(Errno::NotDir));
    assert_eq!(guest.rename("full", "dir"), Ok(()));
    assert_eq!(guest.rename("dir", "dir/inside"), Err(Errno::Inval));
    assert_eq!(guest.rename("dir/file", "file"), Ok(()));
    assert!(guest.path("file").exists());
}

#[test]
fn hard_links_are_names_of_the_same_file() {
    let mut guest = Guest::new();
    guest.file("file", "x");
    guest.mkdir("dir").expect("made");
    let none = LookupFlags::empty();
    assert_eq!(guest.hard_link("file", "dir/link", none), Ok(()));
    assert_eq!(guest.hard_link("file", "dir/link", none), Err(Errno::Exist));
    assert_eq!(guest.hard_link("dir", "link", none), Err(Errno::Perm));
    assert_eq!(guest.hard_link("none", "link", none), Err(Errno::NoEnt));
    assert_eq!(guest.hard_link("file", "link/", none), Err(Errno::NoEnt));

    // Of a symbolic link itself, or of what it leads to.
    guest.symlink("file", "soft").expect("made");
    assert_eq!(guest.hard_link("soft", "soft2", none), Ok(()));
    assert_eq!(guest.readlink("soft2", 100), Ok("file".into()));
    let follow = LookupFlags::SYMLINK_FOLLOW;
    assert_eq!(guest.hard_link("soft", "hard", follow), Ok(()));
    assert_eq!(guest.readlink("hard", 100), Err(Errno::Inval));
    assert_eq!(guest.stat("hard", none).expect("there").nlink, 3);
}

#[test]
fn symbolic_links_are_read_and_followed_as_asked() {
    let mut guest = Guest::new();
    guest.mkdir("dir").expect("made");
    guest.file("dir/file", "found");
    assert_eq!(guest.symlink("dir/file", "link"), Ok(()));
    assert_eq!(guest.symlink("x", "link"), Err(Errno::Exist));
    assert_eq!(guest.readlink("link", 100), Ok("dir/file".into()));
    assert_eq!(guest.readlink("link", 3), Ok("dir".into()));
    assert_eq!(guest.readlink("link", 0), Ok(String::new()));
    assert_eq!(guest.open("link", Open::READ), Err(Errno::Loop));
    let fd = guest.open("link", Open::READ.follow()).expect("followed");
    assert_eq!(guest.read(fd, 10), Ok("found".into()));
    // Within a path links are always followed, and `..` is relative to where they lead.
    guest.symlink("dir", "to_dir").expect("made");
    assert!(guest.open("to_dir/file", Open::READ).is_ok());
    assert!(guest.open("to_dir/../link", Open::READ.follow()).is_ok());
    assert_eq!(guest.open("to_dir", Open::DIRECTORY), Err(Errno::NotDir));
    assert!(guest.open("to_dir", Open::DIRECTORY.follow()).is_ok());

    guest.symlink("round", "round").expect("made");
    assert_eq!(guest.open("round", Open::READ.follow()), Err(Errno::Loop));
    guest.symlink("nowhere", "dangling").expect("made");
    assert_eq!(
        guest.open("dangling", Open::READ.follow()),
        Err(Errno::NoEnt)
    );
    assert!(guest.open("dangling", Open::CREATE.follow()).is_ok());
    assert!(guest.path("nowhere").exists());
    assert_eq!(guest.unlink("link"), Ok(()));
    assert!(guest.path("dir/file").exists());
}

#[test]
fn paths_are_text_of_sane_length() {
    let mut guest = Guest::new();
    assert_eq!(guest.open("a\0b", Open::CREATE), Err(Errno::Inval));
    let long = "x".repeat(256);
    assert_eq!(guest.open(&long, Open::CREATE), Err(Errno::NameTooLong));
    guest.set(DATA, &[0xff; 8]);
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.path_create_directory(&mut memory, ROOT, DATA, 8),
        Err(Errno::IlSeq)
    );
    assert_eq!(
        context.path_create_directory(&mut memory, ROOT, DATA, 0x1_0001),
        Err(Errno::NameTooLong)
    );
    assert_eq!(
        context.path_create_directory(&mut memory, ROOT, u32::MAX, 8),
        Err(Errno::Fault)
    );
    // A name that is not UTF-8 on the host does not reach the program as something else.
    use std::os::unix::ffi::OsStrExt as _;
    guest.link_from_outside(std::ffi::OsStr::from_bytes(b"\xff"), "raw");
    assert_eq!(guest.readlink("raw", 10), Err(Errno::IlSeq));
}

#[test]
fn the_preopened_directory_has_its_name() {
    let mut guest = Guest::new();
    let (context, mut memory) = guest.split();
    assert_eq!(context.fd_prestat_get(&mut memory, ROOT, RESULT), Ok(()));
    assert_eq!(
        context.fd_prestat_get(&mut memory, 0, RESULT),
        Err(Errno::BadF)
    );
    assert_eq!(
        context.fd_prestat_get(&mut memory, 4, RESULT),
        Err(Errno::BadF)
    );
    assert_eq!(
        context.fd_prestat_dir_name(&mut memory, ROOT, DATA, 7),
        Err(Errno::NameTooLong)
    );
    assert_eq!(
        context.fd_prestat_dir_name(&mut memory, ROOT, DATA, 9),
        Ok(())
    );
    assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT + 4)), (0, 8));
    assert_eq!(guest.data(8), b"/sandbox");
    // What is opened through it is not preopened, and it can be closed.
    let fd = guest.open(".", Open::DIRECTORY).expect("opened");
    let (context, mut memory) = guest.split();
    assert_eq!(
        context.fd_prestat_get(&mut memory, fd, RESULT),
        Err(Errno::BadF)
    );
    assert_eq!(context.fd_close(&mut memory, ROOT), Ok(()));
    assert_eq!(
        context.fd_prestat_get(&mut memory, ROOT, RESULT),
        Err(Errno::BadF)
    );
    assert!(guest.open_at(fd, "file", Open::CREATE).is_ok());
}
