//! Listing directories.

use crate::guest::{DATA, Guest, Open, RESULT, ROOT, code};
use std::collections::BTreeMap;
use wamr_runtime_min::host::wasi::{Dirent, Errno, FileType};

/// An entry as it lies in the buffer.
#[derive(Debug)]
struct Entry {
    next: u64,
    ino: u64,
    name: String,
    file_type: u8,
}

/// One call: the whole entries in the buffer, and the number of bytes used.
fn list(guest: &mut Guest, fd: u32, room: u32, cookie: u64) -> Result<(Vec<Entry>, u32), Errno> {
    let (context, mut memory) = guest.split();
    context.fd_readdir(&mut memory, fd, DATA, room, cookie, RESULT)?;
    let used = guest.u32_at(RESULT);
    let head = u32::try_from(Dirent::SIZE).expect("small");
    let mut entries = Vec::new();
    let mut at = DATA;
    while at + head <= DATA + used {
        let length = guest.u32_at(at + 16);
        if at + head + length > DATA + used {
            break;
        }
        let start = usize::try_from(at + head).expect("address");
        let end = start + usize::try_from(length).expect("length");
        entries.push(Entry {
            next: guest.u64_at(at),
            ino: guest.u64_at(at + 8),
            name: String::from_utf8(guest.bytes[start..end].to_vec()).expect("text"),
            file_type: guest.bytes[usize::try_from(at + 20).expect("address")],
        });
        at += head + length;
    }
    Ok((entries, used))
}

/// Lists everything as a C library does it: a buffer that is not full is the end.
fn list_all(guest: &mut Guest, fd: u32, room: u32) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut cookie = 0;
    loop {
        let (entries, used) = list(guest, fd, room, cookie).expect("readable");
        if let Some(last) = entries.last() {
            cookie = last.next;
        }
        let stuck = entries.is_empty() && used == room;
        assert!(!stuck, "no entry fits the buffer");
        all.extend(entries);
        if used < room {
            return all;
        }
    }
}

fn names(entries: &[Entry]) -> Vec<&str> {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn entries_have_names_types_and_numbers() {
    let mut guest = Guest::new();
    guest.file("file", "");
    guest.mkdir("dir").expect("made");
    guest.symlink("file", "link").expect("made");
    let entries = list_all(&mut guest, ROOT, 4096);
    assert_eq!(names(&entries), [".", "..", "dir", "file", "link"]);
    let types: BTreeMap<&str, u8> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.file_type))
        .collect();
    assert_eq!(types["."], code(FileType::Directory));
    assert_eq!(types["dir"], code(FileType::Directory));
    assert_eq!(types["file"], code(FileType::RegularFile));
    assert_eq!(types["link"], code(FileType::SymbolicLink));
    let file = guest.stat("file", wamr_runtime_min::host::wasi::LookupFlags::empty());
    let entry = entries.iter().find(|entry| entry.name == "file");
    assert_eq!(entry.expect("listed").ino, file.expect("there").ino);
}

#[test]
fn every_entry_comes_once_whatever_the_size_of_the_buffer() {
    let mut guest = Guest::new();
    for index in 0..300 {
        guest.file(&format!("file-{index:04}-{}", "x".repeat(index % 60)), "");
    }
    let whole = list_all(&mut guest, ROOT, 0x1_0000);
    let expected: Vec<String> = names(&whole).into_iter().map(String::from).collect();
    assert_eq!(expected.len(), 302);
    for room in [100, 101, 128, 555, 4096] {
        let entries = list_all(&mut guest, ROOT, room);
        assert_eq!(names(&entries), expected, "buffer of {room}");
    }
}

#[test]
fn a_cookie_goes_on_where_it_was_given_even_later() {
    let mut guest = Guest::new();
    for index in 0..20 {
        guest.file(&format!("file{index}"), "");
    }
    let (entries, _) = list(&mut guest, ROOT, 4096, 0).expect("readable");
    assert_eq!(entries.len(), 22);
    // Backwards, so that each call has to seek.
    for (index, entry) in entries.iter().enumerate().rev() {
        let (rest, _) = list(&mut guest, ROOT, 4096, entry.next).expect("readable");
        let rest: Vec<&str> = rest.iter().map(|entry| entry.name.as_str()).collect();
        let expected: Vec<&str> = entries[index + 1..]
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(rest, expected);
    }
    // A new listing sees what is new.
    guest.file("new", "");
    let (entries, _) = list(&mut guest, ROOT, 4096, 0).expect("readable");
    assert!(names(&entries).contains(&"new"));
}

#[test]
fn a_cut_entry_fills_the_buffer() {
    let mut guest = Guest::new();
    guest.file("name", "");
    for room in [0, 1, 23, 24, 25] {
        let (_, used) = list(&mut guest, ROOT, room, 0).expect("readable");
        assert_eq!(used, room);
    }
}

#[test]
fn only_directories_are_listed() {
    let mut guest = Guest::new();
    let fd = guest.open("file", Open::CREATE).expect("created");
    assert_eq!(list(&mut guest, fd, 100, 0).map(|_| ()), Err(Errno::NotDir));
    assert_eq!(list(&mut guest, 9, 100, 0).map(|_| ()), Err(Errno::BadF));
    let nonsense = list(&mut guest, ROOT, 100, u64::MAX).map(|_| ());
    assert_eq!(nonsense, Err(Errno::Inval));
    // And after a nonsense cookie a sensible one works.
    assert_eq!(list_all(&mut guest, ROOT, 4096).len(), 3);
}
