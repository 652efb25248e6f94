//! The frames of another thread, whose code is stopped in exits and cannot be returned to.
//!
//! The host goes on there, and may be changing its store. So only what compiled code has left is read, and
//! the modules themselves: functions and offsets, no values.

use super::{
    FrameView,
    lines::{Line, lines},
    walk::Walk,
};
use crate::{Module, exec_env::ExecState};
use alloc::vec::Vec;
use wamr_aot_loader::format::framemap::MappedFrame;

/// The frames of a thread's code, youngest first.
///
/// # Safety
///
/// The exec state's code is stopped in exits or runs not at all, and stays so until this returns. It became
/// so in a way that this thread has synchronised with.
pub(crate) unsafe fn of_stopped(exec: *const ExecState) -> Vec<FrameView> {
    // SAFETY: as the caller promises. A module whose code is on the stack is loaded: the store has it, and
    // is not freed as long as its code is entered.
    let walk = unsafe { Walk::from_exit(exec, |pc| Module::at(pc)) };
    let mut found = Vec::new();
    for activation in walk {
        let Some(function) = activation.function() else {
            continue;
        };
        let module: &Module = &activation.module;
        let mut push = |line: Line| {
            found.push(FrameView {
                module: module.clone(),
                instance: None,
                func_index: line.func_index,
                ip: line.ip,
                ip_is_exact: line.is_known,
                values: None,
            });
        };
        // The offset is that of the call's last byte.
        let return_offset = activation.offset.saturating_add(1);
        match module.frame_map().lookup(function, return_offset) {
            Some(record) => {
                let frames: Vec<MappedFrame<'_>> = record.frames().collect();
                let lines = frames.iter().rev();
                lines
                    .filter_map(|mapped| Line::new(module, mapped.site.ip))
                    .for_each(push);
            }
            None => lines(module, function, activation.offset).for_each(&mut push),
        }
    }
    found
}
