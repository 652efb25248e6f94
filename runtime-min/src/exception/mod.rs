//! Exceptions: their tags, and what the host sees of them.
//!
//! What compiled code throws goes to the handler that [`crate::frame`] finds in the same entry into
//! compiled code; if there is none, whoever has entered gets [`Error::Exception`]. A host function that returns
//! such an error throws the exception on, with its identity.

mod heap;

pub(crate) use heap::{Exceptions, Point, Trace};

use crate::{
    Error, FrameView, FuncType, Store, Val, ValType,
    exec_env::{ExceptionHeader, Shared},
    store::{StoreInner, index},
    types::{CanonicalType, slots},
    value::StoreId,
};
use alloc::{rc::Rc, sync::Arc, vec::Vec};
use core::fmt;

/// Handle of an exception's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    pub(crate) store: StoreId,
    pub(crate) index: u32,
}

/// A tag of a store. Its address is its identity.
pub(crate) struct TagData {
    /// The parameters are what an exception holds; there are no results.
    pub ty: Rc<CanonicalType>,
    index: u32,
}

impl Tag {
    /// A tag of the host's, whose exceptions hold values of these types.
    pub fn new(store: &mut Store, values: impl IntoIterator<Item = ValType>) -> Tag {
        let inner = store.inner_mut();
        let ty = inner.types.canonical(&FuncType::new(values, []));
        inner.add_tag(ty)
    }

    /// The type: its parameters are what the tag's exceptions hold.
    ///
    /// # Panics
    ///
    /// The tag is of another store.
    pub fn ty(&self, store: &Store) -> FuncType {
        store.inner().tag(*self).ty.func.clone()
    }
}

impl Store {
    /// How many exceptions live. Those that nothing refers to are freed when there are many.
    pub fn exceptions(&self) -> usize {
        self.inner().exceptions.len()
    }
}

impl StoreInner {
    /// Remembers a tag of a type.
    pub fn add_tag(&mut self, ty: Rc<CanonicalType>) -> Tag {
        let index = index(self.tags.len());
        self.tags.push(Shared::new(TagData { ty, index }));
        Tag {
            store: self.id(),
            index,
        }
    }

    /// The tag of a handle; panics if it is another store's.
    pub fn tag(&self, tag: Tag) -> &TagData {
        match self.tag_at(tag.index) {
            Some(data) if tag.store == self.id() => data,
            _ => panic!("the tag is of another store"),
        }
    }

    /// The tag at a position of the store's list.
    pub fn tag_at(&self, index: u32) -> Option<&TagData> {
        let tag = self.tags.get(index as usize)?;
        // SAFETY: a tag is never changed, and lives as long as the store.
        Some(unsafe { &*tag.as_ptr() })
    }

    /// Makes an exception of values in slots; yields its address.
    pub fn new_exception(&mut self, tag: u32, values: &[u64]) -> Result<usize, Error> {
        let identity = self
            .tags
            .get(tag as usize)
            .ok_or(Error::WrongStore)?
            .as_ptr();
        if self.exceptions.is_crowded() {
            self.collect_exceptions(values);
        }
        Ok(self.exceptions.add(identity, values))
    }

    /// An exception as the host gets it, as long as it lives.
    pub fn exception(&mut self, address: usize) -> Option<Exception> {
        let held = self.exceptions.hold(address)?;
        let (tag, values) = self.exception_contents(address)?;
        Some(Exception {
            store: self.id(),
            address,
            _held: held,
            tag,
            values,
            frames: Vec::new(),
            omitted_frames: 0,
        })
    }

    fn exception_contents(&mut self, address: usize) -> Option<(Tag, Vec<Val>)> {
        let header = self.exceptions.header(address)?;
        // SAFETY: the exception lives, and its tag as long as the store.
        let tag = unsafe { &*(*header).tag };
        let (store, index) = (self.id(), tag.index);
        let mut values = Vec::with_capacity(tag.ty.func.params().len());
        let mut at = 0;
        for ty in tag.ty.func.params() {
            let count = ty.slots() as usize;
            // SAFETY: an exception has the values of its tag's type. Nothing else holds a reference to them.
            let slots = unsafe {
                let first = (&raw const (*header).values).cast::<u64>().add(at);
                let second = if count == 2 { first.add(1).read() } else { 0 };
                [first.read(), second]
            };
            // SAFETY: references among them came from compiled code or this store.
            values.push(unsafe { Val::from_slots(self, *ty, slots) });
            at += count;
        }
        Some((Tag { store, index }, values))
    }
}

/// An exception that the host has got or throws. It lives as long as this does.
#[derive(Clone)]
pub struct Exception {
    pub(crate) store: StoreId,
    pub(crate) address: usize,
    /// Keeps it from being collected.
    _held: Arc<()>,
    tag: Tag,
    values: Vec<Val>,
    pub(crate) frames: Vec<FrameView>,
    /// How many more, older, frames there were than `StoreConfig::max_trap_frames`.
    pub omitted_frames: usize,
}

impl Exception {
    /// An exception to throw from a host function, as [`Error::Exception`].
    ///
    /// # Errors
    ///
    /// The tag or a value is of another store, or the values are not those of the tag's type.
    pub fn new(store: &mut Store, tag: Tag, values: &[Val]) -> Result<Exception, Error> {
        let inner = store.inner_mut();
        if tag.store != inner.id() {
            return Err(Error::WrongStore);
        }
        let ty = inner.tag(tag).ty.clone();
        let ty = &ty.func;
        if values.len() != ty.params().len() {
            return Err(Error::ArgumentCount {
                expected: ty.params().len(),
                found: values.len(),
            });
        }
        let mut contents = Vec::with_capacity(slots(ty.params()));
        for (index, (value, expected)) in values.iter().zip(ty.params()).enumerate() {
            if !value.is(inner, *expected) {
                return Err(Error::ArgumentType {
                    index,
                    expected: *expected,
                    found: value.ty(),
                });
            }
            contents.extend_from_slice(&value.to_slots(inner)?[..expected.slots() as usize]);
        }
        let address = inner.new_exception(tag.index, &contents)?;
        inner.exception(address).ok_or(Error::WrongStore)
    }

    /// Its tag.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// What it holds.
    pub fn values(&self) -> &[Val] {
        &self.values
    }

    /// The call stack when it was thrown, youngest frame first, as far as the objects' frames tell it. Where
    /// it was caught and thrown again on the way, frames that are gone since show no values.
    pub fn frames(&self) -> &[FrameView] {
        &self.frames
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exception")
            .field("tag", &self.tag)
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uncaught exception of tag {}", self.tag.index)?;
        for (i, value) in self.values.iter().enumerate() {
            f.write_str(if i == 0 { ": " } else { ", " })?;
            match value {
                Val::I32(value) => write!(f, "i32 {value}")?,
                Val::I64(value) => write!(f, "i64 {value}")?,
                Val::F32(bits) => write!(f, "f32 {}", f32::from_bits(*bits))?,
                Val::F64(bits) => write!(f, "f64 {}", f64::from_bits(*bits))?,
                Val::V128(value) => write!(f, "v128 {value:#034x}")?,
                Val::FuncRef(_) | Val::ExternRef(_) | Val::ExnRef(_) => {
                    write!(f, "{}", value.ty())?;
                }
            }
        }
        Ok(())
    }
}

/// A reference to an exception, as a value. The exception lives as long as its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExnRef {
    store: StoreId,
    index: u32,
}

impl ExnRef {
    /// The exception; `None` if it is of another store.
    pub fn exception(&self, store: &mut Store) -> Option<Exception> {
        let inner = store.inner_mut();
        let address = inner.exceptions.pinned(inner.id(), *self).ok()?;
        inner.exception(address)
    }
}

impl ExceptionHeader {
    /// Number of 8-byte words ahead of the values.
    pub const WORDS: usize = core::mem::offset_of!(ExceptionHeader, values) / 8;
}
