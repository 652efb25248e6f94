//! Tables and references.

use wasmparser::HeapType;

use super::store::Table;
use super::thread::{Stop, Thread};
use super::types::{RefType, ValType};
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

    /// Is a reference of a type of the module?
    fn is_of_type(&mut self, value: Value, nullable: bool, heap: HeapType) -> bool {
        let module = self.activation().module.clone();
        let wanted = RefType::new(nullable, heap, &module.defined);
        match value {
            value if value.is_null() => nullable,
            Value::Func(Some(function)) => {
                RefType::of_function(self.store.functions[function].ty()).matches(&wanted)
            }
            value => match ValType::new(value.ty(), &[]) {
                // Of the kind, and not null.
                ValType::Ref(found) => found.non_null().matches(&wanted),
                ValType::Plain(_) => false,
            },
        }
    }

    pub(super) fn ref_test(&mut self, heap: HeapType, nullable: bool) {
        let value = self.pop();
        let is_it = self.is_of_type(value, nullable, heap);
        self.push(Value::I32(u32::from(is_it)));
    }

    pub(super) fn ref_cast(&mut self, heap: HeapType, nullable: bool) -> Result<(), Stop> {
        let value = self.pop();
        if !self.is_of_type(value, nullable, heap) {
            return Err(Stop::Trap("cast failure"));
        }
        self.push(value);
        Ok(())
    }

    /// Branches if the reference on top is of the type, or if it is not; it stays in any case.
    pub(super) fn branch_on_cast(&mut self, depth: u32, to: wasmparser::RefType, if_it_is: bool) {
        let value = self.pop();
        self.push(value);
        if self.is_of_type(value, to.is_nullable(), to.heap_type()) == if_it_is {
            self.branch(depth);
        }
    }

    pub(super) fn ref_func(&mut self, function: u32) {
        let instance = self.activation().instance;
        let position = self.store.instances[instance].functions[function as usize];
        self.push(Value::Func(Some(position)));
    }
}
