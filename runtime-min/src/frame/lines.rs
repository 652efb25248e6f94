//! The functions that a machine instruction comes from, by the object's trap table: the one that it was
//! written in, and those that this was inlined into.

use crate::Module;

/// A function and the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Index in the module's function index space.
    pub func_index: u32,
    /// Offset of the instruction in the module: at least of the function's body, if that is known.
    pub ip: Option<u32>,
    /// Is the offset the instruction's?
    pub is_known: bool,
}

impl Line {
    /// The place that an offset stands for.
    pub fn new(module: &Module, ip: u32) -> Option<Line> {
        let function = module.frames().function_of(ip)?;
        Some(Line {
            func_index: module.imported_functions().checked_add(function)?,
            ip: Some(ip),
            is_known: !module.frames().is_body(ip),
        })
    }
}

/// The functions at an offset of a defined function's code, youngest first.
pub(super) fn lines(
    module: &Module,
    function: u32,
    offset: u32,
) -> impl Iterator<Item = Line> + use<'_> {
    let origin = module.traps().lookup(function, offset);
    let known = origin
        .into_iter()
        .flat_map(|origin| core::iter::once(origin.wasm_offset).chain(origin.callers()))
        .filter_map(|ip| Line::new(module, ip));
    // Without bodies' offsets, or where nothing is known of the instruction, there is the code's function.
    let unknown = origin.and_then(|origin| Line::new(module, origin.wasm_offset));
    let unknown = unknown.is_none().then(|| Line {
        func_index: module.imported_functions().saturating_add(function),
        ip: origin.map(|origin| origin.wasm_offset),
        is_known: origin.is_some(),
    });
    known.chain(unknown)
}
