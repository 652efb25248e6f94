//! Error numbers of WASI preview 1, and which of them a host error becomes.

use std::io;

macro_rules! errnos {
    ($( $(#[$doc:meta])* $name:ident = $code:literal $(from $($host:ident)|+)?; )*) => {
        /// `errno` of WASI preview 1, in the numbering of its witx definition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno { $( $(#[$doc])* $name = $code ),* }

        impl Errno {
            /// Every error number, `Success` first.
            pub const ALL: &[Errno] = &[$(Errno::$name),*];
        }

        impl From<rustix::io::Errno> for Errno {
            fn from(host: rustix::io::Errno) -> Errno {
                // Some hosts give two names one number (`AGAIN` and `WOULDBLOCK`, `NOTSUP` and
                // `OPNOTSUPP`), which a `match` would call unreachable.
                $( $( $( if host == rustix::io::Errno::$host { return Errno::$name; } )+ )? )*
                Errno::Io
            }
        }
    };
}

errnos! {
    /// No error.
    Success = 0;
    /// Argument list too long.
    TooBig = 1 from TOOBIG;
    /// Permission denied.
    Acces = 2 from ACCESS;
    /// Address in use.
    AddrInUse = 3 from ADDRINUSE;
    /// Address not available.
    AddrNotAvail = 4 from ADDRNOTAVAIL;
    /// Address family not supported.
    AfNoSupport = 5 from AFNOSUPPORT;
    /// Resource unavailable, or operation would block.
    Again = 6 from AGAIN | WOULDBLOCK;
    /// Connection already in progress.
    Already = 7 from ALREADY;
    /// Bad file descriptor.
    BadF = 8 from BADF;
    /// Bad message.
    BadMsg = 9 from BADMSG;
    /// Device or resource busy.
    Busy = 10 from BUSY;
    /// Operation canceled.
    Canceled = 11 from CANCELED;
    /// No child processes.
    Child = 12 from CHILD;
    /// Connection aborted.
    ConnAborted = 13 from CONNABORTED;
    /// Connection refused.
    ConnRefused = 14 from CONNREFUSED;
    /// Connection reset.
    ConnReset = 15 from CONNRESET;
    /// Resource deadlock would occur.
    Deadlk = 16 from DEADLK;
    /// Destination address required.
    DestAddrReq = 17 from DESTADDRREQ;
    /// Mathematics argument out of domain of function.
    Dom = 18 from DOM;
    /// Disk quota exceeded.
    Dquot = 19 from DQUOT;
    /// File exists.
    Exist = 20 from EXIST;
    /// An address lies outside the program's memory.
    Fault = 21 from FAULT;
    /// File too large.
    FBig = 22 from FBIG;
    /// Host is unreachable.
    HostUnreach = 23 from HOSTUNREACH;
    /// Identifier removed.
    Idrm = 24 from IDRM;
    /// Illegal byte sequence: a string is not UTF-8.
    IlSeq = 25 from ILSEQ;
    /// Operation in progress.
    InProgress = 26 from INPROGRESS;
    /// Interrupted function.
    Intr = 27 from INTR;
    /// Invalid argument.
    Inval = 28 from INVAL;
    /// I/O error; also every host error that has no number here.
    Io = 29 from IO;
    /// Socket is connected.
    IsConn = 30 from ISCONN;
    /// Is a directory.
    IsDir = 31 from ISDIR;
    /// Too many levels of symbolic links.
    Loop = 32 from LOOP;
    /// File descriptor value too large.
    MFile = 33 from MFILE;
    /// Too many links.
    MLink = 34 from MLINK;
    /// Message too large.
    MsgSize = 35 from MSGSIZE;
    /// Reserved.
    MultiHop = 36 from MULTIHOP;
    /// Filename too long.
    NameTooLong = 37 from NAMETOOLONG;
    /// Network is down.
    NetDown = 38 from NETDOWN;
    /// Connection aborted by network.
    NetReset = 39 from NETRESET;
    /// Network unreachable.
    NetUnreach = 40 from NETUNREACH;
    /// Too many files open in system.
    NFile = 41 from NFILE;
    /// No buffer space available.
    NoBufs = 42 from NOBUFS;
    /// No such device.
    NoDev = 43 from NODEV;
    /// No such file or directory.
    NoEnt = 44 from NOENT;
    /// Executable file format error.
    NoExec = 45 from NOEXEC;
    /// No locks available.
    NoLck = 46 from NOLCK;
    /// Reserved.
    NoLink = 47 from NOLINK;
    /// Not enough space.
    NoMem = 48 from NOMEM;
    /// No message of the desired type.
    NoMsg = 49 from NOMSG;
    /// Protocol not available.
    NoProtoOpt = 50 from NOPROTOOPT;
    /// No space left on device.
    NoSpc = 51 from NOSPC;
    /// Function not supported.
    NoSys = 52 from NOSYS;
    /// The socket is not connected.
    NotConn = 53 from NOTCONN;
    /// Not a directory, or a symbolic link to something that is not one.
    NotDir = 54 from NOTDIR;
    /// Directory not empty.
    NotEmpty = 55 from NOTEMPTY;
    /// State not recoverable.
    NotRecoverable = 56 from NOTRECOVERABLE;
    /// Not a socket.
    NotSock = 57 from NOTSOCK;
    /// Not supported, or operation not supported on socket.
    NotSup = 58 from NOTSUP | OPNOTSUPP;
    /// Inappropriate I/O control operation.
    NoTty = 59 from NOTTY;
    /// No such device or address.
    Nxio = 60 from NXIO;
    /// Value too large to be stored in data type.
    Overflow = 61 from OVERFLOW;
    /// Previous owner died.
    OwnerDead = 62 from OWNERDEAD;
    /// Operation not permitted.
    Perm = 63 from PERM;
    /// Broken pipe.
    Pipe = 64 from PIPE;
    /// Protocol error.
    Proto = 65 from PROTO;
    /// Protocol not supported.
    ProtoNoSupport = 66 from PROTONOSUPPORT;
    /// Protocol wrong type for socket.
    Prototype = 67 from PROTOTYPE;
    /// Result too large.
    Range = 68 from RANGE;
    /// Read-only file system.
    Rofs = 69 from ROFS;
    /// Invalid seek.
    SPipe = 70 from SPIPE;
    /// No such process.
    Srch = 71 from SRCH;
    /// Reserved.
    Stale = 72 from STALE;
    /// Connection timed out.
    TimedOut = 73 from TIMEDOUT;
    /// Text file busy.
    TxtBsy = 74 from TXTBSY;
    /// Cross-device link.
    XDev = 75 from XDEV;
    /// Capabilities insufficient: a right is missing, or a path leads out of its directory.
    NotCapable = 76;
}

impl Errno {
    /// The number that the program gets as the function's result.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if let Some(host) = rustix::io::Errno::from_io_error(&error) {
            return host.into();
        }
        match error.kind() {
            // cap-std reports a path that leads out of its directory with this kind and without
            // a number of the operating system.
            io::ErrorKind::PermissionDenied => Errno::NotCapable,
            io::ErrorKind::NotFound => Errno::NoEnt,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::InvalidData => Errno::IlSeq,
            io::ErrorKind::Unsupported => Errno::NotSup,
            io::ErrorKind::OutOfMemory => Errno::NoMem,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::Interrupted => Errno::Intr,
            _ => Errno::Io,
        }
    }
}

impl core::fmt::Display for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self:?} ({})", self.code())
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_start_at_success() {
        for (index, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(usize::from(errno.code()), index);
        }
        assert_eq!(Errno::ALL.len(), 77);
    }

    #[test]
    fn host_errors_map_to_their_names() {
        for (host, guest) in [
            (rustix::io::Errno::NOENT, Errno::NoEnt),
            (rustix::io::Errno::WOULDBLOCK, Errno::Again),
            (rustix::io::Errno::OPNOTSUPP, Errno::NotSup),
            (rustix::io::Errno::XDEV, Errno::XDev),
            (rustix::io::Errno::NOTEMPTY, Errno::NotEmpty),
            (rustix::io::Errno::CHRNG, Errno::Io),
        ] {
            assert_eq!(Errno::from(host), guest);
            assert_eq!(Errno::from(io::Error::from(host)), guest);
        }
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
        assert_eq!(Errno::from(escape), Errno::NotCapable);
        assert_eq!(
            Errno::from(io::Error::from(rustix::io::Errno::ACCESS)),
            Errno::Acces
        );
    }
}
