//! Commit points as the object describes them: which slots of a frame are shown there.
//!
//! A site depends on the WebAssembly module and the options alone. Where LLVM put the values of its
//! slots at a particular return address is another matter, and comes from the stack maps.

use wamr_aot_loader::format::module::ValType;

/// What kind of commit point a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SiteKind {
    /// A call: of a function, or of a builtin that may trap, grow, block or call back. Shown are the
    /// operands below its arguments.
    Call = 0,
    /// An explicit trap. Shown are the operands before the instruction.
    Trap = 1,
    /// A poll at a function's entry or a loop's header.
    Poll = 2,
}

/// A commit point. Two of one function with the same `ip` and `kind` are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Offset of the instruction in the WebAssembly module.
    pub ip: u32,
    /// Its kind.
    pub kind: SiteKind,
    /// Values are shown. Else there are no slots: the site was beyond the budget of its function, or
    /// frames do not carry values.
    pub available: bool,
    /// The values are in memory at a mapped commit point, each at 8 × its slot from where the only operand
    /// of the bundle beside the number points to.
    pub in_memory: bool,
    /// The slots shown: live locals by ascending slot, then operands from the bottom.
    pub slots: Vec<SiteSlot>,
    /// Slots that the operands take.
    pub operand_slots: u32,
}

/// A slot that a site shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteSlot {
    /// First slot of the value, counted from the frame's first parameter.
    pub slot: u32,
    /// Type of the value.
    pub ty: ValType,
    /// It is an operand, not a parameter or local.
    pub is_operand: bool,
}
