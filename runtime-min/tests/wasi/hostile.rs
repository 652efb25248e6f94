//! Arguments that make no sense: every function answers, none panics or hangs.

use crate::guest::Guest;
use wamr_runtime_min::host::wasi::{GuestMemory, WasiCtx};

/// A small deterministic generator (xorshift64*), so that a failure comes back.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Mostly numbers at which something changes.
    fn argument(&mut self) -> u64 {
        const EDGES: [u64; 16] = [
            0,
            1,
            2,
            3,
            4,
            5,
            8,
            24,
            0x100,
            0x1_0000,
            0x3_fff8,
            0x4_0000,
            0x7fff_ffff,
            0xffff_ffff,
            u64::MAX / 2 + 1,
            u64::MAX,
        ];
        match self.next() % 4 {
            0 => self.next() >> (self.next() % 64),
            1 => self.next() % 0x4_0000,
            _ => EDGES[usize::try_from(self.next() % 16).expect("small")],
        }
    }

    fn short(&mut self) -> u32 {
        u32::try_from(self.argument() & 0xffff_ffff).expect("masked")
    }
}

/// Calls one of the functions with random arguments.
fn call(context: &WasiCtx, m: &mut GuestMemory<'_>, numbers: &mut Numbers) {
    let which = numbers.next() % 44;
    let [a, b, c, d, e, f, g] = core::array::from_fn(|_| numbers.short());
    let (x, y) = (numbers.argument(), numbers.argument());
    let fd = if numbers.next().is_multiple_of(2) {
        a % 8
    } else {
        a
    };
    let _ = match which {
        0 => context.args_get(m, a, b),
        1 => context.args_sizes_get(m, a, b),
        2 => context.environ_get(m, a, b),
        3 => context.environ_sizes_get(m, a, b),
        4 => context.clock_res_get(m, a % 6, b),
        5 => context.clock_time_get(m, a % 6, x, b),
        6 => context.fd_advise(m, fd, x, y, b),
        // Lengths are kept small: the host has only so much room.
        7 => context.fd_allocate(m, fd, x % 0x1_0000, y % 0x1_0000),
        8 => context.fd_close(m, if fd < 4 { 99 } else { fd }),
        9 => context.fd_datasync(m, fd),
        10 => context.fd_fdstat_get(m, fd, b),
        11 => context.fd_fdstat_set_flags(m, fd, b),
        12 => context.fd_fdstat_set_rights(m, fd, x, y),
        13 => context.fd_filestat_get(m, fd, b),
        14 => context.fd_filestat_set_size(m, fd, x % 0x1_0000),
        15 => context.fd_filestat_set_times(m, fd, x, y, b),
        16 => context.fd_pread(m, fd, b, c, x, d),
        17 => context.fd_prestat_get(m, fd, b),
        18 => context.fd_prestat_dir_name(m, fd, b, c),
        19 => context.fd_pwrite(m, fd, b, c, x % 0x1_0000, d),
        20 => context.fd_read(m, fd, b, c, d),
        21 => context.fd_readdir(m, fd, b, c, x, d),
        22 => context.fd_renumber(m, fd, b % 8),
        23 => context.fd_seek(m, fd, x, b, c),
        24 => context.fd_sync(m, fd),
        25 => context.fd_tell(m, fd, b),
        26 => context.fd_write(m, fd, b, c, d),
        27 => context.path_create_directory(m, fd, b, c),
        28 => context.path_filestat_get(m, fd, b, c, d, e),
        29 => context.path_filestat_set_times(m, fd, b, c, d, x, y, e),
        30 => context.path_link(m, fd, b, c, d, e % 8, f, g),
        31 => context.path_open(m, fd, b & 1, c, d, e & 15, x, y, f & 31, g),
        32 => context.path_readlink(m, fd, b, c, d, e, f),
        33 => context.path_remove_directory(m, fd, b, c),
        34 => context.path_rename(m, fd, b, c, e % 8, f, g),
        35 => context.path_symlink(m, b, c, fd, e, f),
        36 => context.path_unlink_file(m, fd, b, c),
        37 => context.random_get(m, a, b),
        38 => context.sched_yield(m),
        39 => context.sock_accept(m, fd, b, c),
        40 => context.sock_recv(m, fd, b, c, d, e, f),
        41 => context.sock_send(m, fd, b, c, d, e),
        42 => context.sock_shutdown(m, fd, b),
        // A time that is past comes first in the list, so that nothing waits.
        _ => context.poll_oneoff(m, 0x2_0000, b, 1 + c % 3, d),
    };
}

#[test]
fn random_arguments_are_survived() {
    for seed in 1..=20 {
        let mut guest = Guest::with(|builder| builder.arg("program").expect("no NUL"));
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        // Paths that exist, list heads that point somewhere, a subscription that is over at once.
        for (address, text) in [(0, &b"file"[..]), (0x100, b"dir"), (0x1_0000, b"..//.")] {
            guest.set(address, text);
        }
        for address in (0x3000..0x4000).step_by(4) {
            let value = numbers.short();
            guest.set(address, &value.to_le_bytes());
        }
        guest.set(0x2_0000, &[0; 48]);
        for _ in 0..2000 {
            let (context, mut memory) = guest.split();
            call(context, &mut memory, &mut numbers);
            guest.set(0x2_0000, &[0; 48 * 3]);
        }
        let entries = std::fs::read_dir(guest.host.path()).expect("readable");
        assert_eq!(entries.count(), 2, "nothing new next to the sandbox");
    }
}

#[test]
fn a_program_without_memory_gets_faults() {
    let guest = Guest::new();
    let mut numbers = Numbers(42);
    for _ in 0..2000 {
        call(&guest.context, &mut GuestMemory::new(&mut []), &mut numbers);
    }
}
