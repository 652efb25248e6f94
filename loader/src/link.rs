//! Linking: an object becomes an image in code memory.
//!
//! ```text
//! 0            code sections, in file order        ┐
//!              (behind each, stubs for calls that  │ executable
//!              do not reach through all the code)  │
//!              stubs of the builtins               ┘
//! page bound   constants, then our tables          ┐ read-only
//!              place of each section (8 bytes)     ┘
//! ```
//!
//! An image is never larger than 2 GiB, and at most 110 times as large as the file and two pages: sections
//! do not overlap in the file, and each may add a page of padding for its alignment and a stub for each of
//! its calls.
//!
//! Memory is asked for once, filled while it is writable, and published: from then on the first
//! part can be executed and nothing can be written.

mod image;
pub(crate) mod plan;

pub use image::Image;

use crate::builtins::BuiltinId;
use crate::elf::{Rela, SectionHeader, Symbol};
use crate::error::{Error, Refusal, Refused};
use crate::layout::PointerWidth;
use crate::object::section::Role;
use crate::object::symbol::Relocations;
use crate::object::{Object, classify};
use crate::relocate::{self, Kind, RelocationError, Shape};
use crate::word::{self, SignedWord, Word, wide, word};
use image::Parts;
use plan::{Places, Plan};

/// Code memory could not be had or published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (error code {code})")]
pub struct MemoryError {
    /// What failed.
    pub reason: &'static str,
    /// The operating system's error code, or 0.
    pub code: i32,
}

/// Memory that code can be put in. The embedder gives it; it is never writable and executable at
/// once.
///
/// One value holds one image: [`CodeMemory::reserve`] is called once, then the bytes are written,
/// then [`CodeMemory::publish`] is called once.
pub trait CodeMemory {
    /// Smallest unit whose protection can be set, a power of two.
    fn page_size(&self) -> usize;

    /// Gets `size` bytes, writable and not executable, at an address that is a multiple of `align`
    /// (a power of two) and of the page size. Their content does not matter.
    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError>;

    /// Where the memory is when the code runs.
    fn address(&self) -> usize;

    /// The bytes.
    fn bytes(&self) -> &[u8];

    /// The bytes, until they are published; empty from then on.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Makes the first `code_size` bytes (a multiple of the page size) executable and read-only,
    /// the others read-only, and makes the instructions visible to the processors (flushes caches
    /// where that is needed).
    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError>;
}

impl<'a> Object<'a> {
    /// Bytes of code memory that the object needs with pages of `page_size` bytes.
    pub fn image_size(&self, page_size: usize) -> Result<u64, Error> {
        Refusal::explain(|refusal| Ok(wide(Plan::new(self, word::size(page_size), refusal)?.total)))
    }

    /// Links the object in `memory`. `resolve` gives the address of a builtin, if the runtime has it:
    /// what some CPUs have instructions for is of use on others only.
    pub fn link<M: CodeMemory>(
        &self,
        mut memory: M,
        resolve: &dyn Fn(BuiltinId) -> Option<usize>,
    ) -> Result<Image<M>, Error> {
        let parts = Refusal::explain(|refusal| self.link_in(&mut memory, resolve, refusal))?;
        Ok(Image::new(memory, parts))
    }

    #[inline(never)]
    fn link_in(
        &self,
        memory: &mut dyn CodeMemory,
        resolve: &dyn Fn(BuiltinId) -> Option<usize>,
        refusal: &Refusal,
    ) -> Result<Parts, Refused> {
        let page_size = memory.page_size();
        let plan = Plan::new(self, word::size(page_size), refusal)?;
        let too_large = || {
            refusal.note(Error::ImageTooLarge {
                size: wide(plan.total),
            })
        };
        let total = usize::try_from(plan.total).map_err(|_| too_large())?;
        let align = usize::try_from(plan.align).map_err(|_| too_large())?;
        let code_size = usize::try_from(plan.code_size).map_err(|_| too_large())?;
        let refuse = |error| refusal.note(Error::Memory(error));
        memory.reserve(total, align).map_err(refuse)?;
        let address = memory.address();
        let aligned = address.is_multiple_of(align) && address.is_multiple_of(page_size);
        let base = word::size(address);
        let is_in_reach = base
            .checked_add(plan.total)
            .is_some_and(|end| fits(wide(end), self.layout.width));
        let bytes = memory.bytes_mut().get_mut(..total);
        let Some(bytes) = bytes.filter(|_| aligned && is_in_reach) else {
            return Err(refusal.note(Error::MemoryPlace {
                address: wide(base),
                align: wide(plan.align),
                size: wide(plan.total),
            }));
        };
        plan.copy(self, bytes, refusal)?;
        let mut linker = Linker {
            object: self,
            plan: &plan,
            base,
            bytes,
            resolve,
            refusal,
        };
        linker.write_stubs()?;
        for (index, header) in self.layout.elf.sections() {
            let role = classify(&self.layout, index, &header, refusal)?;
            if role.is_loaded() {
                linker.relocate_section(index, &header, role)?;
            }
        }
        let parts = Parts::check(self, &plan, base, bytes, refusal)?;
        memory.publish(code_size).map_err(refuse)?;
        Ok(parts)
    }
}

/// Is an end of a range an address of this width (or one past the last)?
fn fits(end: u64, width: PointerWidth) -> bool {
    match width {
        PointerWidth::Four => end <= 1 << 32,
        PointerWidth::Eight => true,
    }
}

/// An object being linked.
struct Linker<'l, 'a> {
    object: &'l Object<'a>,
    plan: &'l Plan,
    /// Address of the image.
    base: Word,
    bytes: &'l mut [u8],
    resolve: &'l dyn Fn(BuiltinId) -> Option<usize>,
    refusal: &'l Refusal,
}

/// Where a symbol is.
#[derive(Clone, Copy)]
struct Target {
    address: Word,
    /// Of a builtin, which is outside the image: its stub.
    stub: Option<Word>,
}

impl Linker<'_, '_> {
    fn field(&mut self, offset: Word, size: Word) -> Result<&mut [u8], RelocationError> {
        let start = usize::try_from(offset).map_err(|_| RelocationError::Place)?;
        let size = usize::try_from(size).map_err(|_| RelocationError::Place)?;
        let end = start.checked_add(size).ok_or(RelocationError::Place)?;
        self.bytes.get_mut(start..end).ok_or(RelocationError::Place)
    }

    fn write_stub(&mut self, offset: Word, target: Word) -> Result<(), RelocationError> {
        let (machine, width) = (self.object.layout.machine, self.object.layout.width);
        let size = word(relocate::stub_size(machine));
        relocate::write_stub(machine, width, self.field(offset, size)?, target)
    }

    /// A stub for each builtin that the object uses.
    fn write_stubs(&mut self) -> Result<(), Refused> {
        for id in self.object.builtins().iter() {
            let name = id.builtin().symbol;
            let target = (self.resolve)(id)
                .ok_or_else(|| self.refusal.note(Error::BuiltinNotProvided { name }))?;
            self.write_stub(self.plan.stub(id), word::size(target))
                .map_err(|error| self.refusal.note(Error::Stub { name, error }))?;
        }
        Ok(())
    }

    fn relocate_section(
        &mut self,
        index: u32,
        header: &SectionHeader,
        role: Role,
    ) -> Result<(), Refused> {
        let layout = &self.object.layout;
        let relocations = Relocations::of(&layout.elf, layout.width, index, self.refusal)?;
        if relocations.count() == 0 {
            return Ok(());
        }
        let places = Places::new(self.plan);
        let offset = places.get(self.bytes, index).ok_or_else(|| {
            self.refusal
                .note(Error::SectionOutOfImage { section: index })
        })?;
        // The next free stub of this section.
        let mut free_stub = match role {
            Role::Code => self.plan.section_stubs(offset, header.size),
            _ => None,
        };
        for rela in relocations.iter() {
            self.relocate(offset, &relocations, &rela, &mut free_stub)
                .map_err(|error| {
                    self.refusal.note(Error::Relocation {
                        machine: self.object.layout.machine,
                        section: index,
                        offset: wide(rela.offset),
                        ty: rela.ty,
                        error,
                    })
                })?;
        }
        Ok(())
    }

    fn symbol(&self, index: u32) -> Result<(Symbol, Target), RelocationError> {
        let missing = RelocationError::Symbol { symbol: index };
        let symbol = self.object.symbols.get(index).ok_or(missing)?;
        if symbol.is_undefined() {
            let id = self.object.symbols.builtin(&symbol).ok_or(missing)?;
            let stub = self.base.wrapping_add(self.plan.stub(id));
            let target = (self.resolve)(id).ok_or(missing)?;
            let target = Target {
                address: word::size(target),
                stub: Some(stub),
            };
            return Ok((symbol, target));
        }
        let places = Places::new(self.plan);
        let section = places
            .get(self.bytes, symbol.section.into())
            .ok_or(missing)?;
        let address = self.base.wrapping_add(section).wrapping_add(symbol.value);
        let target = Target {
            address,
            stub: None,
        };
        Ok((symbol, target))
    }

    /// Does a relocation at `rela.offset` of the section at `section` of the image.
    fn relocate(
        &mut self,
        section: Word,
        relocations: &Relocations<'_>,
        rela: &Rela,
        free_stub: &mut Option<Word>,
    ) -> Result<(), RelocationError> {
        let (machine, width) = (self.object.layout.machine, self.object.layout.width);
        let shape = relocate::shape(machine, width, rela.ty)?;
        if shape.kind == Kind::None {
            return Ok(());
        }
        let place = section
            .checked_add(rela.offset)
            .ok_or(RelocationError::Place)?;
        let address = self.base.wrapping_add(place);
        let (symbol, target) = self.symbol(rela.symbol)?;
        // Where the field counts from, and to.
        let (mut from, mut to, mut addend) = (address, target.address, rela.addend);
        match (shape.kind, target.stub) {
            (Kind::PcrelLow, None) => {
                from = target.address;
                (to, addend) = self.high_part(&symbol, relocations, section)?;
            }
            (Kind::PcrelLow, Some(_)) => {
                return Err(RelocationError::Symbol {
                    symbol: rela.symbol,
                });
            }
            (Kind::Got, _) => to = self.got_entry(target)?,
            _ => {}
        }
        let mut result = self.apply(place, shape, rela.ty, from, to, addend);
        if shape.kind != Kind::Call {
            return result;
        }
        if let (Err(RelocationError::Range { .. }), Some(stub)) = (result, target.stub) {
            result = self.apply(place, shape, rela.ty, from, stub, addend);
        }
        let near_stub = free_stub.filter(|_| self.plan.has_stub(rela.ty));
        if let (Err(RelocationError::Range { .. }), Some(near)) = (result, near_stub) {
            if target.stub.is_none() {
                // The stub jumps to the target with the addend; the call goes to the stub itself.
                to = to.wrapping_add_signed(addend);
                addend = 0;
            }
            self.through_stub(near, to, free_stub)?;
            let near = self.base.wrapping_add(near);
            result = self.apply(place, shape, rela.ty, from, near, addend);
        }
        result
    }

    /// Writes the field at `place` of the image.
    fn apply(
        &mut self,
        place: Word,
        shape: Shape,
        ty: u32,
        from: Word,
        to: Word,
        addend: SignedWord,
    ) -> Result<(), RelocationError> {
        let (machine, width) = (self.object.layout.machine, self.object.layout.width);
        let field = self.field(place, shape.size.into())?;
        relocate::apply(machine, width, ty, field, from, to, addend)
    }

    /// Address of a builtin's entry in the global offset table, which is in its stub.
    fn got_entry(&self, target: Target) -> Result<Word, RelocationError> {
        let stub = target.stub.ok_or(RelocationError::Got)?;
        let offset = relocate::stub_address_offset(self.object.layout.machine);
        Ok(stub.wrapping_add(word(offset)))
    }

    /// Uses the stub at `near` for `target`.
    fn through_stub(
        &mut self,
        near: Word,
        target: Word,
        free_stub: &mut Option<Word>,
    ) -> Result<(), RelocationError> {
        self.write_stub(near, target)?;
        let size = relocate::stub_size(self.object.layout.machine);
        *free_stub = near.checked_add(word(size));
        Ok(())
    }

    /// Target and addend of the high part that stands at `symbol`. Its place is the symbol's
    /// address.
    fn high_part(
        &self,
        symbol: &Symbol,
        relocations: &Relocations<'_>,
        section: Word,
    ) -> Result<(Word, SignedWord), RelocationError> {
        let missing = RelocationError::HighPart {
            place: wide(symbol.value),
        };
        let layout = &self.object.layout;
        let places = Places::new(self.plan);
        // Mostly the high part is in the section of the low part.
        let high = if places.get(self.bytes, symbol.section.into()) == Some(section) {
            relocations.high_part(symbol.value)
        } else {
            let section = symbol.section.into();
            let other = Relocations::of(&layout.elf, layout.width, section, self.refusal);
            other
                .ok()
                .and_then(|relocations| relocations.high_part(symbol.value))
        };
        let high = high.ok_or(missing)?;
        let shape = relocate::shape(layout.machine, layout.width, high.ty)?;
        let (_, target) = self.symbol(high.symbol)?;
        let target = match shape.kind {
            Kind::Got => self.got_entry(target)?,
            _ => target.address,
        };
        Ok((target, high.addend))
    }
}
