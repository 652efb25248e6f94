//! Tables and references.

use super::store::Table;
use super::thread::{Stop, Thread};
use super::value::Value;

const OUT_OF_BOUNDS: Stop = Stop::Trap("out of bounds table access");

fn range(start: u64, length: u64, size: usize) -> Result<std::ops::Range<usize>, Stop> {
    match start.checked_add(length) {
        Some(end) if end <= size as u64 => Ok(start as usize..end as usize),
        _ => Err(OUT_OF_BOUNDS),
    }
}

impl Thread<'_, '_> {
    fn table(&mut self, index: u32) -> &mut Table {
        let instance = self.activation().instance;
        let position = self.store.instances[instance].tables[index as usize];
        &mut self.store.tables[position]
    }

    pub(super) fn table_get(&mut self, table: u32) -> Result<(), Stop> {
        let index = self.pop_address() as usize;
        let value = self.table(table).elements.get(index).copied();
        self.push_or(value)
    }

    fn push_or(&mut self, value: Option<Value>) -> Result<(), Stop> {
        self.push(value.ok_or(OUT_OF_BOUNDS)?);
        Ok(())
    }

    pub(super) fn table_set(&mut self, table: u32) -> Result<(), Stop> {
        let value = self.pop();
        let index = self.pop_address() as usize;
        let element = self.table(table).elements.get_mut(index);
        *element.ok_or(OUT_OF_BOUNDS)? = value;
        Ok(())
    }

    pub(super) fn table_size(&mut self, table: u32) {
        let table = self.table(table);
        let (size, is_64) = (table.elements.len() as u64, table.is_64);
        self.push_size(size, is_64);
    }

    pub(super) fn table_grow(&mut self, table: u32) {
        let delta = self.pop_address();
        let value = self.pop();
        let limit = self.store.limits.table;
        let table = self.table(table);
        let (size, is_64) = (table.elements.len() as u64, table.is_64);
        let maximum = table.maximum.unwrap_or(limit).min(limit);
        let result = match size.checked_add(delta).filter(|new| *new <= maximum) {
            Some(new) => {
                table.elements.resize(new as usize, value);
                size
            }
            None => u64::MAX,
        };
        self.push_size(result, is_64);
    }

    /// This and the following are commit points of calls: a trap shows the operands below the arguments.
    pub(super) fn table_fill(&mut self, table: u32) -> Result<(), Stop> {
        let length = self.pop_address();
        let value = self.pop();
        let start = self.pop_address();
        self.taken.clear();
        let elements = &mut self.table(table).elements;
        let range = range(start, length, elements.len())?;
        elements[range].fill(value);
        Ok(())
    }

    pub(super) fn table_copy(&mut self, to: u32, from: u32) -> Result<(), Stop> {
        let length = self.pop_address();
        let source = self.pop_address();
        let target = self.pop_address();
        self.taken.clear();
        let elements = &self.table(from).elements;
        let copy = elements[range(source, length, elements.len())?].to_vec();
        let elements = &mut self.table(to).elements;
        let target = range(target, length, elements.len())?;
        elements[target].copy_from_slice(&copy);
        Ok(())
    }

    pub(super) fn table_init(&mut self, table: u32, segment: u32) -> Result<(), Stop> {
        let length = self.pop_address();
        let source = self.pop_address();
        let target = self.pop_address();
        self.taken.clear();
        let instance = self.activation().instance;
        let segment = &self.store.instances[instance].elements[segment as usize];
        let copy = segment[range(source, length, segment.len())?].to_vec();
        let elements = &mut self.table(table).elements;
        let target = range(target, length, elements.len())?;
        elements[target].copy_from_slice(&copy);
        Ok(())
    }

    pub(super) fn elem_drop(&mut self, segment: u32) {
        let instance = self.activation().instance;
        self.store.instances[instance].elements[segment as usize].clear();
    }

    pub(super) fn ref_func(&mut self, function: u32) {
        let instance = self.activation().instance;
        let position = self.store.instances[instance].functions[function as usize];
        self.push(Value::Func(Some(position)));
    }
}
