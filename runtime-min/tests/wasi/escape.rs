//! No path leads out of a preopened directory.

use crate::guest::{Guest, Open};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wamr_runtime_min::host::wasi::{Errno, LookupFlags, OFlags};

/// Paths that would lead to `secret` next to the preopened directory if they were taken as they
/// are. Links of these names are made beforehand.
fn ways_out(guest: &Guest) -> Vec<String> {
    let secret = guest.host.path().join("secret");
    guest.link_from_outside(&secret, "absolute_link");
    guest.link_from_outside("../secret", "relative_link");
    guest.link_from_outside("relative_link", "link_to_link");
    guest.link_from_outside("..", "parent_link");
    guest.link_from_outside("/", "root_link");
    std::fs::create_dir(guest.path("dir")).expect("made");
    guest.link_from_outside("../../secret", "dir/relative_link");
    let absolute = secret.to_str().expect("UTF-8");
    vec![
        "../secret".into(),
        "./../secret".into(),
        "dir/../../secret".into(),
        "dir/../dir/./../../secret".into(),
        "../root/../secret".into(),
        absolute.into(),
        format!("/{absolute}"),
        "absolute_link".into(),
        "relative_link".into(),
        "link_to_link".into(),
        "dir/relative_link".into(),
        "parent_link/secret".into(),
        format!("root_link{absolute}"),
    ]
}

#[test]
fn nothing_outside_is_opened() {
    let mut guest = Guest::new();
    for path in ways_out(&guest) {
        for open in [
            Open::READ.follow(),
            Open::CREATE.follow(),
            Open::CREATE.follow().create(OFlags::CREAT | OFlags::TRUNC),
            Open::READ,
        ] {
            let result = guest.open(&path, open);
            assert!(
                matches!(result, Err(Errno::NotCapable | Errno::Loop)),
                "{path}: {result:?}"
            );
        }
    }
    for directory in [
        "..",
        "/",
        "../",
        "dir/../..",
        "parent_link",
        "root_link",
        "/proc/self",
    ] {
        let result = guest.open(directory, Open::DIRECTORY.follow());
        assert_eq!(result, Err(Errno::NotCapable), "{directory}");
    }
    let secret = std::fs::read_to_string(guest.host.path().join("secret"));
    assert_eq!(secret.expect("still there"), "secret");
}

#[test]
fn nothing_outside_is_looked_at_or_changed() {
    let mut guest = Guest::new();
    guest.file("file", "x");
    let follow = LookupFlags::SYMLINK_FOLLOW;
    let none = LookupFlags::empty();
    for path in ways_out(&guest) {
        let refused = |result: Result<(), Errno>, what: &str| {
            assert_eq!(result, Err(Errno::NotCapable), "{what} {path}");
        };
        refused(guest.stat(&path, follow).map(|_| ()), "stat");
        refused(guest.hard_link(&path, "new", follow), "link from");
        let (at, length) = guest.put_path(&path);
        let (context, mut memory) = guest.split();
        refused(
            context.path_filestat_set_times(&mut memory, 3, 1, at, length, 0, 0, 5),
            "set times of",
        );
        // What does not follow a last link takes the link itself, which is inside.
        if !path.ends_with("_link") && !path.ends_with("link_to_link") {
            refused(guest.stat(&path, none).map(|_| ()), "lstat");
            refused(guest.unlink(&path), "unlink");
            refused(guest.rmdir(&path), "rmdir");
            refused(guest.mkdir(&path), "mkdir");
            refused(guest.rename(&path, "new"), "rename from");
            refused(guest.rename("file", &path), "rename to");
            refused(guest.hard_link(&path, "new", none), "link from");
            refused(guest.hard_link("file", &path, none), "link to");
            refused(guest.symlink("file", &path), "symlink at");
            refused(guest.readlink(&path, 100).map(|_| ()), "readlink");
        }
    }
    assert!(guest.host.path().join("secret").exists());
    assert!(guest.path("file").exists());
    assert!(!guest.path("new").exists());
    let entries = std::fs::read_dir(guest.host.path()).expect("readable");
    assert_eq!(entries.count(), 2, "nothing new next to the sandbox");
}

#[test]
fn links_that_a_program_makes_lead_nowhere_either() {
    let mut guest = Guest::new();
    assert_eq!(guest.symlink("/etc/passwd", "link"), Err(Errno::NotCapable));
    assert_eq!(guest.symlink("../secret", "link"), Ok(()));
    assert_eq!(
        guest.open("link", Open::READ.follow()),
        Err(Errno::NotCapable)
    );
    // Moved deeper the link leads to another place, inside; moved up again it does not.
    guest.mkdir("dir").expect("made");
    guest.file("secret", "my own");
    assert_eq!(guest.rename("link", "dir/link"), Ok(()));
    let fd = guest.open("dir/link", Open::READ.follow()).expect("inside");
    assert_eq!(guest.read(fd, 10), Ok("my own".into()));
    assert_eq!(guest.rename("dir/link", "link"), Ok(()));
    assert_eq!(
        guest.open("link", Open::READ.follow()),
        Err(Errno::NotCapable)
    );
}

#[test]
fn a_directory_opened_inside_is_a_wall_of_its_own() {
    let mut guest = Guest::new();
    guest.mkdir("dir").expect("made");
    guest.file("file", "x");
    let fd = guest.open("dir", Open::DIRECTORY).expect("opened");
    let result = guest.open_at(fd, "../file", Open::READ);
    assert_eq!(result, Err(Errno::NotCapable));
    // Also when the directory has moved in the meantime.
    guest.mkdir("deeper").expect("made");
    guest.rename("dir", "deeper/dir").expect("moved");
    let result = guest.open_at(fd, "../../file", Open::READ);
    assert_eq!(result, Err(Errno::NotCapable));
}

/// Someone exchanges a directory for a link to the outside again and again. A look-up that checked
/// the path first and then used it would be led out sooner or later.
#[test]
fn exchanging_a_directory_for_a_link_meanwhile_does_not_help() {
    let mut guest = Guest::new();
    guest.mkdir("real").expect("made");
    guest.file("real/secret", "inside");
    guest.link_from_outside(guest.host.path(), "evil");
    std::fs::rename(guest.path("real"), guest.path("door")).expect("renamed");
    let root = guest.path("");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::fs::rename(root.join("door"), root.join("real")).expect("renamed");
                std::fs::rename(root.join("evil"), root.join("door")).expect("renamed");
                std::fs::rename(root.join("door"), root.join("evil")).expect("renamed");
                std::fs::rename(root.join("real"), root.join("door")).expect("renamed");
            }
        });
        // On a busy machine the other thread may sleep while the directory is away.
        let (mut inside, mut tries, begun) = (0, 0, Instant::now());
        while (tries < 3000 || inside < 100) && begun.elapsed() < Duration::from_secs(20) {
            tries += 1;
            if let Ok(fd) = guest.open("door/secret", Open::READ.follow()) {
                inside += 1;
                let contents = guest.read(fd, 10);
                guest.close(fd).expect("open");
                if contents != Ok("inside".into()) {
                    stop.store(true, Ordering::Relaxed);
                    panic!("led out: {contents:?}");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(inside > 0, "the directory was never there");
    });
}
