//! The report as people read it.

use std::fmt;

use super::{HeaderReport, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        header(f, &self.header)?;
        if let Some(problem) = &self.problem {
            writeln!(
                f,
                "\nThe loader of this build refuses the object: {problem}"
            )?;
        }
        title(f, "Sections", self.sections.len())?;
        writeln!(
            f,
            "  {:>10}  {:>10}  {:>6}  {:5}  name",
            "offset", "size", "relocs", ""
        )?;
        for s in &self.sections {
            let kind = match (s.allocated, s.code) {
                (_, true) => "code",
                (true, _) => "alloc",
                _ => "",
            };
            writeln!(
                f,
                "  {:>#10x}  {:>10}  {:>6}  {kind:5}  {}",
                s.offset,
                s.size,
                s.relocations,
                printable(&s.name)
            )?;
        }
        numbered(f, "Types", &self.types)?;
        title(f, "Imports", self.imports.len())?;
        for import in &self.imports {
            let (module, name) = (printable(&import.module), printable(&import.name));
            writeln!(f, "  {:6}  {module}.{name}  {}", import.kind, import.ty)?;
        }
        self.functions(f)?;
        numbered(f, "Tables", &self.tables)?;
        numbered(f, "Memories", &self.memories)?;
        numbered(f, "Globals", &self.globals)?;
        numbered(f, "Tags", &self.tags)?;
        title(f, "Exports", self.exports.len())?;
        for export in &self.exports {
            writeln!(
                f,
                "  {:6}  {:>6}  {}",
                export.kind,
                export.index,
                printable(&export.name)
            )?;
        }
        if let Some(start) = self.start {
            writeln!(f, "\nStart function: {start}")?;
        }
        numbered(f, "Element segments", &self.elements)?;
        numbered(f, "Data segments", &self.data)?;
        title(f, "Builtins", self.builtins.len())?;
        self.builtins
            .iter()
            .try_for_each(|symbol| writeln!(f, "  {symbol}"))
    }
}

impl Report {
    fn functions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        title(f, "Functions and frames", self.functions.len())?;
        writeln!(
            f,
            "  {:>6}  {:>8}  {:>5}  {:>7}  {:>6}  {:>7}  {:>8}  {:5}  name",
            "index", "code", "traps", "inlined", "unwind", "handled", "operands", ""
        )?;
        for function in &self.functions {
            let frame = &function.frame;
            let flags = match (frame.record, frame.references) {
                (true, true) => "R ref",
                (true, false) => "R",
                (false, true) => "  ref",
                (false, false) => "",
            };
            write!(
                f,
                "  {:>6}  {:>8}  {:>5}  {:>7}  {:>6}  {:>7}  {:>8}  {flags:5}  {}  {}",
                function.index,
                function.code_size,
                function.trap_rows,
                function.inlined_calls,
                function.unwind_rows,
                function.handled_calls,
                frame.max_operand_slots,
                function
                    .name
                    .as_deref()
                    .map_or_else(|| format!("$f{}", function.index), printable),
                function.ty,
            )?;
            if !frame.locals.is_empty() {
                write!(f, "  locals {}", frame.locals.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn header(f: &mut fmt::Formatter<'_>, header: &HeaderReport) -> fmt::Result {
    let list = |names: &[&str]| {
        if names.is_empty() {
            "-".to_owned()
        } else {
            names.join(" ")
        }
    };
    writeln!(f, "Header")?;
    for (name, value) in [
        ("format version", header.format_version.to_string()),
        ("producer", printable(&header.producer)),
        ("total length", format!("{} bytes", header.total_length)),
        ("content hash", header.content_hash.clone()),
        (
            "signed",
            if header.signed { "yes" } else { "no" }.to_owned(),
        ),
        (
            "required features",
            format!("{:#x}", header.required_features),
        ),
        (
            "optional features",
            format!("{:#x}", header.optional_features),
        ),
        ("machine", header.machine.to_owned()),
        (
            "pointer width",
            format!(
                "{} bytes, {}-endian",
                header.pointer_width, header.endianness
            ),
        ),
        ("ABI", header.abi.to_owned()),
        ("CPU features", list(&header.cpu_features)),
        ("ABI hash", header.abi_hash.clone()),
        ("frame strategy", header.frame_strategy.to_owned()),
        ("frames carry", list(&header.capture)),
        ("polls", header.poll.to_owned()),
        ("memory model", header.memory_model.to_owned()),
        ("wasm features", list(&header.wasm_features)),
        (
            "functions",
            format!(
                "{} defined, {} imported",
                header.defined_functions, header.imported_functions
            ),
        ),
        ("types", header.types.to_string()),
        ("image size", format!("{} bytes", header.image_size)),
        ("source module", header.source_hash.clone()),
    ] {
        writeln!(f, "  {name:18}{value}")?;
    }
    title(f, "Layout constants", header.layout.len())?;
    for constant in &header.layout {
        write!(f, "  {:34}{:>6}", constant.name, constant.value)?;
        match constant.expected {
            Some(expected) => writeln!(f, "  (this build: {expected})")?,
            None => writeln!(f)?,
        }
    }
    Ok(())
}

fn title(f: &mut fmt::Formatter<'_>, text: &str, count: usize) -> fmt::Result {
    writeln!(f, "\n{text} ({count})")
}

fn numbered(f: &mut fmt::Formatter<'_>, text: &str, lines: &[String]) -> fmt::Result {
    title(f, text, lines.len())?;
    lines
        .iter()
        .enumerate()
        .try_for_each(|(index, line)| writeln!(f, "  {index:>6}  {line}"))
}

/// Names come from the module: nothing in them may reach the terminal but text.
pub(super) fn printable(name: &str) -> String {
    name.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
