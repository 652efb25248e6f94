//! The frames of an object: what each function's slots are, what its commit points show, and where the
//! values are at each return address: `wamrc-rs inspect --frames`.

use std::collections::BTreeMap;
use std::fmt;

use gimli::Register;
use serde::Serialize;
use wamr_aot_loader::format::framemap::{FrameMapView, Location, MappedFrame, SiteView, Slot};
use wamr_aot_loader::format::header::Host;
use wamr_aot_loader::format::module::ValType;
use wamr_aot_loader::format::target::Machine;
use wamr_aot_loader::format::{header::Header, section};
use wamr_aot_loader::object::Object;

use super::read::{function_type, wrong};
use super::text::printable;
use crate::error::Result;

/// The frames of all functions.
#[derive(Clone, Debug, Serialize)]
pub struct FramesReport {
    /// How frames are kept observable.
    pub strategy: &'static str,
    /// What frames carry.
    pub capture: Vec<&'static str>,
    /// Bytes of machine code.
    pub code_size: u64,
    /// Bytes of the frame map.
    pub frame_map_size: u64,
    /// Bytes of the unwind table.
    pub unwind_size: u64,
    /// The functions that the module defines.
    pub functions: Vec<FunctionFrames>,
}

/// The frames of a function.
#[derive(Clone, Debug, Serialize)]
pub struct FunctionFrames {
    /// Index in the function index space, imports included.
    pub index: u32,
    /// Its name.
    pub name: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Offset of its body in the module.
    pub offset: u32,
    /// Size of its machine code in bytes.
    pub code_size: u32,
    /// A record is kept in memory.
    pub record: bool,
    /// Its parameters and locals.
    pub locals: Vec<LocalSlot>,
    /// Its commit points.
    pub sites: Vec<Site>,
    /// Where values are while a callee runs.
    pub returns: Vec<Return>,
}

/// A parameter or local.
#[derive(Clone, Debug, Serialize)]
pub struct LocalSlot {
    /// Its first slot in the frame.
    pub slot: u32,
    /// Its name, if the object has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
}

/// A commit point.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    /// Offset of the instruction in the module.
    pub ip: u32,
    /// `call`, `trap` or `poll`.
    pub kind: &'static str,
    /// What it shows; `None` if no values.
    pub shows: Option<Vec<String>>,
}

/// A return address.
#[derive(Clone, Debug, Serialize)]
pub struct Return {
    /// Its offset from the function's start.
    pub offset: u32,
    /// The frames there, youngest first: what was inlined before what it was inlined into.
    pub frames: Vec<Frame>,
}

/// A frame at a return address.
#[derive(Clone, Debug, Serialize)]
pub struct Frame {
    /// Index of the function.
    pub function: Option<u32>,
    /// Offset of the instruction in the module.
    pub ip: u32,
    /// `call`, `trap` or `poll`.
    pub kind: &'static str,
    /// Each slot and where it is, as `l3:i32=rbx`; `None` if values are not available.
    pub values: Option<Vec<String>>,
}

impl FramesReport {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Object`] if the object is not sound.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let header = Header::of_file(bytes).map_err(wrong)?;
        let host = Host {
            machine: header.machine,
            width: header.width,
            abi: header.abi,
            cpu_features: header.cpu_features,
            guard_pages: true,
        };
        let object = Object::parse(bytes, &host).map_err(wrong)?;
        let size = |wanted: fn(&str) -> bool| {
            let sections = object.sections();
            let sections =
                sections.filter(|section| core::str::from_utf8(section.name).is_ok_and(wanted));
            sections.map(|section| section.size).sum()
        };
        Ok(FramesReport {
            strategy: header.frame_strategy.name(),
            capture: header.capture.names().collect(),
            code_size: object
                .sections()
                .filter(|section| section.role == "code")
                .map(|section| section.size)
                .sum(),
            frame_map_size: size(|name| name == section::FRAMEMAP),
            unwind_size: size(|name| name == section::UNWIND),
            functions: Reading::new(&object).functions(),
        })
    }
}

/// What a reading looks things up in.
struct Reading<'a, 'o> {
    object: &'o Object<'a>,
    map: FrameMapView<'a>,
    imported: u32,
    /// For the slots of each defined function the local's number and type; `None` for the second of a
    /// `v128`.
    slots: Vec<Vec<Option<(u32, ValType)>>>,
}

impl<'a, 'o> Reading<'a, 'o> {
    fn new(object: &'o Object<'a>) -> Self {
        let imported = object.header().imported_functions;
        let slots = (imported..)
            .zip(object.frames().iter())
            .map(|(index, frame)| {
                let mut slots = Vec::new();
                let parameters = object.module().function_type(index);
                let parameters = parameters.into_iter().flat_map(|ty| ty.params());
                let locals = frame.locals().flat_map(|(count, ty)| {
                    // What a module may have at most: no count makes this run forever.
                    let count = usize::try_from(count).unwrap_or(usize::MAX);
                    std::iter::repeat_n(ty, count.min(50_000))
                });
                for (local, ty) in (0..).zip(parameters.chain(locals)) {
                    slots.push(Some((local, ty)));
                    slots.extend((1..ty.slots()).map(|_| None));
                }
                slots
            })
            .collect();
        Reading {
            object,
            map: object.frame_map(),
            imported,
            slots,
        }
    }

    fn functions(&self) -> Vec<FunctionFrames> {
        let object = self.object;
        let frames = object.frames();
        let function = |(defined, frame): (u32, _)| {
            let frame: wamr_aot_loader::format::frames::FrameView<'_> = frame;
            let index = self.imported.saturating_add(defined);
            let end = frames.get(defined.saturating_add(1));
            let end = end.map_or(u32::MAX, |next| next.wasm_offset);
            FunctionFrames {
                index,
                name: object
                    .names()
                    .and_then(|names| names.function(index))
                    .map(str::to_owned),
                ty: object
                    .module()
                    .function_type(index)
                    .map_or_else(String::new, |ty| function_type(&ty)),
                offset: frame.wasm_offset,
                code_size: frame.code_size,
                record: frame.has_record,
                locals: self.locals(defined),
                sites: self
                    .map
                    .sites(frame.wasm_offset..end)
                    .map(|site| self.site(&site))
                    .collect(),
                returns: self
                    .map
                    .records(defined)
                    .map(|record| {
                        let mut frames: Vec<_> =
                            record.frames().map(|frame| self.frame(&frame)).collect();
                        frames.reverse();
                        Return {
                            offset: record.return_offset,
                            frames,
                        }
                    })
                    .collect(),
            }
        };
        (0..).zip(frames.iter()).map(function).collect()
    }

    fn slots_of(&self, defined: u32) -> &[Option<(u32, ValType)>] {
        let slots = usize::try_from(defined)
            .ok()
            .and_then(|defined| self.slots.get(defined));
        slots.map_or(&[], Vec::as_slice)
    }

    fn locals(&self, defined: u32) -> Vec<LocalSlot> {
        let names = self.object.names();
        let function = self.imported.saturating_add(defined);
        let mut names: BTreeMap<u32, &str> = names
            .into_iter()
            .flat_map(|names| names.locals(function))
            .collect();
        (0..)
            .zip(self.slots_of(defined))
            .filter_map(|(slot, local)| {
                let (index, ty) = (*local)?;
                Some(LocalSlot {
                    slot,
                    name: names.remove(&index).map(str::to_owned),
                    ty: ty.to_string(),
                })
            })
            .collect()
    }

    fn site(&self, site: &SiteView<'_>) -> Site {
        let shows = site
            .slots()
            .filter_map(|slot| self.slot(site, slot))
            .collect();
        Site {
            ip: site.ip,
            kind: site.kind.name(),
            shows: site.is_available.then_some(shows),
        }
    }

    /// `l3:i32` or `o0:f64`, by the number of the local and of the slot; `None` for the second slot of a
    /// value.
    fn slot(&self, site: &SiteView<'_>, slot: Slot) -> Option<String> {
        match slot {
            Slot::Operand { is_high: true, .. } => None,
            Slot::Operand { slot, ty, .. } => Some(format!("o{slot}:{ty}")),
            Slot::Local(slot) => {
                let defined = self.object.frames().function_of(site.ip);
                let slots = defined.map_or(&[][..], |defined| self.slots_of(defined));
                let at = usize::try_from(slot).unwrap_or(usize::MAX);
                match slots.get(at) {
                    Some(Some((local, ty))) => Some(format!("l{local}:{ty}")),
                    Some(None) => None,
                    None => Some(format!("slot {slot}, which the function has not")),
                }
            }
        }
    }

    fn frame(&self, frame: &MappedFrame<'_>) -> Frame {
        let site = &frame.site;
        let values = frame.values().map(|values| {
            let mut texts: Vec<String> = Vec::new();
            for (slot, location) in values {
                let place = self.place(location);
                match (self.slot(site, slot), texts.last_mut()) {
                    (Some(name), _) => texts.push(format!("{name}={place}")),
                    // The high half of the value before.
                    (None, Some(text)) => {
                        text.push(',');
                        text.push_str(&place);
                    }
                    (None, None) => texts.push(place),
                }
            }
            texts
        });
        Frame {
            function: (self.object.frames().function_of(site.ip))
                .map(|defined| self.imported.saturating_add(defined)),
            ip: site.ip,
            kind: site.kind.name(),
            values,
        }
    }

    fn place(&self, location: Location) -> String {
        match location {
            Location::Constant(value) => value.to_string(),
            Location::Register(register) => self.register(register),
            Location::Memory { register, offset } => {
                format!("[{}{offset:+}]", self.register(register))
            }
            Location::Unavailable => "?".to_owned(),
        }
    }

    fn register(&self, number: u8) -> String {
        let register = Register(number.into());
        let name = match self.object.header().machine {
            Machine::X86_64 => gimli::X86_64::register_name(register),
            Machine::Aarch64 => gimli::AArch64::register_name(register),
            Machine::Riscv => gimli::RiscV::register_name(register),
        };
        name.map_or_else(|| format!("r{number}"), str::to_lowercase)
    }
}

impl FramesReport {
    fn name(&self, index: Option<u32>) -> String {
        let Some(index) = index else {
            return "?".to_owned();
        };
        let first = self.functions.first().map_or(0, |first| first.index);
        let defined = index
            .checked_sub(first)
            .and_then(|defined| usize::try_from(defined).ok());
        let name = defined
            .and_then(|defined| self.functions.get(defined))
            .and_then(|function| function.name.as_deref());
        name.map_or_else(|| format!("$f{index}"), printable)
    }
}

impl fmt::Display for FramesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Frames: {}, {}", self.strategy, join(&self.capture))?;
        let count = |count: fn(&FunctionFrames) -> usize| -> usize {
            self.functions.iter().map(count).sum()
        };
        writeln!(
            f,
            "  {} sites, {} return addresses; frame map {} bytes, unwind table {} bytes, code {} bytes",
            count(|function| function.sites.len()),
            count(|function| function.returns.len()),
            self.frame_map_size,
            self.unwind_size,
            self.code_size,
        )?;
        for function in &self.functions {
            writeln!(
                f,
                "\n{} {}{}  at {:#x}, {} bytes of code",
                self.name(Some(function.index)),
                function.ty,
                if function.record {
                    ", keeps a record"
                } else {
                    ""
                },
                function.offset,
                function.code_size,
            )?;
            if !function.locals.is_empty() {
                let slots = (0..)
                    .zip(&function.locals)
                    .map(|(local, slot): (u32, _)| match &slot.name {
                        Some(name) => {
                            format!("l{local}({}):{}={}", printable(name), slot.ty, slot.slot)
                        }
                        None => format!("l{local}:{}={}", slot.ty, slot.slot),
                    });
                writeln!(f, "  slots  {}", join(&slots.collect::<Vec<_>>()))?;
            }
            for site in &function.sites {
                let shows = match &site.shows {
                    Some(shows) => join(shows),
                    None => "values not available".to_owned(),
                };
                writeln!(f, "  {:#010x}  {}  {shows}", site.ip, site.kind)?;
            }
            for address in &function.returns {
                let mut prefix = format!("+{:#x}", address.offset);
                for frame in &address.frames {
                    let values = match &frame.values {
                        Some(values) => join(values),
                        None => "values not available".to_owned(),
                    };
                    let inlined = if frame.function == Some(function.index) {
                        String::new()
                    } else {
                        format!(" in {}", self.name(frame.function))
                    };
                    writeln!(
                        f,
                        "  {prefix:>8}  {} {:#x}{inlined}  {values}",
                        frame.kind, frame.ip
                    )?;
                    prefix = String::new();
                }
            }
        }
        Ok(())
    }
}

fn join(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(" ")
    }
}
