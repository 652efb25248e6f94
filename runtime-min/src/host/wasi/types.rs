//! Flags, enumerations and structures of WASI preview 1, with the byte layout of its witx
//! definition: little-endian, fields at their natural alignment, padding written as zero.

use super::errno::Errno;
use super::rights::Rights;
use bitflags::bitflags;
use cap_std::fs::{FileTypeExt as _, Metadata, MetadataExt as _};

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $( $(#[$item_doc:meta])* $item:ident = $code:literal, )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $( $(#[$item_doc])* $item = $code ),* }

        impl $name {
            /// The number that stands for this.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// What the number a program passed stands for; [`Errno::Inval`] if nothing does.
            pub fn from_code(code: u32) -> Result<$name, Errno> {
                match code { $( $code => Ok($name::$item), )* _ => Err(Errno::Inval) }
            }
        }
    };
}

enumeration! {
    /// `filetype`. A pipe has no number of its own and is [`FileType::Unknown`].
    FileType {
        /// Something that has no other type here.
        Unknown = 0,
        /// A block device.
        BlockDevice = 1,
        /// A character device, terminals among them.
        CharacterDevice = 2,
        /// A directory.
        Directory = 3,
        /// A regular file.
        RegularFile = 4,
        /// A datagram socket.
        SocketDgram = 5,
        /// A byte-stream socket.
        SocketStream = 6,
        /// A symbolic link.
        SymbolicLink = 7,
    }
}

enumeration! {
    /// `whence`: where a seek starts.
    Whence {
        /// The beginning.
        Set = 0,
        /// The current position.
        Cur = 1,
        /// The end.
        End = 2,
    }
}

enumeration! {
    /// `advice` about coming accesses to a file.
    Advice {
        /// None.
        Normal = 0,
        /// From lower to higher offsets.
        Sequential = 1,
        /// In no order.
        Random = 2,
        /// Soon.
        WillNeed = 3,
        /// Not soon.
        DontNeed = 4,
        /// Once.
        NoReuse = 5,
    }
}

enumeration! {
    /// `clockid`.
    ClockId {
        /// Wall-clock time since 1970-01-01T00:00:00Z.
        Realtime = 0,
        /// Time that never goes back; its zero has no meaning.
        Monotonic = 1,
        /// CPU time of the process.
        ProcessCpuTime = 2,
        /// CPU time of the calling thread.
        ThreadCpuTime = 3,
    }
}

enumeration! {
    /// `eventtype`: what a subscription waits for.
    EventType {
        /// A time.
        Clock = 0,
        /// A descriptor that can be read.
        FdRead = 1,
        /// A descriptor that can be written.
        FdWrite = 2,
    }
}

macro_rules! flags {
    ($(#$doc:tt)* $name:ident: $bits:ty { $( $(#$item_doc:tt)* $item:ident = $value:expr, )* }) => {
        bitflags! {
            $(#$doc)*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $name: $bits { $( $(#$item_doc)* const $item = $value; )* }
        }

        impl $name {
            /// The set a program passed; [`Errno::Inval`] if it has a bit without a meaning.
            pub fn from_guest(bits: u32) -> Result<$name, Errno> {
                <$bits>::try_from(bits).ok().and_then($name::from_bits).ok_or(Errno::Inval)
            }
        }
    };
}

flags! {
    /// `fdflags`.
    FdFlags: u16 {
        /// Writes go to the end of the file.
        APPEND = 1 << 0,
        /// Written data is on the device when a write returns.
        DSYNC = 1 << 1,
        /// Nothing waits.
        NONBLOCK = 1 << 2,
        /// Reads see what `SYNC`/`DSYNC` writes guarantee.
        RSYNC = 1 << 3,
        /// Written data and the file's attributes are on the device when a write returns.
        SYNC = 1 << 4,
    }
}

flags! {
    /// `oflags` of `path_open`.
    OFlags: u16 {
        /// Create the file if it does not exist.
        CREAT = 1 << 0,
        /// Fail if it is not a directory.
        DIRECTORY = 1 << 1,
        /// Fail if it exists.
        EXCL = 1 << 2,
        /// Cut it to size 0.
        TRUNC = 1 << 3,
    }
}

flags! {
    /// `lookupflags`.
    LookupFlags: u32 {
        /// Follow a symbolic link that is the last component of the path.
        SYMLINK_FOLLOW = 1 << 0,
    }
}

flags! {
    /// `fstflags`: which times to set.
    FstFlags: u16 {
        /// The access time, to the given value.
        ATIM = 1 << 0,
        /// The access time, to now.
        ATIM_NOW = 1 << 1,
        /// The modification time, to the given value.
        MTIM = 1 << 2,
        /// The modification time, to now.
        MTIM_NOW = 1 << 3,
    }
}

flags! {
    /// `subclockflags`.
    SubClockFlags: u16 {
        /// The timeout is a point in time of the clock, not a duration.
        ABSTIME = 1 << 0,
    }
}

flags! {
    /// `riflags` of `sock_recv`.
    RiFlags: u16 {
        /// Leave the data in the queue.
        PEEK = 1 << 0,
        /// Wait until the buffers are full.
        WAITALL = 1 << 1,
    }
}

flags! {
    /// `roflags`, a result of `sock_recv`.
    RoFlags: u16 {
        /// The message was longer than the buffers.
        DATA_TRUNCATED = 1 << 0,
    }
}

flags! {
    /// `sdflags` of `sock_shutdown`.
    SdFlags: u8 {
        /// No more receiving.
        RD = 1 << 0,
        /// No more sending.
        WR = 1 << 1,
    }
}

/// Writes little-endian fields at their offsets into a zeroed structure.
struct Layout<const SIZE: usize>([u8; SIZE]);

impl<const SIZE: usize> Layout<SIZE> {
    fn new() -> Self {
        Layout([0; SIZE])
    }

    fn put<const N: usize>(mut self, offset: usize, bytes: [u8; N]) -> Self {
        // Offsets are this file's constants; the layout tests go through every one.
        self.0[offset..offset + N].copy_from_slice(&bytes);
        self
    }
}

/// `fdstat`: attributes of a descriptor.
///
/// | offset | field |
/// |---|---|
/// | 0 | `fs_filetype`: u8 |
/// | 2 | `fs_flags`: u16 |
/// | 8 | `fs_rights_base`: u64 |
/// | 16 | `fs_rights_inheriting`: u64 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdStat {
    /// Type of the file.
    pub file_type: FileType,
    /// Flags of the descriptor.
    pub flags: FdFlags,
    /// Rights for operations on the descriptor.
    pub base: Rights,
    /// The most rights that descriptors opened through it can have.
    pub inheriting: Rights,
}

impl FdStat {
    /// Size in bytes.
    pub const SIZE: usize = 24;

    /// The structure in memory.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        Layout::new()
            .put(0, [self.file_type.code()])
            .put(2, self.flags.bits().to_le_bytes())
            .put(8, self.base.bits().to_le_bytes())
            .put(16, self.inheriting.bits().to_le_bytes())
            .0
    }
}

/// `filestat`: attributes of a file. Times are nanoseconds since 1970-01-01T00:00:00Z.
///
/// | offset | field |
/// |---|---|
/// | 0 | `dev`: u64 |
/// | 8 | `ino`: u64 |
/// | 16 | `filetype`: u8 |
/// | 24 | `nlink`: u64 |
/// | 32 | `size`: u64 |
/// | 40 | `atim`: u64 |
/// | 48 | `mtim`: u64 |
/// | 56 | `ctim`: u64 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Number of the device.
    pub dev: u64,
    /// Number of the file on the device.
    pub ino: u64,
    /// Type of the file.
    pub file_type: FileType,
    /// Number of hard links.
    pub nlink: u64,
    /// Size in bytes; of a symbolic link, the length of its contents.
    pub size: u64,
    /// Time of the last access.
    pub atim: u64,
    /// Time of the last change of the data.
    pub mtim: u64,
    /// Time of the last change of the attributes.
    pub ctim: u64,
}

impl FileStat {
    /// Size in bytes.
    pub const SIZE: usize = 64;

    /// The structure in memory.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        Layout::new()
            .put(0, self.dev.to_le_bytes())
            .put(8, self.ino.to_le_bytes())
            .put(16, [self.file_type.code()])
            .put(24, self.nlink.to_le_bytes())
            .put(32, self.size.to_le_bytes())
            .put(40, self.atim.to_le_bytes())
            .put(48, self.mtim.to_le_bytes())
            .put(56, self.ctim.to_le_bytes())
            .0
    }

    /// The host's attributes in WASI's terms.
    pub fn from_metadata(metadata: &Metadata) -> FileStat {
        FileStat {
            dev: metadata.dev(),
            ino: metadata.ino(),
            file_type: FileType::from_metadata(metadata),
            nlink: metadata.nlink(),
            size: metadata.len(),
            atim: nanoseconds(metadata.atime(), metadata.atime_nsec()),
            mtim: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctim: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl FileType {
    /// The type in the host's attributes. Sockets are taken for streams.
    pub fn from_metadata(metadata: &Metadata) -> FileType {
        let host = metadata.file_type();
        if host.is_file() {
            FileType::RegularFile
        } else if host.is_dir() {
            FileType::Directory
        } else if host.is_symlink() {
            FileType::SymbolicLink
        } else if host.is_char_device() {
            FileType::CharacterDevice
        } else if host.is_block_device() {
            FileType::BlockDevice
        } else if host.is_socket() {
            FileType::SocketStream
        } else {
            FileType::Unknown
        }
    }
}

/// Nanoseconds since 1970; 0 before it, the largest number where they do not fit (after 2554).
fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

/// `dirent`: the head of a directory entry; the name's bytes follow it.
///
/// | offset | field |
/// |---|---|
/// | 0 | `d_next`: u64, the cookie of the entry after this one |
/// | 8 | `d_ino`: u64 |
/// | 16 | `d_namlen`: u32 |
/// | 20 | `d_type`: u8 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirent {
    /// The cookie with which to go on after this entry.
    pub next: u64,
    /// Number of the file.
    pub ino: u64,
    /// Length of the name in bytes.
    pub name_length: u32,
    /// Type of the file.
    pub file_type: FileType,
}

impl Dirent {
    /// Size in bytes, without the name.
    pub const SIZE: usize = 24;

    /// The structure in memory.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        Layout::new()
            .put(0, self.next.to_le_bytes())
            .put(8, self.ino.to_le_bytes())
            .put(16, self.name_length.to_le_bytes())
            .put(20, [self.file_type.code()])
            .0
    }
}

/// `prestat` of a preopened directory: tag 0 at offset 0, `pr_name_len`: u32 at offset 4.
pub fn encode_prestat_dir(name_length: u32) -> [u8; 8] {
    Layout::new()
        .put(0, [0])
        .put(4, name_length.to_le_bytes())
        .0
}

/// `subscription` of `poll_oneoff`.
///
/// | offset | field |
/// |---|---|
/// | 0 | `userdata`: u64 |
/// | 8 | tag: u8 ([`EventType`]) |
/// | 16 | clock `id`: u32, or the descriptor: u32 |
/// | 24 | clock `timeout`: u64 |
/// | 32 | clock `precision`: u64 |
/// | 40 | clock `flags`: u16 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Goes into the event as it is.
    pub userdata: u64,
    /// What to wait for.
    pub event: EventType,
    /// Clock id, or descriptor.
    pub subject: u32,
    /// Nanoseconds.
    pub timeout: u64,
    /// `subclockflags`, not checked yet.
    pub clock_flags: u16,
}

impl Subscription {
    /// Size in bytes.
    pub const SIZE: usize = 48;

    /// Reads the structure. A tag without a meaning is [`Errno::Inval`].
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Result<Subscription, Errno> {
        Ok(Subscription {
            userdata: u64::from_le_bytes(field(bytes, 0)),
            event: EventType::from_code(u32::from(bytes[8]))?,
            subject: u32::from_le_bytes(field(bytes, 16)),
            timeout: u64::from_le_bytes(field(bytes, 24)),
            clock_flags: u16::from_le_bytes(field(bytes, 40)),
        })
    }
}

/// `N` bytes of a structure, at an offset that is this file's constant.
fn field<const N: usize>(bytes: &[u8; Subscription::SIZE], offset: usize) -> [u8; N] {
    core::array::from_fn(|index| bytes[offset + index])
}

/// `event` of `poll_oneoff`.
///
/// | offset | field |
/// |---|---|
/// | 0 | `userdata`: u64 |
/// | 8 | `error`: u16 |
/// | 10 | `type`: u8 ([`EventType`]) |
/// | 16 | `fd_readwrite.nbytes`: u64 |
/// | 24 | `fd_readwrite.flags`: u16, bit 0 = hangup |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// From the subscription.
    pub userdata: u64,
    /// What went wrong with this subscription.
    pub error: Errno,
    /// From the subscription.
    pub event: EventType,
    /// Bytes that can be read or written.
    pub available: u64,
    /// The peer has closed its end.
    pub hangup: bool,
}

impl Event {
    /// Size in bytes.
    pub const SIZE: usize = 32;

    /// The structure in memory.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        Layout::new()
            .put(0, self.userdata.to_le_bytes())
            .put(8, self.error.code().to_le_bytes())
            .put(10, [self.event.code()])
            .put(16, self.available.to_le_bytes())
            .put(24, u16::from(self.hangup).to_le_bytes())
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_layout_of_the_witx_definition() {
        let stat = FdStat {
            file_type: FileType::RegularFile,
            flags: FdFlags::SYNC,
            base: Rights::FD_TELL,
            inheriting: Rights::SOCK_ACCEPT,
        }
        .encode();
        assert_eq!((stat[0], stat[2], stat[8], stat[19]), (4, 16, 32, 0x20));

        let file = FileStat {
            dev: 1,
            ino: 2,
            file_type: FileType::SymbolicLink,
            nlink: 3,
            size: 4,
            atim: 5,
            mtim: 6,
            ctim: 7,
        }
        .encode();
        let at = |offset| u64::from_le_bytes(core::array::from_fn(|i| file[offset + i]));
        assert_eq!(
            [0, 8, 16, 24, 32, 40, 48, 56].map(at),
            [1, 2, 7, 3, 4, 5, 6, 7]
        );

        let entry = Dirent {
            next: 1,
            ino: 2,
            name_length: 3,
            file_type: FileType::Directory,
        }
        .encode();
        assert_eq!((entry[0], entry[8], entry[16], entry[20]), (1, 2, 3, 3));

        let event = Event {
            userdata: 1,
            error: Errno::NotCapable,
            event: EventType::FdWrite,
            available: 9,
            hangup: true,
        }
        .encode();
        assert_eq!(
            (event[0], event[8], event[10], event[16], event[24]),
            (1, 76, 2, 9, 1)
        );

        assert_eq!(encode_prestat_dir(0x0102), [0, 0, 0, 0, 2, 1, 0, 0]);
    }

    #[test]
    fn unknown_bits_and_numbers_are_refused() {
        assert_eq!(OFlags::from_guest(16), Err(Errno::Inval));
        assert_eq!(FdFlags::from_guest(0x1_0000), Err(Errno::Inval));
        assert_eq!(SdFlags::from_guest(0x103), Err(Errno::Inval));
        assert_eq!(LookupFlags::from_guest(2), Err(Errno::Inval));
        assert_eq!(Whence::from_code(3), Err(Errno::Inval));
        assert_eq!(OFlags::from_guest(9), Ok(OFlags::CREAT | OFlags::TRUNC));
    }

    #[test]
    fn times_outside_the_range_are_clamped() {
        assert_eq!(nanoseconds(1, 5), 1_000_000_005);
        assert_eq!(nanoseconds(-1, 0), 0);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }
}
