//! Fields of the header that stand for something else than a number.

macro_rules! byte_enum {
    ($(#[$doc:meta])* $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $code:literal $text:literal ),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $( $(#[$variant_doc])* $variant = $code ),* }

        impl $name {
            /// All bytes that have a meaning, each after a blank.
            pub(super) const KNOWN: &str = concat!($(" ", $code, " (", $text, ")"),*);

            /// The variant with this byte.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($code => Some($name::$variant),)* _ => None }
            }

            /// The variant's byte.
            pub const fn byte(self) -> u8 {
                self as u8
            }

            /// The word for it.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

byte_enum! {
    /// How frames are kept observable.
    FrameStrategy {
        /// Not at all.
        None = 0 "none",
        /// Frame records in memory.
        Explicit = 1 "explicit",
        /// Maps from return addresses to values.
        Mapped = 2 "mapped",
    }
}

byte_enum! {
    /// How compiled code notices that it is asked to stop.
    PollKind {
        /// It does not.
        None = 0 "none",
        /// It compares the instance's poll word with 0.
        Compare = 1 "compare",
    }
}

byte_enum! {
    /// What keeps accesses inside linear memory.
    MemoryModel {
        /// Guard pages: memories are reserved address space and never move.
        Guard = 0 "guard pages",
        /// Explicit checks.
        Checks = 1 "explicit checks",
    }
}

/// What frames carry, as bits; the names are those of `--call-stack-features`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CaptureLevel(pub u8);

impl CaptureLevel {
    /// The function index.
    pub const FUNC_IDX: CaptureLevel = CaptureLevel(1);
    /// The instruction offset at calls.
    pub const IP: CaptureLevel = CaptureLevel(2);
    /// The instruction offset at traps.
    pub const TRAP_IP: CaptureLevel = CaptureLevel(4);
    /// Values of locals and operands.
    pub const VALUES: CaptureLevel = CaptureLevel(8);
    /// Frames are checked against the stack's bounds.
    pub const BOUNDS_CHECKS: CaptureLevel = CaptureLevel(16);
    /// Every level with its name.
    pub const NAMES: &[(CaptureLevel, &str)] = &[
        (CaptureLevel::FUNC_IDX, "func-idx"),
        (CaptureLevel::IP, "ip"),
        (CaptureLevel::TRAP_IP, "trap-ip"),
        (CaptureLevel::VALUES, "values"),
        (CaptureLevel::BOUNDS_CHECKS, "bounds-checks"),
    ];
    /// All bits that have a meaning.
    pub const ALL: CaptureLevel = CaptureLevel(31);
    /// The same for errors.
    pub(super) const KNOWN: &str = " 0 to 31";

    /// The level with these bits, if all have a meaning.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if Self::ALL.contains(CaptureLevel(bits)) {
            Some(CaptureLevel(bits))
        } else {
            None
        }
    }

    /// Does it include all of `other`?
    pub const fn contains(self, other: CaptureLevel) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    pub const fn union(self, other: CaptureLevel) -> CaptureLevel {
        CaptureLevel(self.0 | other.0)
    }

    /// Names of the levels in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(level, _)| self.contains(*level))
            .map(|(_, name)| *name)
    }
}
