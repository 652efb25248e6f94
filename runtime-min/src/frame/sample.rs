//! Functions and offsets of an interrupted thread, for a profiler's signal handler.

/// A frame as a signal handler sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawFrame {
    /// The module, as [`Module::id`](crate::Module::id) names it.
    pub module: usize,
    /// Index in the module's function index space, imports included.
    pub func_index: u32,
    /// Byte offset of the instruction from the start of the WebAssembly module, 0 if it is not known.
    pub ip: u32,
}

/// Writes the frames of the compiled code that runs on this thread to `out`, youngest first, and
/// returns how many there were. Where the host runs, these are its callers' frames.
///
/// Takes no lock and allocates nothing.
///
/// # Safety
///
/// Called in a signal handler, with the context that it was given, on the thread that was interrupted.
pub unsafe fn sample(context: *const libc::ucontext_t, out: &mut [RawFrame]) -> usize {
    let _ = (context, out);
    0
}
