//! Tables.

use crate::{
    Error, Store, TableType, Val,
    exec_env::{Shared, TableDefinition},
    global::check_type,
    store::{StoreInner, index},
    value::StoreId,
};
use alloc::vec::Vec;
use wamr_aot_loader::trap::TrapCause;

/// Handle of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// A table of a store: references as compiled code has them, null is 0.
pub(crate) struct TableData {
    pub ty: TableType,
    definition: Shared<TableDefinition>,
    /// Largest size, of the type and of the store's configuration.
    max: u64,
    elements: Vec<usize>,
}

impl TableData {
    /// A table of the type's initial size.
    pub fn new(ty: TableType, init: usize, config_max: u64) -> Result<Self, Error> {
        let address_max = if ty.limits.is_64 {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        let max = ty.limits.max.unwrap_or(address_max).min(config_max);
        let mut table = TableData {
            ty,
            definition: Shared::new(TableDefinition {
                elements: core::ptr::null_mut(),
                length: 0,
            }),
            max,
            elements: Vec::new(),
        };
        match table.grow(ty.limits.min, init) {
            Some(_) => Ok(table),
            None => Err(Error::Resource("a table")),
        }
    }

    /// What compiled code reads the table through.
    pub fn definition(&self) -> *mut TableDefinition {
        self.definition.as_ptr()
    }

    /// Number of elements.
    pub fn size(&self) -> u64 {
        self.elements().len() as u64
    }

    /// The type with the current size as its minimum, as imports are matched.
    pub fn current_type(&self) -> TableType {
        let mut ty = self.ty;
        ty.limits.min = self.size();
        ty
    }

    /// Adds elements; the old size, or `None` if a limit is reached.
    pub fn grow(&mut self, delta: u64, value: usize) -> Option<u64> {
        let old = self.size();
        let new = old.checked_add(delta).filter(|new| *new <= self.max)?;
        let new = usize::try_from(new).ok()?;
        // The first allocation is asked for as zeros, which the system need not touch.
        if self.elements.is_empty() && value == 0 {
            self.elements = zeros(new)?;
        } else {
            self.elements.try_reserve(new - self.elements.len()).ok()?;
            self.elements.resize(new, value);
        }
        // SAFETY: no compiled code runs now, and the host reaches the definition only here.
        unsafe {
            self.definition.as_ptr().write(TableDefinition {
                elements: self.elements.as_mut_ptr(),
                length: self.elements.len(),
            });
        }
        Some(old)
    }

    /// The elements.
    pub fn elements(&self) -> &[usize] {
        // SAFETY: the definition describes the vector's contents. Compiled code writes through it, so it
        // is the pointer in it that both sides use; it does not run while this is borrowed.
        unsafe {
            let TableDefinition { elements, length } = self.definition.as_ptr().read();
            if elements.is_null() {
                return &[];
            }
            core::slice::from_raw_parts(elements, length)
        }
    }

    /// The elements, to be changed.
    pub fn elements_mut(&mut self) -> &mut [usize] {
        // SAFETY: as in `elements`, with `self` borrowed exclusively.
        unsafe {
            let TableDefinition { elements, length } = self.definition.as_ptr().read();
            if elements.is_null() {
                return &mut [];
            }
            core::slice::from_raw_parts_mut(elements, length)
        }
    }

    /// `table.fill`.
    pub fn fill(&mut self, start: u64, value: usize, length: u64) -> Result<(), TrapCause> {
        let elements = self.elements_mut();
        let range = range(start, length, elements.len()).ok_or(TrapCause::TableOutOfBounds)?;
        elements[range].fill(value);
        Ok(())
    }

    /// `table.init` with the references of a segment.
    pub fn init(&mut self, start: u64, source: &[usize]) -> Result<(), TrapCause> {
        let elements = self.elements_mut();
        let range =
            range(start, source.len() as u64, elements.len()).ok_or(TrapCause::TableOutOfBounds)?;
        elements[range].copy_from_slice(source);
        Ok(())
    }
}

/// `start..start + length`, if it lies within `size`.
pub(crate) fn range(start: u64, length: u64, size: usize) -> Option<core::ops::Range<usize>> {
    let end = start.checked_add(length)?;
    if end > size as u64 {
        return None;
    }
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

fn zeros(length: usize) -> Option<Vec<usize>> {
    if length == 0 {
        return Some(Vec::new());
    }
    let layout = core::alloc::Layout::array::<usize>(length).ok()?;
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc::alloc::alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    // SAFETY: allocated just now, by the global allocator, for `length` words, all zero.
    Some(unsafe { Vec::from_raw_parts(memory.cast(), length, length) })
}

impl Table {
    /// A table of the host's, every element `init`.
    ///
    /// # Errors
    ///
    /// The value is not of the element type, or there is no memory.
    pub fn new(store: &mut Store, ty: TableType, init: Val) -> Result<Table, Error> {
        let inner = store.inner_mut();
        if !ty.element.is_reference() {
            return Err(Error::Unsupported("tables of anything but references"));
        }
        check_type(inner, ty.element, init)?;
        let init = init.to_reference(inner)?;
        let data = TableData::new(ty, init, inner.config.max_table_elements)?;
        Ok(inner.add_table(data))
    }

    /// The type that the table was declared with.
    ///
    /// # Panics
    ///
    /// The table is of another store. So it is for `size` and `get`.
    pub fn ty(&self, store: &Store) -> TableType {
        store.inner().table(*self).ty
    }

    /// Number of elements.
    pub fn size(&self, store: &Store) -> u64 {
        store.inner().table(*self).size()
    }

    /// The element at `index`, `None` beyond the end.
    pub fn get(&self, store: &mut Store, index: u64) -> Option<Val> {
        let inner = store.inner_mut();
        let table = inner.table(*self);
        let element = *table.elements().get(usize::try_from(index).ok()?)?;
        let ty = table.ty.element;
        // SAFETY: a table holds what compiled code or this module wrote, of its type.
        Some(unsafe { Val::from_slots(inner, ty, [element as u64, 0]) })
    }

    /// Changes an element.
    ///
    /// # Errors
    ///
    /// The index is beyond the end, or the value is not of the element type.
    pub fn set(&self, store: &mut Store, index: u64, value: Val) -> Result<(), Error> {
        let inner = store.inner_mut();
        let reference = self.reference(inner, value)?;
        let element = usize::try_from(index)
            .ok()
            .and_then(|index| inner.table_mut(*self).elements_mut().get_mut(index))
            .ok_or(Error::OutOfBounds("table"))?;
        *element = reference;
        Ok(())
    }

    /// Adds `delta` elements; the old size.
    ///
    /// # Errors
    ///
    /// The table's limit or the store's is reached, or the value is not of the element type.
    pub fn grow(&self, store: &mut Store, delta: u64, value: Val) -> Result<u64, Error> {
        let inner = store.inner_mut();
        let reference = self.reference(inner, value)?;
        inner
            .table_mut(*self)
            .grow(delta, reference)
            .ok_or(Error::Resource("a larger table"))
    }

    fn reference(self, store: &StoreInner, value: Val) -> Result<usize, Error> {
        check_type(store, store.table(self).ty.element, value)?;
        value.to_reference(store)
    }
}

impl StoreInner {
    /// Remembers a table's data.
    pub fn add_table(&mut self, data: TableData) -> Table {
        let table = Table {
            store: self.id(),
            index: index(self.tables.len()),
        };
        self.tables.push(data);
        table
    }

    /// The table of a handle; panics if it is another store's.
    pub fn table(&self, table: Table) -> &TableData {
        match self.tables.get(table.index as usize) {
            Some(data) if table.store == self.id() => data,
            _ => panic!("the table is of another store"),
        }
    }

    /// As `table`.
    pub fn table_mut(&mut self, table: Table) -> &mut TableData {
        let id = self.id();
        match self.tables.get_mut(table.index as usize) {
            Some(data) if table.store == id => data,
            _ => panic!("the table is of another store"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, ValType};

    fn table(min: u64, max: Option<u64>) -> TableData {
        let limits = Limits {
            min,
            max,
            is_64: false,
            shared: false,
        };
        let ty = TableType {
            element: ValType::EXTERNREF,
            limits,
        };
        TableData::new(ty, 0, 100).unwrap()
    }

    #[test]
    fn growth_stops_at_the_type_and_the_configuration() {
        let mut bounded = table(1, Some(3));
        assert_eq!(bounded.grow(2, 7), Some(1));
        assert_eq!(bounded.grow(1, 7), None);
        assert_eq!(bounded.elements(), [0, 7, 7]);
        let mut unbounded = table(0, None);
        assert_eq!(unbounded.grow(100, 0), Some(0));
        assert_eq!(unbounded.grow(1, 0), None);
        assert_eq!(unbounded.grow(u64::MAX, 0), None);
    }

    #[test]
    fn bulk_operations_trap_before_they_write() {
        let mut table = table(4, None);
        assert_eq!(table.fill(3, 1, 2), Err(TrapCause::TableOutOfBounds));
        assert_eq!(table.init(u64::MAX, &[1]), Err(TrapCause::TableOutOfBounds));
        assert_eq!(table.elements(), [0; 4]);
        assert_eq!(table.fill(4, 1, 0), Ok(()));
        assert_eq!(table.init(2, &[5, 6]), Ok(()));
        assert_eq!(table.elements(), [0, 0, 5, 6]);
    }
}
