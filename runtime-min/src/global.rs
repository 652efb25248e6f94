//! Globals.

use crate::{
    Error, GlobalType, Store, Val, ValType,
    exec_env::Shared,
    store::{StoreInner, index},
    value::StoreId,
};
use alloc::string::ToString;
use wamr_aot_loader::layout::GLOBAL_SIZE;

/// Handle of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// The cell that a global's value is in.
#[repr(C, align(16))]
pub(crate) struct Cell(pub [u8; GLOBAL_SIZE as usize]);

/// A global of a store.
pub(crate) struct GlobalData {
    pub ty: GlobalType,
    /// The value's place: in the instance that defines the global, or in `own`.
    pub cell: *mut Cell,
    _own: Option<Shared<Cell>>,
}

impl GlobalData {
    /// A global whose value is in an instance.
    pub fn in_instance(ty: GlobalType, cell: *mut Cell) -> Self {
        GlobalData {
            ty,
            cell,
            _own: None,
        }
    }

    /// The value in slots. Narrow values are read at their own width: the rest of the cell is not
    /// defined.
    pub fn read(&self) -> [u64; 2] {
        let cell = self.cell;
        // SAFETY: the cell lives as long as the store, is aligned to 16 and larger than any value; only
        // this thread changes it, and compiled code does not run now.
        unsafe {
            match self.ty.ty {
                ValType::I32 | ValType::F32 => [u64::from(cell.cast::<u32>().read()), 0],
                ValType::I64 | ValType::F64 => [cell.cast::<u64>().read(), 0],
                ValType::V128 => cell.cast::<[u64; 2]>().read(),
                ValType::Ref(_) => [cell.cast::<usize>().read() as u64, 0],
            }
        }
    }

    /// Writes a value of the global's type that is given in slots.
    pub fn write(&self, slots: [u64; 2]) {
        let cell = self.cell;
        // SAFETY: as in `read`.
        unsafe {
            match self.ty.ty {
                ValType::I32 | ValType::F32 => cell.cast::<u32>().write(slots[0] as u32),
                ValType::I64 | ValType::F64 => cell.cast::<u64>().write(slots[0]),
                ValType::V128 => cell.cast::<[u64; 2]>().write(slots),
                ValType::Ref(_) => {
                    cell.cast::<usize>().write(slots[0] as usize);
                }
            }
        }
    }
}

impl Global {
    /// A global of the host's.
    ///
    /// # Errors
    ///
    /// The value has another type than the global, or belongs to another store.
    pub fn new(store: &mut Store, ty: GlobalType, value: Val) -> Result<Global, Error> {
        let inner = store.inner_mut();
        check_type(inner, ty.ty, value)?;
        let slots = value.to_slots(inner)?;
        let cell = Shared::new(Cell([0; GLOBAL_SIZE as usize]));
        let data = GlobalData {
            ty,
            cell: cell.as_ptr(),
            _own: Some(cell),
        };
        data.write(slots);
        Ok(inner.add_global(data))
    }

    /// The global's type.
    ///
    /// # Panics
    ///
    /// The global is of another store. So it is for `get`.
    pub fn ty(&self, store: &Store) -> GlobalType {
        store.inner().global(*self).ty
    }

    /// The value.
    pub fn get(&self, store: &mut Store) -> Val {
        let inner = store.inner_mut();
        let global = inner.global(*self);
        let (ty, slots) = (global.ty.ty, global.read());
        // SAFETY: a global holds what compiled code or this module wrote, of its type.
        unsafe { Val::from_slots(inner, ty, slots) }
    }

    /// Changes the value.
    ///
    /// # Errors
    ///
    /// The global is immutable, or the value has another type.
    pub fn set(&self, store: &mut Store, value: Val) -> Result<(), Error> {
        let inner = store.inner_mut();
        let slots = value.to_slots(inner)?;
        let global = inner.global(*self);
        if !global.ty.mutable {
            return Err(Error::Immutable);
        }
        check_type(inner, global.ty.ty, value)?;
        global.write(slots);
        Ok(())
    }
}

/// Is the value of this type of the store?
pub(crate) fn check_type(store: &StoreInner, expected: ValType, value: Val) -> Result<(), Error> {
    if value.is(store, expected) {
        Ok(())
    } else {
        Err(Error::Type {
            expected: expected.to_string(),
            found: value.ty().to_string(),
        })
    }
}

impl StoreInner {
    /// Remembers a global's data.
    pub fn add_global(&mut self, data: GlobalData) -> Global {
        let global = Global {
            store: self.id(),
            index: index(self.globals.len()),
        };
        self.globals.push(data);
        global
    }

    /// The global of a handle; panics if it is another store's.
    pub fn global(&self, global: Global) -> &GlobalData {
        match self.globals.get(global.index as usize) {
            Some(data) if global.store == self.id() => data,
            _ => panic!("the global is of another store"),
        }
    }
}
