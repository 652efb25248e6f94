//! Instantiation.

use std::rc::Rc;

use wasmparser::{MemoryType, Operator, TypeRef};

use super::module::{Constant, Mode, Module};
use super::observe::Observer;
use super::store::{ExternValue, Function, Global, Instance, Memory, PAGE, Store, Table};
use super::thread::{Stop, Thread, VALID};
use super::types::ValType;
use super::value::Value;

/// Why there is no instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An import does not fit, in the specification's words.
    Link(&'static str),
    /// A segment does not fit or the start function trapped.
    Stop(Stop),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Failure::Stop(stop)
    }
}

impl<'m> Store<'m> {
    /// Instantiates a module; `import` finds what it imports.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn instantiate(
        &mut self,
        module: &Rc<Module<'m>>,
        import: impl Fn(&str, &str) -> Option<ExternValue>,
        observer: &mut dyn Observer,
    ) -> Result<usize, Failure> {
        let mut instance = Instance {
            module: module.clone(),
            functions: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            elements: Vec::new(),
            data: Vec::new(),
        };
        for item in &module.imports {
            let found = import(item.module, item.name).ok_or(Failure::Link("unknown import"))?;
            if !self.fits(module, found, item.ty) {
                return Err(Failure::Link("incompatible import type"));
            }
            match found {
                ExternValue::Func(position) => instance.functions.push(position),
                ExternValue::Table(position) => instance.tables.push(position),
                ExternValue::Memory(position) => instance.memories.push(position),
                ExternValue::Global(position) => instance.globals.push(position),
                ExternValue::Tag(position) => instance.tags.push(position),
            }
        }
        let position = self.instances.len();
        self.allocate(&mut instance, position);
        self.instances.push(instance);
        self.initialise(module, position)?;
        if let Some(start) = module.start {
            let function = self.instances[position].functions[start as usize];
            Thread::new(self, observer).call(function, &[])?;
        }
        Ok(position)
    }

    /// May `found` stand for an import of this type? Specification 3.0, section 3.3 (matching).
    fn fits(&self, module: &Module<'m>, found: ExternValue, expected: TypeRef) -> bool {
        let maximum_fits = |found: Option<u64>, expected: Option<u64>| match expected {
            None => true,
            Some(expected) => found.is_some_and(|found| found <= expected),
        };
        match (found, expected) {
            (ExternValue::Func(position), TypeRef::Func(ty)) => {
                let found = self.functions[position].ty();
                found.is_subtype_of(&module.defined[ty as usize])
            }
            (ExternValue::Table(position), TypeRef::Table(ty)) => {
                let table = &self.tables[position];
                table.ty == ValType::new(ty.element_type.into(), &module.defined)
                    && table.is_64 == ty.table64
                    && table.elements.len() as u64 >= ty.initial
                    && maximum_fits(table.maximum, ty.maximum)
            }
            (ExternValue::Memory(position), TypeRef::Memory(ty)) => {
                let memory = &self.memories[position];
                memory.is_64 == ty.memory64
                    && memory.is_shared == ty.shared
                    && memory.page == page_size(&ty)
                    && memory.pages() >= ty.initial
                    && maximum_fits(memory.maximum, ty.maximum)
            }
            (ExternValue::Global(position), TypeRef::Global(ty)) => {
                let global = &self.globals[position];
                let expected = ValType::new(ty.content_type, &module.defined);
                let fits = if ty.mutable {
                    global.ty == expected
                } else {
                    global.ty.matches(&expected)
                };
                fits && global.mutable == ty.mutable
            }
            (ExternValue::Tag(position), TypeRef::Tag(ty)) => {
                self.tags[position] == module.defined[ty.func_type_idx as usize]
            }
            _ => false,
        }
    }

    /// Makes what the module defines.
    fn allocate(&mut self, instance: &mut Instance<'m>, position: usize) {
        let module = instance.module.clone();
        for (index, ty) in (0..).zip(&module.functions).skip(module.imported_functions) {
            instance.functions.push(self.functions.len());
            self.functions.push(Function::Wasm {
                instance: position,
                index,
                ty: module.defined[*ty as usize].clone(),
            });
        }
        for ty in &module.tags {
            instance.tags.push(self.tags.len());
            self.tags.push(module.defined[*ty as usize].clone());
        }
        for ty in &module.memories {
            instance.memories.push(self.memories.len());
            self.memories.push(Memory {
                bytes: vec![0; usize::try_from(ty.initial).expect(VALID) * page_size(ty)],
                maximum: ty.maximum,
                is_64: ty.memory64,
                page: page_size(ty),
                is_shared: ty.shared,
            });
        }
        for (ty, init) in &module.globals {
            let value = self.evaluate(instance, init);
            instance.globals.push(self.globals.len());
            self.globals.push(Global {
                ty: ValType::new(ty.content_type, &module.defined),
                mutable: ty.mutable,
                value,
            });
        }
        for (ty, init) in &module.tables {
            let element = wasmparser::ValType::Ref(ty.element_type);
            let value = match init {
                Some(init) => self.evaluate(instance, init),
                None => Value::default_of(element),
            };
            instance.tables.push(self.tables.len());
            self.tables.push(Table {
                ty: ValType::new(element, &module.defined),
                elements: vec![value; usize::try_from(ty.initial).expect(VALID)],
                maximum: ty.maximum,
                is_64: ty.table64,
            });
        }
        for (_, items) in &module.elements {
            let values = items.iter().map(|item| self.evaluate(instance, item));
            instance.elements.push(values.collect());
        }
        instance.data = module.data.iter().map(|(_, bytes)| *bytes).collect();
    }

    /// Copies the active segments, one after the other.
    fn initialise(&mut self, module: &Module<'m>, position: usize) -> Result<(), Stop> {
        for (index, (mode, _)) in module.elements.iter().enumerate() {
            let Mode::Active(table, offset) = mode else {
                if matches!(mode, Mode::Declared) {
                    self.instances[position].elements[index].clear();
                }
                continue;
            };
            let start = address(self.evaluate(&self.instances[position], offset));
            let instance = &mut self.instances[position];
            let values = std::mem::take(&mut instance.elements[index]);
            let table = &mut self.tables[instance.tables[*table as usize]];
            start
                .checked_add(values.len())
                .and_then(|end| table.elements.get_mut(start..end))
                .ok_or(Stop::Trap("out of bounds table access"))?
                .copy_from_slice(&values);
        }
        for (index, (mode, bytes)) in module.data.iter().enumerate() {
            let Mode::Active(memory, offset) = mode else {
                continue;
            };
            let start = address(self.evaluate(&self.instances[position], offset));
            let instance = &mut self.instances[position];
            instance.data[index] = &[];
            let memory = &mut self.memories[instance.memories[*memory as usize]];
            start
                .checked_add(bytes.len())
                .and_then(|end| memory.bytes.get_mut(start..end))
                .ok_or(Stop::Trap("out of bounds memory access"))?
                .copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Value of a constant expression.
    fn evaluate(&self, instance: &Instance<'m>, expression: &Constant<'m>) -> Value {
        let mut stack = Vec::new();
        for operator in expression {
            let value = match operator {
                Operator::I32Const { value } => Value::I32(value.cast_unsigned()),
                Operator::I64Const { value } => Value::I64(value.cast_unsigned()),
                Operator::F32Const { value } => Value::F32(value.bits()),
                Operator::F64Const { value } => Value::F64(value.bits()),
                Operator::V128Const { value } => Value::V128(value.i128().cast_unsigned()),
                Operator::RefNull { hty } => Value::null(*hty),
                Operator::RefFunc { function_index } => {
                    Value::Func(Some(instance.functions[*function_index as usize]))
                }
                Operator::GlobalGet { global_index } => {
                    self.globals[instance.globals[*global_index as usize]].value
                }
                operator => {
                    let second = stack.pop().expect(VALID);
                    let first = stack.pop().expect(VALID);
                    match super::numeric::binary(operator, first, second) {
                        Some(Ok(value)) => value,
                        _ => panic!("{VALID}"),
                    }
                }
            };
            stack.push(value);
        }
        stack.pop().expect(VALID)
    }
}

fn page_size(ty: &MemoryType) -> usize {
    ty.page_size_log2.map_or(PAGE, |log2| 1 << log2)
}

fn address(value: Value) -> usize {
    match value {
        Value::I32(value) => value as usize,
        Value::I64(value) => usize::try_from(value).unwrap_or(usize::MAX),
        _ => panic!("{VALID}"),
    }
}
