//! The memory of an instance that compiled code reads: a callee context, and the arrays that
//! `loader::layout::InstanceLayout` places behind it.

use crate::{
    Error,
    exception::TagData,
    exec_env::{CalleeContext, FuncRef, MemoryEntry, TableDefinition},
    global::Cell,
};
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use wamr_aot_loader::layout::InstanceLayout;

/// An instance's memory. Reached through raw pointers only, since compiled code holds its address.
pub(crate) struct Block {
    start: *mut u8,
    layout: InstanceLayout,
    allocation: Layout,
}

impl Block {
    /// Zeroed memory for an instance.
    pub fn new(layout: InstanceLayout) -> Result<Self, Error> {
        let too_large = || Error::Resource("an instance");
        let size = usize::try_from(layout.size()).map_err(|_| too_large())?;
        let allocation = Layout::from_size_align(size, InstanceLayout::ALIGN as usize)
            .map_err(|_| too_large())?;
        // SAFETY: the size is not zero: there is at least the callee context.
        let start = unsafe { alloc_zeroed(allocation) };
        if start.is_null() {
            return Err(too_large());
        }
        Ok(Block {
            start,
            layout,
            allocation,
        })
    }

    /// The callee context.
    pub fn context(&self) -> *mut CalleeContext {
        self.start.cast()
    }

    /// Memory entry `index`, which has to exist. So it is for the others.
    pub fn memory(&self, index: u32) -> *mut MemoryEntry {
        self.at(self.layout.memory(index))
    }

    /// The pointer to the definition of table `index`.
    pub fn table(&self, index: u32) -> *mut *mut TableDefinition {
        self.at(self.layout.table(index))
    }

    /// The canonical type of type `index`.
    pub fn ty(&self, index: u32) -> *mut usize {
        self.at(self.layout.ty(index))
    }

    /// The identity of tag `index`.
    pub fn tag(&self, index: u32) -> *mut *const TagData {
        self.at(self.layout.tag(index))
    }

    /// The function reference in a slot.
    pub fn func_ref(&self, slot: u32) -> *mut FuncRef {
        self.at(self.layout.func_ref(slot))
    }

    /// The slot of a function reference, by its address.
    pub fn func_ref_slot(&self, address: usize, count: u32) -> Option<u32> {
        let offset = address.checked_sub(self.func_ref(0) as usize)?;
        let slot = u32::try_from(offset / size_of::<FuncRef>()).ok()?;
        (offset % size_of::<FuncRef>() == 0 && slot < count).then_some(slot)
    }

    /// The cell of global `index`: its value, or where an imported one's is.
    pub fn global(&self, index: u32) -> *mut Cell {
        self.at(self.layout.global(index))
    }

    /// The call counter of the module's own function `defined`.
    pub fn call_counter(&self, defined: u32) -> *const u64 {
        self.at(self.layout.call_counter(defined))
    }

    fn at<T>(&self, offset: u64) -> *mut T {
        debug_assert!(offset <= self.layout.size());
        // The layout's size fits the address space, so this offset, which is not greater, does.
        self.start.wrapping_add(offset as usize).cast()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start, self.allocation) };
    }
}
